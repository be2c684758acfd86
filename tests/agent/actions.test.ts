import assert from "node:assert/strict";
import { driveServer } from "../../src/agent/actions.ts";
import type { Event } from "../../src/core/event.ts";
import type { ServerAction, ServerObservation } from "../../src/core/server.ts";
import type { ActionOutcome, LocalServer } from "../../src/postgres/server.ts";

/** A server whose observations and actions end when the test says so. */
function fakeServer() {
  const looks: ((found: ServerObservation) => void)[] = [];
  const actions: { action: ServerAction; end: (outcome: ActionOutcome) => void }[] = [];
  let exit = () => {};
  const server: LocalServer = {
    observe: () => new Promise((resolve) => looks.push(resolve)),
    finding: () => null,
    setback: () => null,
    run: (action, { signal } = {}) =>
      new Promise((end) => {
        actions.push({ action, end });
        const because = "aborted";
        signal?.addEventListener("abort", () => end({ ok: false, failure: "failed", because }));
      }),
    discard: () => Promise.resolve({ ok: true, result: { type: "done" } }),
    onExit: (callback) => void (exit = callback),
    limitations: [],
    dataDir: null,
    worksAsPrimary: () => Promise.resolve(false),
    writeOut: () => Promise.resolve(),
    measure: () => Promise.resolve(null),
    care: () => Promise.resolve(null),
    roles: {
      find: () => Promise.resolve({ ok: true, privileged: false, stored: null }),
      forget: () => {},
      close: () => {},
    },
    close: () => Promise.resolve(),
  };
  return { server, looks, actions, exit: () => exit() };
}

function drive(server: LocalServer | null) {
  const events: Event[] = [];
  const driver = driveServer(server, {
    heartbeatIntervalMs: 10_000,
    submit: (event) => void events.push(event),
    log: () => {},
  });
  return { events, driver };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 1));
const ABSENT: ServerObservation = { state: "absent" };
const STARTING: ServerObservation = { state: "starting", because: "" };

Deno.test("driveServer() looks at once, and submits what it finds", async () => {
  const { server, looks } = fakeServer();
  const { events, driver } = drive(server);
  looks.shift()!(ABSENT);
  await settle();
  assert.deepEqual(events.map((event) => event.type), ["observed"]);
  await driver.stop();
});

Deno.test("driveServer() throws away a look that an action overtook, and looks again", async () => {
  const { server, looks, actions } = fakeServer();
  const { events, driver } = drive(server);
  driver.run(1, { type: "fence" });
  looks.shift()!(STARTING);
  await settle();
  assert.equal(events.length, 0, "it describes a server from before the fence");
  actions[0]!.end({ ok: true, result: { type: "done" } });
  await settle();
  looks.shift()!(STARTING);
  await settle();
  looks.shift()!(ABSENT);
  await settle();
  assert.deepEqual(events.map((event) => event.type), ["action_done", "observed"]);
  assert.deepEqual(driver.observation(), ABSENT);
  await driver.stop();
});

Deno.test("driveServer() looks at once when the server exits", async () => {
  const { server, looks, exit } = fakeServer();
  const { driver } = drive(server);
  looks.shift()!(STARTING);
  await settle();
  assert.equal(looks.length, 0);
  exit();
  assert.equal(looks.length, 1);
  looks.shift()!(ABSENT);
  await driver.stop();
});

Deno.test("driveServer() reports a failed action in the core's terms", async () => {
  const { server, looks, actions } = fakeServer();
  const { events, driver } = drive(server);
  looks.shift()!(ABSENT);
  driver.run(7, { type: "revoke" });
  actions[0]!.end({ ok: false, failure: "unsupported", because: "no" });
  await settle();
  const event = events.find((one) => one.type === "action_failed");
  assert.ok(event?.type === "action_failed");
  assert.deepEqual([event.operation, event.failure, event.because], [7, "unsupported", "no"]);
  looks.shift()?.(ABSENT);
  await driver.stop();
});

Deno.test("driveServer() says absent for a witness, which has no server", async () => {
  const { events, driver } = drive(null);
  await settle();
  assert.ok(events[0]?.type === "observed");
  assert.deepEqual(events[0].server, ABSENT);
  await driver.stop();
});

Deno.test("abandonCopy() ends a copy as one that failed, and nothing else", async () => {
  const { server, looks, actions } = fakeServer();
  const { events, driver } = drive(server);
  looks.shift()!(ABSENT);
  await settle();
  assert.equal(driver.abandonCopy(), null);
  driver.run(1, { type: "fence" });
  assert.equal(driver.abandonCopy(), null);
  actions.shift()!.end({ ok: true, result: { type: "done" } });
  await settle();
  const upstream = { node: "a", host: "db1", port: 5432 };
  driver.run(2, { type: "clone", incarnation: "i", upstream });
  await driver.abandonCopy();
  const failed = events.find((event) => event.type === "action_failed");
  assert.deepEqual([failed?.operation, failed?.because], [2, "aborted"]);
  assert.equal(driver.running(), null);
  assert.equal(driver.abandonCopy(), null);
  await driver.stop();
});

Deno.test("exclusively() keeps the core from seeing and touching the server until it ends", async () => {
  const { server, looks, actions } = fakeServer();
  const { events, driver } = drive(server);
  looks.shift()!(STARTING);
  await settle();
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = driver.exclusively(async ({ run }) => {
    const outcome = await run({ type: "stop" });
    await promise;
    return outcome.ok;
  });
  assert.notEqual(work, null);
  assert.equal(driver.exclusively(() => Promise.resolve()), null, "there is one at a time");
  assert.equal(driver.running()?.action, "stop");
  driver.run(7, { type: "start_standby" });
  driver.lookNow();
  looks.shift()!(ABSENT);
  await settle();
  assert.deepEqual(events.map((event) => event.type), ["observed", "action_failed"]);
  assert.deepEqual(actions.map(({ action }) => action.type), ["stop"]);
  actions[0]!.end({ ok: true, result: { type: "done" } });
  resolve();
  assert.equal(await work, true);
  await settle();
  looks.shift()!(ABSENT);
  await settle();
  assert.equal(events.at(-1)?.type, "observed");
  await driver.stop();
});

Deno.test("exclusively() ends at a fence: nothing is done after it", async () => {
  const { server, actions } = fakeServer();
  const { driver } = drive(server);
  const work = driver.exclusively(async ({ run }) => {
    await run({ type: "stop" });
    const started = await run({ type: "start_primary", sync: { names: [], required: 0 } });
    return started.ok ? "" : started.because;
  });
  driver.run(1, { type: "fence" });
  actions[0]!.end({ ok: false, failure: "failed", because: "preempted" });
  assert.match(await work!, /had to be fenced/);
  assert.deepEqual(actions.map(({ action }) => action.type), ["stop", "fence"]);
  await driver.stop();
});
