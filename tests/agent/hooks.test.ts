import assert from "node:assert/strict";
import { createHooks } from "../../src/agent/hooks.ts";
import { type HookEnd, MAXIMUM_OUTPUT, runHook } from "../../src/agent/hook_run.ts";
import type { Event } from "../../src/core/event.ts";
import { describe } from "../../src/core/view.ts";
import type { ServerDriver } from "../../src/agent/actions.ts";
import type { HooksConfig } from "../../src/config/mod.ts";
import { config, VALID } from "../config/support.ts";
import { durableOf, leaderState, recordOf, standbyServer, stateOf } from "../core/fixtures.ts";

const ALL: HooksConfig = {
  beforePromotion: ["/before"],
  onRoleChange: ["/role"],
  afterFailover: ["/after"],
  onLostDurability: ["/lost"],
  timeoutMs: 1000,
  vetoLimitMs: 60_000,
};

const CHANGE = {
  node: "node1",
  term: 7,
  timeline: 3,
  from: "node2",
  to: "node1",
  kind: "unplanned",
  rule: null,
  because: "node2 is gone",
  votes: null,
  outage_ms: 1234.5,
  loss: "none",
  loss_because: null,
  asked_by: null,
  operator: null,
  tool: null,
} as const;

/** Hooks that run nothing; what they would run is kept, and ends as the test says. */
function world(
  hooks: Partial<HooksConfig> = {},
  ends: (words: readonly string[]) => boolean = () => true,
) {
  const ran: { words: readonly string[]; environment: Readonly<Record<string, string>> }[] = [];
  const lines: { level: string; event: string; fields: Record<string, unknown> }[] = [];
  const made = createHooks({
    config: { ...config(VALID), hooks: { ...ALL, ...hooks } },
    log: (level, event, fields = {}) => void lines.push({ level, event, fields }),
    run: (words, { environment }) => {
      ran.push({ words, environment });
      const ok = ends(words);
      const end: HookEnd = { ok, because: ok ? "" : "it ended with 1", output: "", elapsedMs: 1 };
      return Promise.resolve(end);
    },
  });
  return { hooks: made, ran, lines };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 1));

const leader = (required: number, phase: "leading" | "promoting" = "leading") =>
  leaderState({ phase, leaseUntilMs: 200_000 }, {
    durable: durableOf({ record: recordOf({ required }) }),
  });
const standby = () => stateOf("a", { server: standbyServer("a") });

function driver() {
  const actions: string[] = [];
  const events: Event[] = [];
  const inner = { run: (_: number, { type }: { type: string }) => void actions.push(type) };
  return { actions, events, inner: inner as unknown as ServerDriver };
}

Deno.test("createHooks() tells a change of role, and not what an agent finds at its start", async () => {
  const { hooks, ran } = world();
  const look = (state: ReturnType<typeof standby>) =>
    hooks.changed(state, describe(state, 100_000));
  look(standby());
  look(leader(1, "promoting"));
  await settle();
  assert.equal(ran.length, 0, "neither the start nor what is passed through is a change");
  look(leader(1));
  look(leader(1));
  await settle();
  assert.deepEqual(ran.map(({ words }) => words), [["/role"]]);
  // A standby whose server is not seen for a moment; what is told is what was so then.
  look(standby());
  look(stateOf("a", { server: null }));
  look(standby());
  look(leader(1));
  await settle();
  assert.deepEqual(
    ran.map(({ environment }) => `${environment.METAKO_OLD_ROLE} ${environment.METAKO_ROLE}`),
    ["standby primary", "primary standby", "standby primary"],
  );
  const { environment } = ran[0]!;
  assert.equal(environment.METAKO_EVENT, "on_role_change");
  assert.equal(environment.METAKO_ROLE, "primary");
  assert.notEqual(environment.METAKO_OLD_ROLE, "primary");
  assert.equal(environment.METAKO_NODE, "node1");
});

Deno.test("createHooks() tells when a primary's commits begin to be on it alone, once", async () => {
  const { hooks, ran } = world({ onRoleChange: null });
  for (const required of [0, 1, 1, 0, 0, 1]) {
    const state = leader(required);
    hooks.changed(state, describe(state, 100_000));
  }
  await settle();
  assert.deepEqual(ran.map(({ words }) => words), [["/lost"]]);
});

Deno.test("createHooks() tells a new primary of a failover, and nobody of the first start", async () => {
  const { hooks, ran } = world();
  hooks.primaryChanged({ ...CHANGE, to: "node3" });
  hooks.primaryChanged({ ...CHANGE, kind: "first" });
  hooks.primaryChanged({ ...CHANGE, from: "node1" });
  hooks.primaryChanged(CHANGE);
  await settle();
  assert.equal(ran.length, 1);
  const { METAKO_KIND, METAKO_OLD_PRIMARY, METAKO_OUTAGE_MS, METAKO_LOSS } = ran[0]!.environment;
  assert.deepEqual(
    [METAKO_KIND, METAKO_OLD_PRIMARY, METAKO_OUTAGE_MS, METAKO_LOSS],
    ["unplanned", "node2", "1235", "none"],
  );
});

Deno.test("drive() asks before the pre-flight, and fails it where there is no consent", async () => {
  let consents = false;
  const { hooks } = world({}, () => consents);
  const { actions, events, inner } = driver();
  const driven = hooks.drive(inner, (event) => void events.push(event));
  driven.run(4, { type: "prepare" });
  await settle();
  assert.deepEqual([actions, events.map(({ type }) => type)], [[], ["action_failed"]]);
  const [failed] = events;
  assert.match(failed?.type === "action_failed" ? failed.because : "", /it ended with 1/);
  driven.run(5, { type: "fence" });
  assert.deepEqual(actions, ["fence"], "nothing else is asked about");
  consents = true;
  driven.run(6, { type: "prepare" });
  await settle();
  assert.deepEqual(actions, ["fence", "prepare"]);
});

Deno.test("drive() goes on without consent once there was no primary for the limit", async () => {
  const { hooks, lines } = world({ vetoLimitMs: 0 }, () => false);
  const { actions, events, inner } = driver();
  hooks.drive(inner, (event) => void events.push(event)).run(1, { type: "prepare" });
  await settle();
  assert.deepEqual([actions, events], [["prepare"], []]);
  assert.ok(lines.some(({ level, event }) => level === "error" && event === "veto_over"));
});

Deno.test("createHooks() leaves out what would wait behind too many others", async () => {
  const { hooks, ran, lines } = world();
  for (let i = 0; i < 20; i++) hooks.primaryChanged(CHANGE);
  await settle();
  assert.equal(ran.length, 16);
  assert.equal(lines.filter(({ fields }) => fields.outcome === "left_out").length, 4);
});

const shell = (script: string, timeoutMs = 20_000) =>
  runHook(["/bin/sh", "-c", script], { environment: { METAKO_EVENT: "test" }, timeoutMs });

Deno.test("runHook() passes the environment, and nothing of the agent's own", async () => {
  Deno.env.set("METAKO_TEST_SECRET", "hunter2");
  try {
    const { ok, output } = await shell("env");
    assert.ok(ok);
    assert.match(output, /^METAKO_EVENT=test$/m);
    assert.match(output, /^PATH=/m);
    assert.doesNotMatch(output, /hunter2|HOME=/);
  } finally {
    Deno.env.delete("METAKO_TEST_SECRET");
  }
});

Deno.test("runHook() says how a command ended, and keeps what it printed", async () => {
  const failed = await shell("echo out; echo err >&2; exit 3");
  assert.deepEqual([failed.ok, failed.because], [false, "it ended with 3"]);
  assert.match(failed.output, /out/);
  assert.match(failed.output, /err/);
  const loud = await shell("yes | head -c 100000");
  assert.ok(loud.ok && loud.output.length <= MAXIMUM_OUTPUT);
  const missing = await runHook(["/nonexistent/hook"], { environment: {}, timeoutMs: 1000 });
  assert.match(missing.because, /cannot be started/);
});

Deno.test("runHook() ends a command that takes too long, and one that ignores SIGTERM", async () => {
  const late = await shell("exec sleep 60", 50);
  assert.deepEqual([late.ok, late.because], [false, "it did not end within 50 ms"]);
  const deaf = await shell("trap '' TERM; while :; do sleep 0.05; done", 50);
  assert.deepEqual([deaf.ok, deaf.because], [false, "it did not end within 50 ms"]);
});

Deno.test("runHook() does not wait for what a command leaves in the background", async () => {
  const { ok, output } = await shell("sleep 5 & echo started");
  assert.deepEqual([ok, output], [true, "started"]);
});
