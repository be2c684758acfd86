import assert from "node:assert/strict";
import { heardInsert, isAsync, lossText, lossVerdict } from "../../src/core/loss.ts";
import { describe } from "../../src/core/view.ts";
import {
  durableOf,
  heartbeatOf,
  inst,
  leaderState,
  recordOf,
  request,
  stateOf,
  take,
} from "./fixtures.ts";

const ASYNC = recordOf({ required: 0 });
const at = (node: string, lsn: bigint | null, timeline = 1) => ({
  instance: inst(node),
  position: lsn === null ? null : { timeline, lsn },
});
const heard = (lsn: bigint, agoMs = 700, leader = "a", timeline = 1) => ({
  leader: inst(leader),
  position: { timeline, lsn },
  agoMs,
});
const judge = (change: Partial<Parameters<typeof lossVerdict>[0]> = {}) =>
  lossVerdict({
    record: ASYNC,
    candidate: inst("b"),
    grants: [at("b", 100n), at("c", 90n)],
    heard: [heard(130n)],
    maximumLagBytes: null,
    ...change,
  });

Deno.test("isAsync() tells a record that promises nothing from one under which nobody else may lead", () => {
  assert.equal(isAsync(ASYNC), true);
  assert.equal(isAsync(recordOf()), false);
  assert.equal(isAsync(recordOf({ electable: [], required: 0 })), false);
});

Deno.test("lossVerdict() lets the most advanced member of E win, and says what it may lack", () => {
  assert.deepEqual(judge(), {
    may: true,
    loss: { fromLsn: 100n, knownBytes: 30n, heardAgoMs: 700 },
  });
  const best = judge({ heard: [heard(120n, 300), heard(150n, 900)] });
  assert.deepEqual(best, {
    may: true,
    loss: { fromLsn: 100n, knownBytes: 50n, heardAgoMs: 300 },
  });
  assert.deepEqual(judge({ heard: [heard(99n)] }), {
    may: true,
    loss: { fromLsn: 100n, knownBytes: 0n, heardAgoMs: 700 },
  });
});

Deno.test("lossVerdict() lets nobody win who is behind a member of E, or the old leader, that granted", () => {
  assert.equal(judge({ grants: [at("b", 100n), at("c", 101n)] }).may, false);
  assert.equal(judge({ grants: [at("b", 100n), at("a", 101n)] }).may, false);
  assert.equal(judge({ grants: [at("b", 100n), at("d", 101n)] }).may, true, "d is not in E");
  assert.equal(judge({ grants: [at("b", 100n), at("c", 101n, 2)] }).may, true);
  assert.equal(judge({ grants: [at("b", 100n), at("c", null)] }).may, true);
});

Deno.test("lossVerdict() asks for a final position on the record's timeline, and a place in E", () => {
  assert.equal(judge({ grants: [at("b", null)] }).may, false);
  assert.equal(judge({ grants: [at("b", 100n, 2)] }).may, false);
  assert.equal(judge({ candidate: inst("d"), grants: [at("d", 100n)] }).may, false);
  assert.equal(judge({ candidate: inst("b", 2) }).may, false);
});

Deno.test("lossVerdict() finds nothing lost where the fenced leader is not ahead", () => {
  const grants = [at("b", 100n), at("a", 100n)];
  assert.deepEqual(judge({ grants }), { may: true, loss: null });
});

Deno.test("lossVerdict() refuses a lag that is more than allowed, or that nobody knows", () => {
  assert.equal(judge({ maximumLagBytes: 30n }).may, true);
  assert.equal(judge({ maximumLagBytes: 29n }).may, false);
  assert.equal(judge({ maximumLagBytes: 1000n, heard: [] }).may, false);
  const strangers = [heard(999n, 700, "c"), heard(999n, 700, "a", 2)];
  assert.deepEqual(judge({ heard: strangers }), {
    may: true,
    loss: { fromLsn: 100n, knownBytes: null, heardAgoMs: null },
  });
});

Deno.test("step() remembers how far the leader was, when it has fallen silent too", () => {
  const beat = (nowMs: number, insertLsn: bigint | null) =>
    request("a", heartbeatOf({ insertLsn, record: ASYNC }), nowMs);
  const follower = stateOf("b", { durable: durableOf({ record: ASYNC }) });
  assert.equal(heardInsert(follower, 100_000), null);
  const first = take(follower, beat(100_000, 500n)).state;
  assert.deepEqual(heardInsert(first, 100_250), heard(500n, 250));
  const overtaken = take(first, beat(100_300, 400n)).state;
  assert.deepEqual(heardInsert(overtaken, 100_300), heard(500n, 0));
  const untold = take(first, beat(100_300, null)).state;
  assert.deepEqual(heardInsert(untold, 100_300), heard(500n, 300));
  const alone = take(first, { type: "tick", nowMs: 110_000 }).state;
  assert.deepEqual(heardInsert(alone, 110_000), heard(500n, 10_000));
});

Deno.test("describe() says after the election what it may have cost", () => {
  const possibleLoss = { fromLsn: 0x100n, knownBytes: 30n, heardAgoMs: 700 };
  const told = describe(leaderState({ possibleLoss }), 100_000).problems.join("\n");
  assert.match(told, /commits after 0\/100 may be lost: 30 bytes of WAL that are known of/);
  const unknown = lossText({ ...possibleLoss, knownBytes: null, heardAgoMs: null });
  assert.match(unknown, /nobody knows how far/);
});
