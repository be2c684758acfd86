import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import {
  actionsIn,
  answerIn,
  deeds,
  durableOf,
  FINGERPRINT,
  heartbeatOf,
  inst,
  leaderState,
  MEMBERS,
  recordOf,
  request,
  standbyServer,
  stateOf,
  take,
} from "./fixtures.ts";

Deno.test("step() makes a heartbeat's record durable before it acknowledges it", () => {
  const record = recordOf({ seq: 5 });
  const { effects } = take(stateOf("b"), request("a", heartbeatOf({ record, writable: false })));
  assert.deepEqual(deeds(effects), [
    { type: "persist", durable: durableOf({ record }) },
    {
      type: "answer",
      exchange: 9,
      message: {
        type: "heartbeat_answer",
        term: 1,
        accepted: true,
        because: "",
        persisted: { term: 1, seq: 5 },
        admitted: true,
        memory: "0000000a",
        proposes: FINGERPRINT,
        instance: inst("b"),
        contact: { host: "b", port: 5432 },
        server: { state: "standby", timeline: 1, lsn: 100n },
      },
    },
  ]);
});

Deno.test("step() refuses heartbeats of an older term, of an older record, or of a second leader", () => {
  const refused = (state: Parameters<typeof take>[0], from: string, change = {}) => {
    const { state: after, effects } = take(state, request(from, heartbeatOf(change)));
    const message = answerIn(effects);
    assert.deepEqual(after.durable, state.durable);
    return message?.type === "heartbeat_answer" && !message.accepted;
  };
  const newer = stateOf("b", { durable: durableOf({ term: 2 }) });
  assert.ok(refused(newer, "a"), "older term");
  assert.ok(refused(stateOf("b"), "a", { record: recordOf({ seq: 3 }) }), "older record");
  assert.ok(refused(stateOf("b"), "a", { record: null }), "no record");
  assert.ok(refused(stateOf("b"), "a", { fingerprint: "[]" }), "other members");
  const heard = take(stateOf("b"), request("a", heartbeatOf())).state;
  assert.ok(refused(heard, "c"), "a second leader of the term");
  assert.ok(refused(leaderState(), "b"), "this node leads the term");
});

Deno.test("step() takes no promise from a heartbeat that it refuses", () => {
  const { state } = take(stateOf("b"), request("a", heartbeatOf({ fingerprint: "[]" })));
  assert.equal(state.promise, null);
  assert.match(state.disagreement ?? "", /member list differs/);
});

Deno.test("step() acknowledges without counting while it is not admitted", () => {
  const lost = durableOf({ term: 0, votedFor: null, record: null, admitted: false });
  const { state, effects } = take(stateOf("b", { durable: lost }), request("a", heartbeatOf()));
  const message = answerIn(effects);
  assert.ok(message?.type === "heartbeat_answer");
  assert.deepEqual([message.accepted, message.persisted, message.admitted], [true, null, false]);
  assert.deepEqual(state.durable, lost);
  const offered = (memory?: string) => {
    const members = MEMBERS.map((member) => member.name === "b" ? { ...member, memory } : member);
    const heartbeat = heartbeatOf({ admit: true, record: recordOf({ members }) });
    return take(stateOf("b", { durable: lost }), request("a", heartbeat)).state.durable.admitted;
  };
  assert.equal(offered(lost.memory!), true);
  assert.equal(offered("0000000b"), false, "another memory was meant");
  assert.equal(offered(), false, "no record names this one");
});

Deno.test("step() makes an older leader step down and fence for a newer one", () => {
  const record = recordOf({ term: 2, seq: 2, leader: inst("b"), electable: [], required: 0 });
  const heartbeat = heartbeatOf({ term: 2, record, writable: false });
  const { state, effects } = take(leaderState(), request("b", heartbeat));
  assert.deepEqual(actionsIn(effects), [{ type: "fence" }]);
  assert.deepEqual(state.durable, durableOf({ term: 2, votedFor: "b", record }));
  assert.ok(state.role.kind === "follower" && state.role.leader === "b");
});

Deno.test("step() ends its promise when the leader of that term resigned, and no other", () => {
  const { state } = take(stateOf("b"), request("a", heartbeatOf({ writable: false })));
  assert.notEqual(take(state, request("c", { type: "resigned", term: 1 })).state.promise, null);
  assert.notEqual(take(state, request("a", { type: "resigned", term: 2 })).state.promise, null);
  const { state: after } = take(state, request("a", { type: "resigned", term: 1 }));
  assert.equal(after.promise, null);
});

Deno.test("step() asks a silent leader's ports, and believes only two refusals", () => {
  const { state } = take(stateOf("b"), request("a", heartbeatOf({ writable: false })));
  const silent = take(state, { type: "tick", nowMs: 101_200 });
  assert.deepEqual(deeds(silent.effects), [
    { type: "probe", node: "a", contact: { host: "a", port: 5432 } },
  ]);
  const probed = (agent: "open" | "refused" | "silent", server: "open" | "refused" | "silent") => {
    const event: Event = {
      type: "probed",
      nowMs: 101_210,
      node: "a",
      agent,
      server,
      primary: false,
    };
    return take(silent.state, event).state.promise === null;
  };
  for (const agent of ["open", "refused", "silent"] as const) {
    for (const server of ["open", "refused", "silent"] as const) {
      assert.equal(probed(agent, server), agent === "refused" && server === "refused");
    }
  }
});

Deno.test("step() asks sooner where the stream from the silent leader broke off as well", () => {
  const streaming = standbyServer("b", { streamingFrom: "a", following: "a" });
  const broken: Event = {
    type: "observed",
    nowMs: 100_300,
    server: standbyServer("b", { streamingFrom: null, following: "a" }),
  };
  const asked = (...events: Event[]) => {
    const { state } = take(
      stateOf("b", { server: streaming }),
      request("a", heartbeatOf({ writable: false })),
      ...events,
    );
    const { effects } = take(state, { type: "tick", nowMs: 100_600 });
    return effects.some(({ type }) => type === "probe");
  };
  assert.equal(asked(), false);
  assert.equal(asked(broken), true);
  assert.equal(asked(broken, request("a", heartbeatOf({ writable: false }), 100_400)), false);
});

Deno.test("step() keeps its promise to a refusing leader that may have gone solo, or just spoke", () => {
  const refused: Event = {
    type: "probed",
    nowMs: 101_210,
    node: "a",
    agent: "refused",
    server: "refused",
    primary: false,
  };
  const solo = recordOf({ seq: 5, electable: [], required: 0 });
  const alone = take(
    stateOf("b"),
    request("a", heartbeatOf({ record: solo, writable: false })),
    refused,
  );
  assert.notEqual(alone.state.promise, null);
  const spoke = take(
    stateOf("b"),
    request("a", heartbeatOf({ writable: false }), 101_200),
    refused,
  );
  assert.notEqual(spoke.state.promise, null);
  const other = take(stateOf("b"), request("a", heartbeatOf({ writable: false })), {
    ...refused,
    node: "c",
  });
  assert.notEqual(other.state.promise, null);
});

Deno.test("step() forgets a leader when the promise to it is over", () => {
  const { state } = take(stateOf("b"), request("a", heartbeatOf({ writable: false })));
  const early = take(state, { type: "tick", nowMs: 103_499 }).state;
  assert.ok(early.role.kind === "follower" && early.role.leader === "a");
  const late = take(state, { type: "tick", nowMs: 103_500 }).state;
  assert.ok(late.role.kind !== "follower" || late.role.leader === null);
});

Deno.test("step() answers a confirmation only where its WAL reaches past the checkpoint", () => {
  const ask = (lsn: bigint, timeline = 1) => {
    const message = { type: "confirm" as const, term: 1, checkpoint: { timeline, lsn } };
    const { state, effects } = take(stateOf("b"), request("a", message));
    const at = answerIn(effects) ?? answerIn(take(state, { type: "tick", nowMs: 100_500 }).effects);
    assert.ok(at?.type === "confirm_answer");
    return { reached: at.reached, atOnce: answerIn(effects) !== undefined };
  };
  assert.deepEqual(ask(99n), { reached: true, atOnce: true });
  assert.deepEqual(ask(100n), { reached: false, atOnce: false });
  assert.deepEqual(ask(99n, 2), { reached: false, atOnce: false });
});
