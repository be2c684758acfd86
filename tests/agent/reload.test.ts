import assert from "node:assert/strict";
import { routerOptions } from "../../src/agent/plan.ts";
import { type ConfigReading, holdConfig, keepConfig } from "../../src/agent/reload.ts";
import { steer } from "../../src/agent/steering.ts";
import type { Log } from "../../src/core/log.ts";
import { config, VALID } from "../config/support.ts";
import { stateOf } from "../core/fixtures.ts";

/** A reloader over a file that can be replaced. */
function world(everyMs = 3_600_000) {
  let text = VALID;
  let reading: (text: string) => ConfigReading = (now) => ({ ok: true, config: config(now) });
  const lines: { level: string; event: string; fields: Record<string, unknown> }[] = [];
  const log: Log = (level, event, fields = {}) => void lines.push({ level, event, fields });
  const effective = holdConfig(config(VALID));
  const reloader = keepConfig({
    effective,
    source: { file: "node1.yaml", text: () => text, read: () => reading(text) },
    log,
    everyMs,
  });
  return {
    effective,
    reloader,
    lines,
    write(next: string, refused: readonly string[] = []) {
      text = next;
      reading = refused.length === 0
        ? (now) => ({ ok: true, config: config(now) })
        : () => ({ ok: false, problems: refused });
    },
  };
}

Deno.test("reload() puts live settings into effect under their readers, and names the rest", () => {
  const { effective, reloader, lines, write } = world();
  try {
    const options = routerOptions(effective.config, { tls: null, serverAuthority: null });
    assert.equal(options.writeTimeoutMs, 10_000);
    write(`${VALID}load_balancer: { write_timeout: 2s }\nrouter: { port: 7000 }\n`);
    const reloaded = reloader.reload("a test");
    assert.ok(reloaded.ok);
    assert.deepEqual(reloaded.applied.map(({ setting }) => setting), [
      "load_balancer.write_timeout",
    ]);
    assert.deepEqual(reloaded.pending.map(({ setting }) => setting), ["router.port"]);
    assert.deepEqual([options.writeTimeoutMs, options.port], [2000, 6432]);
    assert.match(reloader.problems().join(), /restarted for router\.port/);
    assert.equal(lines.at(-1)?.fields.needs_restart, "router.port");
    write(VALID);
    reloader.reload("a test");
    assert.equal(options.writeTimeoutMs, 10_000);
    assert.deepEqual(reloader.problems(), []);
  } finally {
    reloader.stop();
  }
});

Deno.test("reload() keeps what is in effect where the file cannot be used", () => {
  const { effective, reloader, lines, write } = world();
  try {
    const problem = "node1.yaml:3:9: log.level must be one of …";
    write(`${VALID}log: { level: debug }\n`, [problem]);
    assert.deepEqual(reloader.reload("a test"), { ok: false, problems: [problem] });
    assert.equal(effective.config.log.level, "info");
    assert.match(reloader.problems().join(), /node1\.yaml:3:9/);
    assert.deepEqual([lines.at(-1)?.level, lines.at(-1)?.fields.because], ["error", problem]);
    write(`${VALID}log: { level: debug }\n`);
    reloader.reload("a test");
    assert.equal(effective.config.log.level, "debug");
    assert.deepEqual(reloader.problems(), []);
  } finally {
    reloader.stop();
  }
});

Deno.test("keepConfig() reloads a file that changed, once, without being asked", async () => {
  const { effective, reloader, lines, write } = world(1);
  const reloads = () => lines.filter(({ event }) => event === "reload").length;
  try {
    write(`${VALID}log: { level: debug }\n`);
    const limit = AbortSignal.timeout(20_000);
    while (reloads() === 0) {
      assert.ok(!limit.aborted);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.equal(effective.config.log.level, "debug");
    assert.equal(reloader.reload("a test").ok, true);
    assert.equal(reloads(), 2, "one by itself and one of the test's");
  } finally {
    reloader.stop();
  }
});

Deno.test("steer() tells an operator what was applied, what waits, and what is wrong", async () => {
  const { reloader, write } = world();
  try {
    const steps = async () => {
      const ports = {
        state: () => stateOf("a"),
        ask: () => Promise.resolve(null),
        pause: {
          current: () => null,
          begin: () => Promise.resolve(),
          end: () => Promise.resolve(),
        },
        reloader,
        driver: () => null,
      };
      return (await Array.fromAsync(steer({ action: "reload" }, ports)));
    };
    assert.deepEqual(await steps(), [{ step: "nothing has changed", outcome: "succeeded" }]);
    write(`${VALID}log: { level: debug }\nrouter: { port: 7000 }\n`);
    assert.deepEqual((await steps()).map(({ step }) => step), [
      "log.level: info → debug",
      "router.port needs a restart of the agent: it is read when the listeners are opened",
      "log.level: info → debug; after a restart of the agent: router.port",
    ]);
    write("", ["node1.yaml:1:1: wrong", "node1.yaml:2:1: wrong too"]);
    assert.deepEqual(await steps(), [
      { step: "node1.yaml:2:1: wrong too", outcome: "running" },
      {
        step: "nothing was changed, since the file cannot be used: node1.yaml:1:1: wrong",
        outcome: "failed",
      },
    ]);
  } finally {
    reloader.stop();
  }
});
