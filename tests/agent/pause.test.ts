import assert from "node:assert/strict";
import type { ServerDriver } from "../../src/agent/actions.ts";
import type { Steps } from "../../src/agent/hand.ts";
import { keepPause, type PauseKeeper } from "../../src/agent/pause.ts";
import { openPauseFile, type Pause } from "../../src/agent/pause_file.ts";
import { steer } from "../../src/agent/steering.ts";
import type { NodeStatus } from "../../src/coordination/status.ts";
import type { State } from "../../src/core/state.ts";
import { STATUS } from "../coordination/support.ts";
import { durableOf, leaderState, stateOf } from "../core/fixtures.ts";

const ID = "00000000-0000-4000-8000-000000000001";
const WANTED = { id: ID, reason: "new switch", by: "ann@db1" };
const SHOWN: NonNullable<NodeStatus["paused"]> = {
  ...WANTED,
  since: "2026-01-01T00:00:00Z",
  holds_primary: true,
  held: null,
};

/** A keeper in a folder of its own; `peers` says what each other member's status would be. */
async function withKeeper(
  given: {
    readonly state: State;
    readonly pause?: Pause;
    readonly peers?: Record<string, NodeStatus | null>;
  },
  test: (world: {
    readonly keeper: PauseKeeper;
    readonly driver: ServerDriver;
    /** What was carried out. */
    readonly ran: string[];
    readonly restarts: () => number;
    set(state: State): void;
    onDisk(): Promise<Pause | null>;
  }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  let { state } = given;
  let restarts = 0;
  const ran: string[] = [];
  const file = openPauseFile(folder);
  const { peers = {} } = given;
  const keeper = keepPause({
    file,
    pause: given.pause ?? null,
    state: () => state,
    ask: (node) => Promise.resolve(peers[node] ?? null),
    peers: () =>
      Object.entries(peers).map(([node, status]) => ({
        node,
        agent: "ok",
        consecutiveFailures: 0,
        lastSeenMsAgo: 0,
        status,
        because: null,
      })),
    restartCore: () => Promise.resolve(void restarts++),
    log: () => {},
  });
  const driver = keeper.drive({
    run: (_, { type }) => void ran.push(type),
    exclusively: () => null,
    abandonCopy: () => null,
    lookNow: () => {},
    observation: () => null,
    running: () => null,
    ended: () => "not",
    standing: () => ({ closed: true, fenceFailed: false }),
    end: () => Promise.resolve({ ok: true, result: { type: "done" } }),
    stop: () => Promise.resolve(),
  });
  try {
    await test({
      keeper,
      driver,
      ran,
      restarts: () => restarts,
      set: (next) => state = next,
      async onDisk() {
        const read = await file.read();
        assert.ok(read.ok);
        return read.pause;
      },
    });
  } finally {
    keeper.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

async function until(what: string, ask: () => boolean): Promise<void> {
  const limit = AbortSignal.timeout(20_000);
  while (!ask()) {
    assert.ok(!limit.aborted, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const reloader = { reload: () => assert.fail("nobody asked for a reload") };

async function lastStep(steps: Steps) {
  return (await Array.fromAsync(steps)).at(-1);
}

Deno.test("keepPause() is durable before it holds, and holds back what would change PostgreSQL", async () => {
  await withKeeper({ state: stateOf("b") }, async ({ keeper, driver, ran, restarts, onDisk }) => {
    driver.run(1, { type: "start_standby" });
    await keeper.begin(WANTED);
    assert.equal((await onDisk())?.id, ID);
    driver.run(2, { type: "start_standby" });
    driver.run(3, { type: "set_sync", sync: { names: [], required: 0 } });
    assert.deepEqual(ran, ["start_standby", "set_sync"]);
    driver.run(4, { type: "revoke" });
    assert.equal(keeper.status()?.held, "revoke");
    assert.match(keeper.problems().join(), /paused by ann@db1 \(new switch\)/);
    assert.notEqual(keeper.denial({ type: "vote" } as never), null);
    await keeper.end();
    assert.deepEqual([await onDisk(), keeper.status(), keeper.problems()], [null, null, []]);
    assert.equal(restarts(), 1, "what was held back is decided anew");
    assert.equal(keeper.denial({ type: "vote" } as never), null);
  });
});

Deno.test("keepPause() fences until a majority is paused, then leaves the primary alone", async () => {
  const paused = { ...STATUS, node: "b", paused: SHOWN };
  const before = leaderState();
  await withKeeper({ state: before, peers: { b: paused } }, async (world) => {
    const { keeper, driver, ran, restarts, set, onDisk } = world;
    await keeper.begin(WANTED);
    driver.run(1, { type: "fence" });
    assert.deepEqual(ran, ["fence"]);
    assert.equal(keeper.holdsPrimary(), false);
    // From now on b acknowledges heartbeats that were sent after it said that it is paused.
    assert.ok(before.role.kind === "leader");
    const peer = { ...before.role.peers.b!, ackedSentAtMs: Number.MAX_SAFE_INTEGER };
    const acknowledged = { ...before, role: { ...before.role, peers: { b: peer } } };
    set(acknowledged);
    await until("the primary to be held", keeper.holdsPrimary);
    assert.equal((await onDisk())?.heldTerm, before.durable.term);
    driver.run(2, { type: "fence" });
    assert.deepEqual(ran, ["fence"], "it is left alone");
    await until("the core to take the primary back", () => restarts() === 1);

    driver.run(3, { type: "fence" });
    set({ ...acknowledged, durable: durableOf({ term: before.durable.term + 1 }) });
    keeper.follow();
    assert.deepEqual(ran, ["fence", "fence"], "a newer term ends it at once");
  });
});

Deno.test("keepPause() of a node that was away takes over the pause of the leader that answers", async () => {
  const leader = { ...STATUS, node: "a", paused: SHOWN };
  await withKeeper({ state: stateOf("b"), peers: { a: leader } }, async ({ keeper }) => {
    await until("the pause", () => keeper.current() !== null);
    assert.equal(keeper.current()?.id, ID);
  });
});

Deno.test("steer() pauses a node that is settled, and no other", async () => {
  const pause = { action: "pause", ...WANTED } as const;
  const attempt = (state: State) => {
    const begun: string[] = [];
    const ports = {
      state: () => state,
      ask: () => Promise.resolve(null),
      reloader,
      driver: () => null,
      pause: {
        current: () => null,
        begin: ({ id }: { id: string }) => Promise.resolve(void begun.push(id)),
        end: () => Promise.resolve(),
      },
    };
    return lastStep(steer(pause, ports)).then((step) => [step?.outcome, begun.length]);
  };
  assert.deepEqual(await attempt(stateOf("b")), ["succeeded", 1]);
  assert.deepEqual(await attempt(leaderState()), ["succeeded", 1]);
  assert.deepEqual(await attempt(leaderState({ phase: "promoting" })), ["refused", 0]);
});

Deno.test("steer() resumes the last leader first, and the others when it is, or by force", async () => {
  const attempt = async (self: string, leader: NodeStatus | null, force: boolean) => {
    let ended = 0;
    const step = await lastStep(steer({ action: "resume", force }, {
      state: () => stateOf(self),
      ask: () => Promise.resolve(leader),
      reloader,
      driver: () => null,
      pause: {
        current: () => ({ ...WANTED, since: "", heldTerm: null }),
        begin: () => Promise.resolve(),
        end: () => Promise.resolve(void ended++),
      },
    }));
    return [step?.outcome, ended];
  };
  const still = { ...STATUS, paused: SHOWN };
  assert.deepEqual(await attempt("a", null, false), ["succeeded", 1]);
  assert.deepEqual(await attempt("b", null, false), ["refused", 0]);
  assert.deepEqual(await attempt("b", still, false), ["refused", 0]);
  assert.deepEqual(await attempt("b", STATUS, false), ["succeeded", 1]);
  assert.deepEqual(await attempt("b", null, true), ["succeeded", 1]);
});

Deno.test("openPauseFile() refuses what it cannot read, and names the remedy", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = openPauseFile(folder);
    assert.deepEqual(await file.read(), { ok: true, pause: null });
    for (const text of ["{", "{}", '{"id":"x"}']) {
      await Deno.writeTextFile(file.path, text);
      const read = await file.read();
      assert.match(read.ok ? "" : read.because, /pause\.json.*Remove it/);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
