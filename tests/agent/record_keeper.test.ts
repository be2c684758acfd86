import assert from "node:assert/strict";
import type { HistoryEntry } from "../../src/coordination/history.ts";
import type { OperatorStep } from "../../src/coordination/progress.ts";
import { keepRecords, type RecordKeeper } from "../../src/agent/record_keeper.ts";
import { describe } from "../../src/core/view.ts";
import type { State } from "../../src/core/state.ts";
import { durableOf, leaderState, recordOf, stateOf } from "../core/fixtures.ts";

const ALICE = { source: "10.0.0.9", operator: "alice@ops1", tool: "metako pause" };

/** Records that are kept in a list. */
function keeper() {
  const entries: HistoryEntry[] = [];
  const records = keepRecords({
    self: "a",
    term: 3,
    file: { entries: () => entries, add: (entry) => Promise.resolve(void entries.push(entry)) },
    primaryChanged: () => {},
    log: () => {},
  });
  const told = () =>
    entries.flatMap((entry) => {
      if (entry.type !== "operator") return [];
      const { action, to, asked_by, operator, tool, outcome, because } = entry;
      return [[action, to, asked_by, operator, tool, outcome, because]];
    });
  return { records, told };
}

async function* stepsOf(...steps: readonly OperatorStep[]) {
  yield* steps;
}

const STOPPING = { step: "stopping", outcome: "running" } as const;
const DONE = { step: "done", outcome: "succeeded" } as const;

Deno.test("operated() has written down the end when it passes it on", async () => {
  const { records, told } = keeper();
  const asked = { ...ALICE, action: "restart", to: null };
  const iterator = records.operated(stepsOf(STOPPING, DONE), asked)[Symbol.asyncIterator]();
  await iterator.next();
  assert.deepEqual(told(), []);
  await iterator.next();
  const line = ["restart", null, "10.0.0.9", "alice@ops1", "metako pause", "succeeded", "done"];
  assert.deepEqual(told(), [line]);
  await iterator.return?.();
  assert.deepEqual(told(), [line], "once");
});

Deno.test("operated() writes down that whoever asked went away, and what was thrown", async () => {
  const { records, told } = keeper();
  const asked = { ...ALICE, action: "restart", to: null };
  for await (const _ of records.operated(stepsOf(STOPPING, DONE), asked)) break;
  assert.deepEqual(told()[0]?.slice(-2), [
    "failed",
    "whoever asked went away before it was over (stopping)",
  ]);
  async function* broken(): AsyncGenerator<OperatorStep> {
    yield STOPPING;
    throw new Error("no space left");
  }
  await assert.rejects(Array.fromAsync(records.operated(broken(), asked)), /no space left/);
  assert.deepEqual(told().slice(1).map((line) => line.slice(-2)), [["failed", "no space left"]]);
});

Deno.test("reloaded() writes down a reload that nobody asked for over a connection", () => {
  const { records, told } = keeper();
  records.reloaded("SIGHUP", { ok: true, applied: [], pending: [] });
  records.reloaded("a change of the file", { ok: false, problems: ["a.yaml:1:1: wrong"] });
  assert.deepEqual(told(), [
    ["reload", null, "local", null, "SIGHUP", "succeeded", "nothing has changed"],
    [
      "reload",
      null,
      "local",
      null,
      "a change of the file",
      "failed",
      "the file cannot be used: a.yaml:1:1: wrong",
    ],
  ]);
});

Deno.test("changed() writes down on the leader who comes and goes, and who asked for it", async () => {
  const see = (records: RecordKeeper, state: State) =>
    records.changed(state, describe(state, state.nowMs), state.nowMs);
  const durable = (...names: readonly string[]) =>
    durableOf({
      record: recordOf({
        members: names.map((name) => ({ name, kind: "data", memory: `${name}-memory` })),
      }),
    });
  const leading = (...names: readonly string[]) => leaderState({}, { durable: durable(...names) });
  const following = (...names: readonly string[]) => stateOf("a", { durable: durable(...names) });
  const { records, told } = keeper();
  see(records, leading("a", "b", "c"));
  const add = { ...ALICE, tool: "metako members add", action: "members add", to: "d" };
  await Array.fromAsync(records.operated(stepsOf(DONE), add));
  see(records, leading("a", "b", "c", "d"));
  see(records, leading("a", "c", "d"));
  const changes = () => told().filter(([action]) => action?.startsWith("members"));
  const because = "the configurations of a majority propose it";
  assert.deepEqual(changes().slice(1), [
    [
      "members add",
      "d",
      "10.0.0.9",
      "alice@ops1",
      "metako members add",
      "succeeded",
      `d is a member: ${because}`,
    ],
    [
      "members remove",
      "b",
      "local",
      null,
      "the configurations",
      "succeeded",
      `b is no member any more: ${because}`,
    ],
  ]);
  see(records, following("a", "c"));
  assert.equal(changes().length, 3, "a follower leaves it to the leader");
});
