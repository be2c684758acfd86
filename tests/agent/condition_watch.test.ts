import assert from "node:assert/strict";
import type { ConditionSources } from "../../src/agent/condition_facts.ts";
import { watchCondition } from "../../src/agent/condition_watch.ts";
import { leaderState, primaryServer, standbyServer, stateOf } from "../core/fixtures.ts";

type Sources = Omit<ConditionSources, "silentMs">;

function sources(change: Partial<Sources> = {}): Sources {
  return {
    state: leaderState({}, { server: primaryServer("a") }),
    finding: "answers",
    running: null,
    ended: "not",
    disks: { full: () => null },
    setback: null,
    memory: null,
    ...change,
  };
}

Deno.test("watchCondition() logs each change once, and tells since when it is so", () => {
  const said: unknown[] = [];
  const watch = watchCondition((level, event, fields) => {
    said.push([level, event, fields?.outcome, fields?.because]);
  });
  assert.equal(watch.current(0), null);
  watch.look(sources(), 1000);
  watch.look(sources(), 2000);
  assert.equal(watch.current(2500)?.since_ms, 1500);
  const full = "the disk under /data";
  watch.look(sources({ disks: { full: () => full } }), 3000);
  assert.deepEqual(said, [
    ["info", "condition", "running", "PostgreSQL runs as primary"],
    ["warning", "condition", "disk_full", `PostgreSQL has no room left to write: ${full}`],
  ]);
  const { name, level, since_ms, remedy } = watch.current(3000)!;
  assert.deepEqual([name, level, since_ms], ["disk_full", "bad", 0]);
  assert.match(remedy, /^make room/);
});

Deno.test("watchCondition() calls a server hung when it was silent for long, not for a look", () => {
  const watch = watchCondition(() => {});
  const silent = sources({
    state: stateOf("a", { server: { state: "unresponsive", because: "" } }),
    finding: "silent",
  });
  const seen = [0, 1000, 2999, 3000].map((nowMs) => {
    watch.look(silent, nowMs);
    return watch.current(nowMs)?.name;
  });
  assert.deepEqual(seen, ["slow", "slow", "slow", "hung"]);
  watch.look(sources(), 4000);
  watch.look(silent, 5000);
  assert.equal(watch.current(5000)?.name, "slow");
});

Deno.test("watchCondition() says every five seconds that a server could not be ended", () => {
  const said: unknown[] = [];
  const watch = watchCondition((level, _, fields) => void said.push([level, fields?.outcome]));
  const state = stateOf("a", { server: primaryServer("a"), operationFailure: "process 7 stays" });
  for (let nowMs = 0; nowMs <= 5000; nowMs += 1000) {
    watch.look(sources({ state, ended: "fence_failed" }), nowMs);
  }
  assert.deepEqual(said, [["error", "fence_failed"], ["error", "fence_failed"]]);
  assert.match(watch.current(5000)?.because ?? "", /cannot be: process 7 stays$/);
});

Deno.test("watchCondition() keeps what it knew while the core waits for the next look", () => {
  const watch = watchCondition(() => {});
  watch.look(sources(), 0);
  watch.look(sources({ state: leaderState({}, { server: null }) }), 10);
  assert.equal(watch.current(10)?.name, "running");
});

Deno.test("watchCondition() calls a primary that gives way for its disk full, not hung", () => {
  const watch = watchCondition(() => {});
  const server = { state: "unresponsive", because: "nothing can be written" } as const;
  const disks = { full: () => "the disk under /data" };
  watch.look(sources({ state: leaderState({}, { server }), disks }), 0);
  assert.equal(watch.current(0)?.name, "disk_full");
});

Deno.test("watchCondition() brings the server's own reason, and the one that blocks a return", () => {
  const watch = watchCondition(() => {});
  const hung = { state: "unresponsive", because: "process 7 is stopped by a signal" } as const;
  watch.look(sources({ state: stateOf("a", { server: hung }), finding: "frozen" }), 0);
  assert.equal(
    watch.current(0)?.because,
    "PostgreSQL is there and answers nothing: process 7 is stopped by a signal",
  );
  const blocked = stateOf("a", {
    server: standbyServer("a"),
    rejoin: { kind: "blocked", because: "rejoin is refuse" },
  });
  watch.look(sources({ state: blocked }), 0);
  assert.equal(watch.current(0)?.because, "this node cannot come back by itself: rejoin is refuse");
});

Deno.test("watchCondition() says how often a start failed, why, and when the next one comes", () => {
  const watch = watchCondition(() => {});
  const setback = { what: "start", failures: 3, because: "no room", waitsMs: 1500 } as const;
  watch.look(sources({ state: stateOf("a"), finding: "crashed", setback }), 0);
  assert.equal(watch.current(0)?.name, "start_failing");
  assert.match(
    watch.current(0)?.because ?? "",
    /: the last 3 tries \(start\) failed, no room; the next one begins in 2 s$/,
  );
});

Deno.test("watchCondition() knows data of another cluster by the system identifier", () => {
  const watch = watchCondition(() => {});
  const state = stateOf("a", { server: standbyServer("a", { systemIdentifier: "8" }) });
  watch.look(sources({ state }), 0);
  assert.equal(watch.current(0)?.name, "foreign");
});
