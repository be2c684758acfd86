import assert from "node:assert/strict";
import type { SqlFailure } from "../../src/postgres/connection.ts";
import {
  freshOf,
  judgeLook,
  LOOK_FACTS,
  type LookFacts,
  LOOKS,
  phaseOf,
  replayedSegment,
} from "../../src/postgres/look.ts";

/** Every combination of answers. */
function* everyLook(): Generator<LookFacts> {
  const names = Object.keys(LOOK_FACTS) as (keyof LookFacts)[];
  const spread = function* (at: number, facts: Partial<LookFacts>): Generator<LookFacts> {
    const name = names[at];
    if (name === undefined) return yield facts as LookFacts;
    for (const value of LOOK_FACTS[name]) yield* spread(at + 1, { ...facts, [name]: value });
  };
  yield* spread(0, {});
}

Deno.test("judgeLook() can come to every row of the table", () => {
  const reached = new Set([...everyLook()].map(judgeLook));
  assert.deepEqual(LOOKS.filter((row) => !reached.has(row)), []);
});

Deno.test("judgeLook() never calls a server gone while a process of it is there", () => {
  for (const facts of everyLook()) {
    const { state } = judgeLook(facts);
    if (facts.process !== "none") assert.ok(state !== "absent" && state !== "stopped", said(facts));
    else assert.ok(state !== "starting" && state !== "answers", said(facts));
  }
});

Deno.test("judgeLook() believes a server's answer only from a process that takes connections", () => {
  for (const facts of everyLook()) {
    const { state } = judgeLook(facts);
    if (state !== "answers") continue;
    assert.equal(facts.process, "running", said(facts));
    assert.equal(facts.door, "own", said(facts));
    assert.ok(facts.kept === "answers" || facts.fresh === "answers", said(facts));
    assert.notEqual(facts.fresh, "silent", said(facts));
  }
});

Deno.test("judgeLook() calls unresponsive whatever leaves a question unanswered", () => {
  for (const facts of everyLook()) {
    if (facts.process !== "running") continue;
    if (facts.kept !== "silent" && facts.fresh !== "silent") continue;
    assert.equal(judgeLook(facts).state, "unresponsive", said(facts));
  }
});

Deno.test("judgeLook() tells hung, dead, starting, replaying and crowded apart", () => {
  const running: LookFacts = {
    process: "running",
    phase: "ready",
    door: "own",
    kept: "none",
    fresh: "untried",
    data: "unread",
  };
  const cases: readonly [Partial<LookFacts>, string][] = [
    [{ process: "frozen" }, "frozen"],
    [{ kept: "answers", fresh: "silent" }, "deaf"],
    [{ kept: "silent" }, "silent"],
    [{ fresh: "silent" }, "silent"],
    [{ process: "none", data: "crashed" }, "crashed"],
    [{ process: "none", data: "clean" }, "stopped"],
    [{ phase: "starting", fresh: "refused" }, "starting"],
    [{ phase: "starting", fresh: "cannot_now" }, "starting"],
    [{ phase: "replaying", fresh: "cannot_now" }, "replaying"],
    [{ phase: "stopping", fresh: "cannot_now" }, "stopping"],
    [{ phase: "stopping", kept: "answers" }, "stopping"],
    [{ fresh: "crowded" }, "crowded"],
    [{ kept: "answers", fresh: "crowded" }, "crowded"],
    [{ fresh: "denied" }, "denied"],
    [{ process: "none", fresh: "refused" }, "unreachable"],
    [{ kept: "answers", fresh: "denied" }, "answers"],
  ];
  for (const [facts, finding] of cases) {
    assert.equal(judgeLook({ ...running, ...facts }).finding, finding, JSON.stringify(facts));
  }
});

Deno.test("freshOf() goes by the server's code, and by the way a connection failed", () => {
  const of = (kind: SqlFailure["kind"], code: string | null) =>
    freshOf({ ok: false, failure: "failed", because: "x", kind, code });
  assert.equal(of("sql", "57P03"), "cannot_now");
  assert.equal(of("sql", "53300"), "crowded");
  assert.equal(of("sql", "28P01"), "denied");
  assert.equal(of("sql", "3D000"), "denied");
  assert.equal(of("sql", "XX000"), "failed");
  assert.equal(of("refused", null), "refused");
  assert.equal(of("lost", null), "refused");
  assert.equal(of("timeout", null), "silent");
});

Deno.test("phaseOf() believes the startup process before the pid file", () => {
  assert.equal(phaseOf("starting", false), "starting");
  assert.equal(phaseOf("starting", true), "replaying");
  assert.equal(phaseOf("standby", false), "replaying");
  assert.equal(phaseOf("stopping", true), "stopping");
  assert.equal(phaseOf("ready", false), "ready");
  assert.equal(phaseOf("", false), "unknown");
});

Deno.test("replayedSegment() reads the title of every release", () => {
  const name = "00000001000000000000000A";
  assert.equal(replayedSegment(`postgres: startup   recovering ${name}`), name);
  assert.equal(replayedSegment(`postgres: 15/main: startup recovering ${name}`), name);
  assert.equal(replayedSegment(`postgres: startup process   recovering ${name}`), name);
  assert.equal(replayedSegment(`postgres: walreceiver streaming 0/A000000`), null);
});

function said(facts: LookFacts): string {
  return JSON.stringify(facts);
}
