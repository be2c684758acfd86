import assert from "node:assert/strict";
import { CONDITION_NAMES, CONDITIONS, judgeCondition } from "../../src/agent/condition.ts";
import {
  CONDITION_FACTS,
  type ConditionFacts,
  conditionFacts,
} from "../../src/agent/condition_facts.ts";
import { LOOKS } from "../../src/postgres/look.ts";
import { stateOf } from "../core/fixtures.ts";

const PAGE = new URL("../../docs/operations/health.md", import.meta.url);

const HEALTHY: ConditionFacts = {
  server: "primary",
  silence: "long",
  doing: "nothing",
  copy: "moves",
  ended: "not",
  lease: "here",
  stream: "down",
  disk: "room",
  tries: "fine",
  rejoin: "open",
  memory: "written",
};

/** Every combination of facts. */
function* everyCase(): Generator<ConditionFacts> {
  const names = Object.keys(CONDITION_FACTS) as (keyof ConditionFacts)[];
  const spread = function* (
    at: number,
    facts: Partial<ConditionFacts>,
  ): Generator<ConditionFacts> {
    const name = names[at];
    if (name === undefined) return yield facts as ConditionFacts;
    for (const value of CONDITION_FACTS[name]) yield* spread(at + 1, { ...facts, [name]: value });
  };
  yield* spread(0, {});
}

Deno.test("judgeCondition() can come to every row of the table", () => {
  const reached = new Set([...everyCase()].map(judgeCondition));
  const rows: readonly unknown[] = CONDITIONS;
  assert.deepEqual(rows.filter((row) => !(reached as Set<unknown>).has(row)), []);
});

Deno.test("conditionFacts() says of a copy that it stands, unless all of it has come", () => {
  const at = (sinceMs: number, action: "clone" | "rewind", doneBytes: number) =>
    conditionFacts({
      state: { ...stateOf("b"), nowMs: 1_000_000 },
      finding: "absent",
      running: {
        action,
        sinceMs: 0,
        progress: { doing: action, doneBytes, totalBytes: 10 },
        samples: [],
        movedAtMs: 1_000_000 - sinceMs,
      },
      ended: "not",
      disks: { full: () => null },
      silentMs: 0,
      setback: null,
      memory: null,
    }).copy;
  assert.equal(at(59_000, "clone", 5), "moves");
  assert.equal(at(60_000, "clone", 5), "stands");
  assert.equal(at(60_000, "clone", 10), "moves");
  assert.equal(at(60_000, "rewind", 5), "moves");
  assert.equal(at(300_000, "rewind", 5), "stands");
});

Deno.test("CONDITION_FACTS knows everything that a look can find", () => {
  const known: readonly string[] = CONDITION_FACTS.server;
  const found = LOOKS.map(({ finding }) => finding).filter((finding) => finding !== "answers");
  assert.deepEqual(found.filter((finding) => !known.includes(finding)), []);
});

Deno.test("CONDITIONS says what to do exactly where somebody has to look", () => {
  for (const { name, level, remedy } of CONDITIONS) {
    assert.equal(remedy !== "", level === "bad", name);
  }
  for (const name of CONDITION_NAMES) {
    const levels = new Set(CONDITIONS.filter((row) => row.name === name).map(({ level }) => level));
    assert.equal(levels.size, 1, name);
  }
});

Deno.test("judgeCondition() is good only where PostgreSQL answers and can write", () => {
  for (const facts of everyCase()) {
    if (judgeCondition(facts).level !== "good" || facts.server === "none") continue;
    assert.ok(facts.server === "primary" || facts.server === "standby", said(facts));
    assert.equal(facts.disk, "room", said(facts));
    assert.equal(facts.server === "standby" || facts.lease === "here", true, said(facts));
    assert.equal(facts.server === "primary" || facts.stream === "up", true, said(facts));
    assert.notEqual(facts.doing, "fencing", said(facts));
  }
});

Deno.test("judgeCondition() never hides a fence that failed, nor a server that hangs", () => {
  for (const facts of everyCase()) {
    const { name, level } = judgeCondition(facts);
    if (facts.memory === "unwritten") {
      assert.equal(name, "undecided", said(facts));
      continue;
    }
    if (facts.ended === "fence_failed" && facts.server === "primary") {
      assert.equal(name, "fence_failed", said(facts));
    }
    const copies = ["fencing", "creating", "cloning", "rewinding"].includes(facts.doing);
    if (!copies && ["frozen", "silent", "deaf", "orphaned"].includes(facts.server)) {
      assert.equal(level, name === "slow" ? "passing" : "bad", said(facts));
      if (name === "slow") assert.equal(facts.silence, "brief", said(facts));
    }
  }
});

Deno.test("judgeCondition() names what operators tell apart", () => {
  const cases: readonly [Partial<ConditionFacts>, string][] = [
    [{}, "running"],
    [{ doing: "other" }, "running"],
    [{ lease: "elsewhere" }, "not_leading"],
    [{ server: "standby", stream: "up", lease: "elsewhere" }, "streaming"],
    [{ server: "standby", lease: "elsewhere" }, "not_streaming"],
    [{ server: "standby", stream: "up", lease: "elsewhere", rejoin: "blocked" }, "needs_hands"],
    [{ server: "frozen", silence: "brief" }, "hung"],
    [{ server: "silent", silence: "brief" }, "slow"],
    [{ server: "deaf", silence: "brief" }, "slow"],
    [{ server: "silent" }, "hung"],
    [{ server: "deaf" }, "not_answering"],
    [{ server: "crowded" }, "crowded"],
    [{ disk: "full" }, "disk_full"],
    [{ disk: "full", server: "crashed" }, "disk_full"],
    [{ server: "starting" }, "starting"],
    [{ server: "stopped", doing: "starting" }, "starting"],
    [{ server: "replaying" }, "replaying"],
    [{ server: "stopping" }, "stopping"],
    [{ doing: "stopping" }, "stopping"],
    [{ server: "stopped" }, "stopped"],
    [{ server: "crashed" }, "crashed"],
    [{ server: "crashed", ended: "by_agent" }, "fenced"],
    [{ doing: "fencing" }, "fencing"],
    [{ ended: "fence_failed" }, "fence_failed"],
    [{ server: "absent" }, "no_data"],
    [{ server: "crashed", tries: "failing", doing: "starting" }, "start_failing"],
    [{ server: "crashed", tries: "failing", disk: "full" }, "disk_full"],
    [{ server: "absent", doing: "cloning" }, "cloning"],
    [{ server: "crashed", doing: "rewinding" }, "rewinding"],
    [{ server: "unfinished" }, "copy_unfinished"],
    [{ server: "foreign" }, "foreign"],
    [{ server: "unusable" }, "needs_hands"],
    [{ server: "orphaned" }, "orphaned"],
    [{ server: "unreachable" }, "unreachable"],
    [{ server: "none" }, "votes_only"],
    [{ server: "none", memory: "unwritten" }, "undecided"],
  ];
  for (const [facts, name] of cases) {
    assert.equal(judgeCondition({ ...HEALTHY, ...facts }).name, name, JSON.stringify(facts));
  }
});

Deno.test("docs/operations/health.md has a section for every condition, and no other", () => {
  const sections = [...Deno.readTextFileSync(PAGE).matchAll(/^### `([a-z_]+)`/gm)];
  assert.deepEqual(sections.map(([, name]) => name).sort(), [...CONDITION_NAMES].sort());
});

function said(facts: ConditionFacts): string {
  return JSON.stringify(facts);
}
