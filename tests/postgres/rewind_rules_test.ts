/** The table that chooses between a rewind and a copy, over all facts. */
import assert from "node:assert/strict";
import {
  REWIND_FACTS,
  REWIND_RULES,
  type RewindFacts,
  rewindRule,
} from "../../src/postgres/rewind_rules.ts";

const names = Object.keys(REWIND_FACTS) as (keyof RewindFacts)[];

function* everyFact(from = 0): Generator<Record<string, string>> {
  const name = names[from];
  if (name === undefined) {
    yield {};
    return;
  }
  for (const rest of everyFact(from + 1)) {
    for (const value of REWIND_FACTS[name]) yield { ...rest, [name]: value };
  }
}

const SPACE = [...everyFact()] as unknown as RewindFacts[];

Deno.test("rewindRule() rewinds only where every fact is in favour", () => {
  const rewound = SPACE.filter((facts) => rewindRule(facts).then === "rewind");
  assert.deepEqual(rewound, [{
    wanted: "rewind",
    copy: "whole",
    history: "diverged",
    blocks: "logged",
    stopped: "in_order",
    checkpoint: "on_timeline",
    leader: "checkpointed",
  }]);
});

Deno.test("REWIND_RULES has no row that cannot be reached, but the last", () => {
  const reached = new Set(SPACE.map((facts) => rewindRule(facts).id));
  const unreached = REWIND_RULES.filter(({ id }) => !reached.has(id)).map(({ id }) => id);
  assert.deepEqual(unreached, ["otherwise"]);
  assert.equal(new Set(REWIND_RULES.map(({ id }) => id)).size, REWIND_RULES.length);
});

Deno.test("rewindRule() copies where one fact alone speaks against a rewind", () => {
  const [best] = SPACE.filter((facts) => rewindRule(facts).then === "rewind");
  const ids = names.flatMap((name) =>
    REWIND_FACTS[name].filter((value) => value !== best![name]).map((value) =>
      `${name} ${value}: ${rewindRule({ ...best!, [name]: value }).id}`
    )
  );
  assert.deepEqual(ids, [
    "wanted clone: not-wanted",
    "copy none: nothing-there",
    "history unknown: history-unknown",
    "history prefix: wal-missing",
    "history same_number: same-number",
    "blocks unknown: blocks-unlogged",
    "blocks unlogged: blocks-unlogged",
    "stopped not_in_order: not-in-order",
    "checkpoint on_older: checkpoint-older",
    "leader not_checkpointed: leader-not-checkpointed",
    "leader unreachable: leader-unreachable",
  ]);
});
