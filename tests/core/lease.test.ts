import assert from "node:assert/strict";
import fc from "fast-check";
import { leaseUntilMs, promiseTo } from "../../src/core/lease.ts";
import type { PeerProgress } from "../../src/core/state.ts";
import { settingsFor } from "./world.ts";

const FIVE = ["a", "b", "c", "d", "e"];

function acked(sentAtMs: number | null): PeerProgress {
  return {
    ackedSentAtMs: sentAtMs,
    persisted: null,
    admitted: true,
    lost: null,
    memory: null,
    heardSentAtMs: sentAtMs,
    proposes: null,
    instance: null,
  };
}

/** So many members have to agree, counting this one, and this is the present moment. */
function at(needed: number, nowMs: number) {
  return { needed, nowMs };
}

Deno.test("leaseUntilMs() counts from the sending of the oldest heartbeat in the newest majority", () => {
  const settings = settingsFor(FIVE, "a");
  const peers = { b: acked(900), c: acked(700), d: acked(100), e: acked(null) };
  assert.equal(leaseUntilMs(settings, peers, at(3, 1000)), 700 + 3000);
});

Deno.test("leaseUntilMs() is null before a majority acknowledged anything", () => {
  const settings = settingsFor(FIVE, "a");
  assert.equal(leaseUntilMs(settings, {}, at(3, 1000)), null);
  assert.equal(leaseUntilMs(settings, { b: acked(900), c: acked(null) }, at(3, 1000)), null);
});

Deno.test("leaseUntilMs() asks for as many members as are needed", () => {
  const settings = settingsFor(FIVE, "a");
  const peers = { b: acked(900), c: acked(700), d: acked(100) };
  assert.equal(leaseUntilMs(settings, peers, at(4, 1000)), 100 + 3000);
});

Deno.test("leaseUntilMs() never ends for the only member", () => {
  assert.equal(leaseUntilMs(settingsFor(["a"], "a"), {}, at(1, 1000)), 4000);
});

Deno.test("promiseTo() outlasts every lease that it could be a part of", () => {
  const duration = fc.integer({ min: 1, max: 60_000 });
  fc.assert(fc.property(duration, duration, fc.nat(1000), fc.nat(5000), (mine, theirs, ms, at) => {
    const leader = settingsFor(["a", "b", "c"], "a", { leaseMs: theirs });
    const voter = settingsFor(["a", "b", "c"], "b", { leaseMs: mine, fenceMarginMs: 1 + ms });
    const sentAtMs = at;
    const receivedAtMs = at + ms;
    const promise = promiseTo(voter, {
      term: 1,
      leader: "a",
      leaseMs: theirs,
      nowMs: receivedAtMs,
    });
    const untilMs = leaseUntilMs(leader, { b: acked(sentAtMs) }, {
      needed: 2,
      nowMs: receivedAtMs + 2 * ms,
    })!;
    assert.ok(promise.untilMs > untilMs);
    assert.ok(promise.untilMs - receivedAtMs >= mine, "its own setting is a lower bound");
  }));
});
