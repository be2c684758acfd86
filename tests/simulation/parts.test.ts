/**
 * The simulator's own parts: time, chance, shrinking, coverage, and that checkers complain.
 */
import assert from "node:assert/strict";
import { localMs, standStill, worldMs } from "./clock.ts";
import { coverageGaps } from "./coverage.ts";
import { diceOf } from "./dice.ts";
import { createNetwork, cut, heal, isRefused, passes, refuse, walPasses } from "./network.ts";
import { createWorld } from "./play.ts";
import { createQueue } from "./queue.ts";
import { type Fault, scenarioOf } from "./scenario.ts";
import { createData, isLineage, looksLikeLineage, truncate } from "./server.ts";
import { shrink } from "./shrink.ts";
import { createTally } from "./tally.ts";
import { createTranscript } from "./transcript.ts";
import { applyEdit } from "./mutants/mutant.ts";
import { run, type World } from "./world.ts";

const CALM = { latencyMs: 1, loss: 0, duplication: 0, straggling: 0 };

Deno.test("createQueue() gives entries back in order of time, then of arrival", () => {
  const queue = createQueue();
  const dice = diceOf(3);
  const given = Array.from({ length: 500 }, (_, order) => ({ atMs: dice.whole(0, 50), order }));
  for (const { atMs } of given) queue.add(atMs, () => {});
  const taken: { atMs: number; order: number }[] = [];
  for (let entry = queue.takeDue(50); entry !== null; entry = queue.takeDue(50)) {
    taken.push({ atMs: entry.atMs, order: entry.order });
  }
  assert.deepEqual(taken, given.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order));
  queue.add(60, () => {});
  assert.equal(queue.takeDue(59), null);
});

Deno.test("diceOf() repeats itself for the same seed and label only", () => {
  const rolls = (seed: number, label: string) => {
    const dice = diceOf(seed, label);
    return Array.from({ length: 20 }, () => dice.whole(1, 1000));
  };
  assert.deepEqual(rolls(1, "net"), rolls(1, "net"));
  assert.notDeepEqual(rolls(1, "net"), rolls(1, "disk"));
  assert.notDeepEqual(rolls(1, "net"), rolls(2, "net"));
  assert.ok(rolls(5, "").every((roll) => roll >= 1 && roll <= 1000));
});

Deno.test("localMs() and worldMs() undo each other, also after a clock stood still", () => {
  const clock = { offsetMs: 500, rate: 1.02 };
  assert.equal(Math.round(worldMs(clock, localMs(clock, 12_345))), 12_345);
  const beforeMs = localMs(clock, 1000);
  standStill(clock, 3000);
  assert.equal(Math.round(localMs(clock, 4000)), Math.round(beforeMs));
});

Deno.test("cut() is one-way, counts, and keeps agents and WAL apart", () => {
  const network = createNetwork({ ...CALM });
  cut(network, "a", "b", "agents");
  cut(network, "a", "b", "both");
  assert.deepEqual(
    [passes(network, "a", "b"), passes(network, "b", "a"), walPasses(network, "a", "b")],
    [false, true, false],
  );
  heal(network, "a", "b", "both");
  assert.deepEqual([passes(network, "a", "b"), walPasses(network, "a", "b")], [false, true]);
  refuse(network, "a", "b", 1);
  assert.deepEqual([isRefused(network, "a", "b"), isRefused(network, "b", "a")], [true, false]);
});

Deno.test("looksLikeLineage() is fooled by two timelines of one number and start; isLineage() is not", () => {
  const made = (wal: number[], history: { timeline: number; start: number }[]) => ({
    ...createData({ incarnation: "x", systemIdentifier: "s", standbySignal: true }),
    wal,
    history,
  });
  const forked = [{ timeline: 1, start: 0 }, { timeline: 2, start: 2 }];
  const [one, other] = [made([1, 2, 3], forked), made([1, 2, 4, 5], forked)];
  assert.equal(looksLikeLineage(one, other), true);
  assert.equal(isLineage(one, other), false);
  assert.equal(looksLikeLineage(made([1, 2, 6], [{ timeline: 1, start: 0 }]), other), false);
  truncate(one, 2);
  assert.deepEqual(one.history, [{ timeline: 1, start: 0 }]);
  assert.equal(isLineage(one, other), true);
});

Deno.test("shrink() keeps just the faults without which nothing breaks", () => {
  const scenario = scenarioOf(2);
  assert.ok(scenario.faults.length > 20);
  const wanted = [scenario.faults[7]!, scenario.faults[15]!];
  const short = shrink(scenario, ({ faults }) => {
    const has = (fault: Fault) => faults.some(({ atMs }) => atMs === fault.atMs);
    return wanted.every(has) ? { atMs: 1e9, checker: "test", what: "both came" } : null;
  });
  assert.deepEqual(short.faults, wanted);
  assert.equal(short.weather.loss, 0);
});

Deno.test("coverageGaps() names what never happened, and what nobody listed", () => {
  const tally = createTally();
  assert.ok(coverageGaps(tally).includes("rule never happened: clone-empty"));
  tally.note("rule", "clone-empty");
  tally.note("decision", "dance done");
  const gaps = coverageGaps(tally);
  assert.ok(!gaps.includes("rule never happened: clone-empty"));
  assert.ok(gaps.includes("decision is in no list of coverage.ts: dance done"));
});

Deno.test("createTranscript() leaves out heartbeats that say nothing new", () => {
  const { take, lines } = createTranscript();
  const say = (atMs: number, text: string) => take({ atMs, node: "n1", kind: "message", text });
  say(1, "→ n2: heartbeat of term 1");
  say(2, "→ n2: heartbeat of term 1");
  say(3, "→ n3: heartbeat of term 1");
  say(4, "→ n2: heartbeat of term 2");
  assert.equal(lines.length, 0, "lines is a copy taken when asked");
  const transcript = createTranscript();
  for (const text of ["→ n2: heartbeat of term 1", "→ n2: heartbeat of term 1"]) {
    transcript.take({ atMs: 1, node: "n1", kind: "message", text });
  }
  assert.equal(transcript.lines.length, 1);
});

Deno.test("applyEdit() refuses a text that is not there exactly once", () => {
  const edit = { file: "f.ts", find: "a", replace: "b$&" };
  assert.equal(applyEdit("xay", edit), "xb$&y");
  assert.throws(() => applyEdit("xy", edit), /it is 0 times/);
  assert.throws(() => applyEdit("aa", edit), /it is 2 times/);
});

/** A quiet cluster of three that serves. */
function serving(): World {
  const scenario = scenarioOf(1);
  const world = createWorld({ ...scenario, faults: [], actions: { failing: 0, slow: 0 } });
  run(world, 30_000);
  assert.deepEqual(world.violations, []);
  return world;
}

function complaints(world: World): string[] {
  return [...new Set(world.violations.map(({ checker }) => checker))];
}

Deno.test("checkers complain about a lost row, a fork, a forgotten vote and a second acknowledgement", () => {
  const lost = serving();
  const host = lost.hosts.find(({ process }) => process?.kind === "primary")!;
  const commit = { row: -1, node: host.name, count: 1, term: host.process!.term, atMs: 0 };
  lost.acknowledged.push(commit);
  for (const checker of lost.checkers) checker.opened?.(host, "start_primary");
  assert.deepEqual(complaints(lost), ["2 ledger"]);

  const forked = serving();
  const primary = forked.hosts.find(({ process }) => process?.kind === "primary")!;
  const standby = forked.hosts.find(({ process }) => process?.kind === "standby")!;
  standby.data!.wal.push(-1);
  for (const checker of forked.checkers) checker.receives?.(standby, primary);
  assert.deepEqual(complaints(forked), ["5 lineage"]);

  const forgetful = serving();
  const voter = forgetful.hosts[1]!;
  for (const checker of forgetful.checkers) {
    checker.sends?.(voter, "n1", {
      type: "vote_answer",
      term: voter.disk.term + 1,
      granted: true,
      because: "",
      record: null,
      instance: null,
      position: null,
      memory: null,
      heard: null,
    });
  }
  assert.deepEqual(complaints(forgetful), ["1 memory"]);

  const twofold = serving();
  const late = { row: twofold.rowCount + 9, node: "n2", count: 1, term: 0, atMs: 0 };
  for (const checker of twofold.checkers) checker.acknowledged?.(late);
  assert.ok(complaints(twofold).includes("4 exclusive"));
});
