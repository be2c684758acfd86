import assert from "node:assert/strict";
import { type LoopPorts, startLoop } from "../../src/agent/loop.ts";
import type { Effect } from "../../src/core/effect.ts";
import { initialState, NOTHING_DURABLE } from "../../src/core/initial.ts";
import { settingsFor } from "../core/world.ts";

function fresh() {
  return initialState({
    settings: settingsFor(["n1"], "n1"),
    durable: { ...NOTHING_DURABLE, memory: "0000000a" },
    nowMs: 0,
    seed: 1,
  });
}

/** Ports that write down what happens; persisting takes as long as `gate` says. */
function recorder(gate: () => Promise<void>) {
  const trace: string[] = [];
  const failure = Promise.withResolvers<unknown>();
  const ports: LoopPorts = {
    nowMs: () => performance.now(),
    async persist(durable) {
      trace.push(`persist ${durable.term} begins`);
      await gate();
      trace.push(`persist ${durable.term} ends`);
    },
    start: (effect: Effect) =>
      void trace.push(effect.type === "operate" ? effect.action.type : effect.type),
    unwritten: (error) => assert.fail(`${error}`),
    written: () => {},
    changed: () => void trace.push("changed"),
    broken: failure.resolve,
  };
  return { trace, ports, failed: failure.promise };
}

Deno.test("startLoop() makes a vote durable before anything that rests on it is started", async () => {
  const held = Promise.withResolvers<void>();
  const { trace, ports } = recorder(() => held.promise);
  const loop = startLoop(fresh(), ports);
  loop.submit({ type: "observed", nowMs: 1, server: { state: "absent" } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(trace, ["persist 1 begins"], "the campaign of a single node waits for its disk");
  assert.equal(loop.state().durable.term, 0, "and nobody sees the new state before");
  held.resolve();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await loop.stop();
  const durableAt = trace.indexOf("persist 1 ends");
  assert.ok(durableAt >= 0 && trace.indexOf("initialise") > durableAt);
  assert.ok(loop.state().durable.term === 1);
});

Deno.test("startLoop() takes events that arrive while it waits, in their order", async () => {
  const { trace, ports } = recorder(() => new Promise((resolve) => setTimeout(resolve, 5)));
  const loop = startLoop(fresh(), ports);
  for (let nowMs = 1; nowMs <= 5; nowMs++) {
    loop.submit({ type: "observed", nowMs, server: { state: "absent" } });
  }
  const changes = () => trace.filter((line) => line === "changed").length;
  for (let turn = 0; turn < 1000 && changes() < 5; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await loop.stop();
  assert.ok(changes() >= 5);
  assert.equal(trace.filter((line) => line === "initialise").length, 1);
});

Deno.test("startLoop() stands still while the state cannot be written, and then goes on", async () => {
  let full = true;
  const { trace, ports } = recorder(() =>
    full ? Promise.reject(new Error("No space left on device")) : Promise.resolve()
  );
  const tries: unknown[] = [];
  const third = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const loop = startLoop(fresh(), {
    ...ports,
    unwritten(error, state) {
      tries.push([error instanceof Error && error.message, state.durable.term]);
      if (tries.length === 3) third.resolve();
    },
    written: written.resolve,
  });
  loop.submit({ type: "observed", nowMs: 1, server: { state: "absent" } });
  await third.promise;
  // What comes meanwhile is as good as lost.
  loop.submit({ type: "observed", nowMs: 2, server: { state: "absent" } });
  assert.deepEqual(tries, Array(3).fill(["No space left on device", 0]));
  assert.equal(trace.some((line) => !line.startsWith("persist 1 begins")), false, `${trace}`);
  assert.equal(loop.state().durable.term, 0);
  full = false;
  await written.promise;
  while (!trace.includes("changed")) await new Promise((resolve) => setTimeout(resolve, 1));
  await loop.stop();
  assert.ok(trace.indexOf("initialise") > trace.indexOf("persist 1 ends"));
  assert.equal(loop.state().durable.term, 1);
});

Deno.test("startLoop() can be stopped while the state cannot be written, and starts nothing", async () => {
  const { trace, ports } = recorder(() => Promise.reject(new Error("disk full")));
  const tried = Promise.withResolvers<void>();
  const loop = startLoop(fresh(), { ...ports, unwritten: () => tried.resolve() });
  loop.submit({ type: "observed", nowMs: 1, server: { state: "absent" } });
  await tried.promise;
  await loop.stop();
  assert.equal(trace.every((line) => line === "persist 1 begins"), true, `${trace}`);
});

Deno.test("startLoop() ends where the core breaks", async () => {
  const { ports, failed } = recorder(() => Promise.resolve());
  const loop = startLoop(fresh(), {
    ...ports,
    start: () => {
      throw new Error("a broken rule");
    },
  });
  loop.submit({ type: "observed", nowMs: 1, server: { state: "absent" } });
  const error = await failed;
  assert.ok(error instanceof Error && error.message === "a broken rule");
});

Deno.test("startLoop() wakes the core by itself when it asked for it", async () => {
  const { trace, ports } = recorder(() => Promise.resolve());
  const loop = startLoop(fresh(), ports);
  loop.submit({ type: "observed", nowMs: performance.now(), server: { state: "absent" } });
  const changes = () => trace.filter((line) => line === "changed").length;
  for (let turn = 0; turn < 1000 && changes() < 2; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await loop.stop();
  assert.ok(changes() >= 2, "a tick came without an event");
});
