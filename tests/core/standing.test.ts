import assert from "node:assert/strict";
import { electabilities, possibleLossBytes } from "../../src/core/standing.ts";
import type { ServerObservation } from "../../src/core/server.ts";
import type { LeaderRole, PeerProgress, State } from "../../src/core/state.ts";
import {
  attachedAs,
  inst,
  leaderOf,
  leaderState,
  primaryServer,
  recordOf,
  stateOf,
} from "./fixtures.ts";

const NOW = 100_000;

/** What is said of b, where only c is electable unless the test says otherwise. */
function ofB(
  given: {
    readonly peer?: Partial<PeerProgress>;
    readonly role?: Partial<LeaderRole>;
    readonly server?: Partial<ServerObservation & { state: "primary" }>;
    readonly change?: Partial<State>;
    readonly settings?: Partial<State["settings"]>;
  } = {},
): string {
  const record = recordOf({ electable: [inst("c")] });
  const peers = leaderOf().peers;
  const state = leaderState(
    {
      published: [record],
      peers: { ...peers, b: { ...peers.b!, ...given.peer } },
      ...given.role,
    },
    { server: primaryServer("a", given.server), ...given.change },
  );
  const told = { ...state, settings: { ...state.settings, ...given.settings } };
  const found = electabilities(told, NOW)?.find(({ node }) => node === "b");
  assert.ok(found !== undefined);
  assert.equal(found.electable, found.because === "");
  return found.because;
}

Deno.test("electabilities() has no word against a member of the settled electable set", () => {
  const [b, c] = electabilities(leaderState(), NOW)!;
  assert.deepEqual([b, c], [
    { node: "b", electable: true, because: "" },
    { node: "c", electable: true, because: "" },
  ]);
});

Deno.test("electabilities() says of each other data member what keeps it from being elected", () => {
  const lagging = [attachedAs("b", { flushedLsn: 10n }), attachedAs("c")];
  const async = { durability: "async", maximumLagBytes: 50n } as const;
  const cases: [string, RegExp][] = [
    [ofB({ settings: { nofailover: ["b"] } }), /nofailover/],
    [ofB({ peer: { admitted: false } }), /lost its state/],
    [ofB({ peer: { ackedSentAtMs: 1 } }), /does not acknowledge heartbeats/],
    [ofB({ peer: { instance: null } }), /has no data yet/],
    [ofB({ change: { server: { state: "starting", because: "" } } }), /does not answer/],
    [ofB({ server: { standbys: [attachedAs("c")] } }), /does not stream/],
    [ofB({ peer: { instance: inst("b", 2) } }), /\(b0000001\) than its agent names \(b0000002\)/],
    [
      ofB({ server: { standbys: [attachedAs("b", { state: "catchup" })] } }),
      /caught up \(catchup\)/,
    ],
    [ofB({ server: { standbys: lagging }, settings: async }), /lags by 90 bytes, and 50 are/],
    [ofB({ role: { pendingSync: { names: [], required: 0 } } }), /not in force yet/],
    [
      ofB({ role: { sync: { setting: { names: [], required: 0 }, barrierLsn: 200n } } }),
      /not flushed past 0\/C8 yet/,
    ],
    [ofB(), /just become ready/],
    [
      ofB({ role: { published: [recordOf()], committed: { term: 1, seq: 3 } } }),
      /a majority does not hold the record/,
    ],
  ];
  for (const [said, expected] of cases) assert.match(said, expected);
});

Deno.test("electabilities() and possibleLossBytes() are for the serving leader to say", () => {
  for (const state of [stateOf("b"), leaderState({ phase: "promoting" })]) {
    assert.equal(electabilities(state, NOW), null);
    assert.equal(possibleLossBytes(state), null);
  }
});

Deno.test("possibleLossBytes() is none while k is 1, the lag of the last one in async, or unknown", () => {
  assert.equal(possibleLossBytes(leaderState()), 0);
  const loss = (change: Partial<ReturnType<typeof recordOf>>, flushedLsn = 60n) =>
    possibleLossBytes(
      leaderState({ published: [recordOf(change)] }, {
        server: primaryServer("a", {
          standbys: [attachedAs("b", { flushedLsn }), attachedAs("c")],
        }),
      }),
    );
  assert.equal(loss({ required: 0 }), 40);
  assert.equal(loss({ required: 0 }, 120n), 0);
  assert.equal(loss({ required: 0, electable: [] }), null, "nobody else can be elected");
  assert.equal(loss({ required: 0, electable: [inst("b", 2)] }), null, "it is not attached");
});
