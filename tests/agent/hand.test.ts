import assert from "node:assert/strict";
import type { Hands } from "../../src/agent/actions.ts";
import { type HandPorts, reinitHere, restartHere, type Steps } from "../../src/agent/hand.ts";
import type { ServerAction } from "../../src/core/server.ts";
import type { State } from "../../src/core/state.ts";
import type { LocalServer } from "../../src/postgres/server.ts";
import { leaderState, primaryServer, standbyServer, stateOf } from "../core/fixtures.ts";

const PAUSE = { id: "x", reason: "", by: "ann@db1", since: "", heldTerm: null };

/** Node b follows a, which is writable. */
function follower(change: Partial<State> = {}): State {
  const state = stateOf("b", { server: standbyServer("b", { streamingFrom: "a" }) });
  return { ...state, role: { ...state.role, leader: "a", writable: true } as never, ...change };
}

/** Ports around `state`; what fails is named in `broken`. */
function world(
  state: State,
  given: { readonly paused?: boolean; readonly broken?: readonly string[] } = {},
) {
  const done: string[] = [];
  let now = state;
  const attempt = (what: string) => {
    done.push(what);
    return Promise.resolve(
      given.broken?.includes(what)
        ? { ok: false, failure: "failed", because: `${what} is broken` } as const
        : { ok: true, result: { type: "done" } } as const,
    );
  };
  const hands = {
    run: (action: ServerAction) => attempt(action.type),
    server: { discard: () => attempt("discard") } as unknown as LocalServer,
    signal: new AbortController().signal,
  } satisfies Hands;
  const ports: HandPorts = {
    state: () => now,
    pause: {
      current: () => given.paused ? PAUSE : null,
      begin: () => Promise.resolve(),
      end: () => Promise.resolve(),
    },
    driver: () => ({
      abandonCopy: () => {
        done.push("abandon");
        return Promise.resolve();
      },
      exclusively: (work) =>
        work(hands).finally(() =>
          // The next look finds it streaming again, a little later.
          setTimeout(() => now = follower(), 5)
        ),
    }),
  };
  return { done, ports };
}

async function last(steps: Steps) {
  return (await Array.fromAsync(steps)).at(-1)!;
}

Deno.test("restartHere() stops a standby, and waits until it is seen to stream anew", async () => {
  const { done, ports } = world(follower());
  const step = await last(restartHere(false, ports));
  assert.equal(step.outcome, "succeeded", step.step);
  assert.deepEqual(done, ["stop"], "the core starts it");
});

Deno.test("restartHere() restarts a primary only in place, on the same timeline", async () => {
  const refused = world(leaderState());
  assert.equal((await last(restartHere(false, refused.ports))).outcome, "refused");
  assert.deepEqual(refused.done, []);
  const { done, ports } = world(leaderState());
  assert.equal((await last(restartHere(true, ports))).outcome, "succeeded");
  assert.deepEqual(done, ["stop", "start_primary"]);
  const broken = world(leaderState(), { broken: ["start_primary"] });
  const step = await last(restartHere(true, broken.ports));
  assert.deepEqual([step.outcome, step.step], ["failed", "start_primary is broken"]);
});

Deno.test("restartHere() refuses while something else is under way, or nothing runs", async () => {
  const busy = { id: 1, action: { type: "revoke" }, startedAtMs: 0 } as const;
  const cases: [State, boolean, RegExp][] = [
    [follower(), true, /paused/],
    [follower({ operation: busy }), false, /busy \(revoke\)/],
    [follower({ server: { state: "absent" } }), false, /does not run \(absent\)/],
    [leaderState({ phase: "publishing" }), false, /not settled/],
    [stateOf("b", { server: primaryServer("b") }), false, /not settled/],
  ];
  for (const [state, paused, because] of cases) {
    const { done, ports } = world(state, { paused });
    const step = await last(restartHere(true, ports));
    assert.deepEqual([step.outcome, done], ["refused", []]);
    assert.match(step.step, because);
  }
});

Deno.test("reinitHere() gives up the data of a standby, in order or by force", async () => {
  const { done, ports } = world(follower());
  assert.equal((await last(reinitHere(ports))).outcome, "succeeded");
  assert.deepEqual(done, ["stop", "discard"]);
  const hung = world(follower(), { broken: ["stop"] });
  assert.equal((await last(reinitHere(hung.ports))).outcome, "succeeded");
  assert.deepEqual(hung.done, ["stop", "fence", "discard"]);
  const stuck = world(follower(), { broken: ["stop", "fence"] });
  assert.equal((await last(reinitHere(stuck.ports))).outcome, "failed");
  assert.deepEqual(stuck.done, ["stop", "fence"]);
});

Deno.test("reinitHere() gives a copy up that is under way", async () => {
  const upstream = { node: "a", host: "db1", port: 5432 };
  const action = { type: "clone", incarnation: "i", upstream } as const;
  const operation = { id: 1, action, startedAtMs: 0 };
  const { done, ports } = world(follower({ server: { state: "absent" }, operation }));
  const step = await last(reinitHere(ports));
  assert.equal(step.outcome, "succeeded", step.step);
  assert.deepEqual(done, ["abandon"]);
});

Deno.test("reinitHere() refuses on a primary, and where nobody could be copied", async () => {
  const cases: [State, RegExp][] = [
    [leaderState(), /a is the primary/],
    [stateOf("b", { server: primaryServer("b") }), /b is the primary/],
    [stateOf("b"), /no primary is known/],
  ];
  for (const [state, because] of cases) {
    const { done, ports } = world(state);
    const step = await last(reinitHere(ports));
    assert.deepEqual([step.outcome, done], ["refused", []]);
    assert.match(step.step, because);
  }
});
