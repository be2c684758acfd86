import assert from "node:assert/strict";
import type { HistoryEntry, OperatorRequest, PrimaryChange } from "../../src/agent/mod.ts";
import { printHistory, renderHistory } from "../../src/cli/history.ts";
import { mergeHistories } from "../../src/coordination/merge_history.ts";
import { recordingTerminal } from "./fixtures.ts";

/** What `node` saw of the change from node1 to node2 in term 2. */
function seen(node: string, change: Partial<PrimaryChange> = {}): PrimaryChange {
  return {
    type: "primary",
    at: "2026-01-01T10:00:00.000Z",
    node,
    term: 2,
    timeline: 2,
    from: "node1",
    to: "node2",
    kind: "unplanned",
    rule: "leader_lost",
    because: "nothing was heard from node1",
    votes: null,
    outage_ms: 4000,
    loss: null,
    loss_because: null,
    asked_by: null,
    operator: null,
    tool: null,
    ...change,
  };
}

const REQUEST: OperatorRequest = {
  type: "operator",
  at: "2026-01-01T10:00:05.000Z",
  node: "node1",
  term: 2,
  asked_by: "10.0.0.9",
  operator: "alice@ops1",
  tool: "metako failover",
  action: "failover",
  to: "node3",
  outcome: "refused",
  because: "node3 lags",
};

Deno.test("mergeHistories() makes one change of all accounts of a term", () => {
  const merged = mergeHistories([
    seen("node3", { outage_ms: 3000, at: "2026-01-01T10:00:01.000Z" }),
    seen("node2", { votes: ["node2", "node3"], loss: "none", outage_ms: 3500 }),
    seen("node1", { kind: "first", from: null, rule: null, because: "", outage_ms: null }),
  ]);
  assert.deepEqual(merged, [{
    ...seen("node2", { votes: ["node2", "node3"], loss: "none", outage_ms: 3000 }),
    seen_by: ["node1", "node2", "node3"],
  }]);
});

Deno.test("mergeHistories() believes a primary that is primary again how long it was none", () => {
  const again = (node: string, outage_ms: number) => seen(node, { to: "node1", outage_ms });
  const [change] = mergeHistories([again("node2", 1700), again("node1", 22_000)]);
  assert.equal(change?.type === "primary" && change.outage_ms, 22_000);
});

Deno.test("mergeHistories() takes the reason from who has one, and the plan from who knows it", () => {
  const [change] = mergeHistories([
    seen("node2", { rule: "campaign", because: "handover", kind: "planned" }),
    seen("node3", { rule: "vote", because: "handover", kind: "planned" }),
    seen("node1", { rule: "handover", because: "an operator asked", asked_by: "10.0.0.9" }),
  ]);
  assert.equal(change?.type, "primary");
  assert.deepEqual(
    change?.type === "primary" && [change.rule, change.because, change.kind, change.asked_by],
    ["handover", "an operator asked", "planned", "10.0.0.9"],
  );
});

Deno.test("mergeHistories() orders by term and time, and keeps every request", () => {
  const later = seen("node1", { term: 3, to: "node1", at: "2026-01-01T09:00:00.000Z" });
  const merged = mergeHistories([REQUEST, later, seen("node2"), REQUEST]);
  assert.deepEqual(merged.map(({ type, term }) => `${type} ${term}`), [
    "primary 2",
    "operator 2",
    "operator 2",
    "primary 3",
  ]);
});

Deno.test("renderHistory() prints a line for each entry and the reason under it", () => {
  const merged = mergeHistories([
    seen("node2", { loss: "possible", loss_because: "commits after 0/64 may be lost" }),
    REQUEST,
  ]);
  assert.equal(
    renderHistory(merged, { colour: false }),
    [
      "when                  term  primary            how        outage  lost",
      "2026-01-01 10:00:00Z  2     node1 > node2      unplanned  4.0 s   possibly",
      "    leader_lost: nothing was heard from node1; commits after 0/64 may be lost",
      "2026-01-01 10:00:05Z  2     failover to node3  refused    -       -",
      "    alice@ops1 (metako failover, from 10.0.0.9) asked node1: node3 lags",
    ].join("\n"),
  );
});

Deno.test("renderHistory() makes one line of what one command asked of several nodes", () => {
  const request = { ...REQUEST, to: null, outcome: "succeeded" };
  const paused = { ...request, action: "pause", tool: "metako pause", because: "paused: disks" };
  const hangup = { ...request, action: "reload", asked_by: "local", operator: null };
  const rendered = renderHistory(
    mergeHistories([
      paused,
      { ...paused, node: "node2", at: "2026-01-01T10:00:06.000Z" },
      { ...paused, node: "node3", at: "2026-01-01T10:01:06.000Z" },
      { ...hangup, tool: "SIGHUP", because: "nothing has changed", at: "2026-01-01T10:02:00.000Z" },
      { ...hangup, tool: null, asked_by: "10.0.0.8", at: "2026-01-01T10:03:00.000Z" },
      { ...request, action: "members add", to: "node4", at: "2026-01-01T10:04:00.000Z" },
    ]),
    { colour: false },
  );
  assert.deepEqual(rendered.split("\n").slice(1), [
    "2026-01-01 10:00:05Z  2     pause node1, node2  succeeded  -       -",
    "    alice@ops1 (metako pause, from 10.0.0.9) asked node1, node2: paused: disks",
    "2026-01-01 10:01:06Z  2     pause node3         succeeded  -       -",
    "    alice@ops1 (metako pause, from 10.0.0.9) asked node3: paused: disks",
    "2026-01-01 10:02:00Z  2     reload node1        succeeded  -       -",
    "    SIGHUP asked node1: nothing has changed",
    "2026-01-01 10:03:00Z  2     reload node1        succeeded  -       -",
    "    10.0.0.8 asked node1: node3 lags",
    "2026-01-01 10:04:00Z  2     members add node4   succeeded  -       -",
    "    alice@ops1 (metako failover, from 10.0.0.9) asked node1: node3 lags",
  ]);
});

/** Members that answer with their history, or with why they do not. */
function clientOf(answers: Record<string, HistoryEntry[] | string>) {
  return {
    history(node: string) {
      const answer = answers[node]!;
      return Promise.resolve(
        typeof answer === "string"
          ? { ok: false as const, because: answer }
          : { ok: true as const, verified: true, history: { node, entries: answer } },
      );
    },
  };
}

Deno.test("printHistory() prints what it has, and names who is missing", async () => {
  const terminal = recordingTerminal();
  const client = clientOf({ node1: [seen("node1")], node2: "it refuses connections" });
  const options = { json: false, limit: 10 };
  assert.equal(await printHistory(client, ["node1", "node2"], options, terminal), 0);
  assert.match(terminal.out.join("\n"), /node1 > node2/);
  assert.deepEqual(terminal.err, ["The history of node2 is missing: it refuses connections"]);
});

Deno.test("printHistory() prints JSON, and ends with 4 where nobody answers", async () => {
  const terminal = recordingTerminal();
  const client = clientOf({ node1: "it refuses connections" });
  assert.equal(await printHistory(client, ["node1"], { json: true, limit: 10 }, terminal), 4);
  assert.deepEqual(JSON.parse(terminal.out.join("\n")), {
    entries: [],
    missing: [{ node: "node1", because: "it refuses connections" }],
    unsigned: [],
  });
});

Deno.test("printHistory() says whose account anybody may have made", async () => {
  const terminal = recordingTerminal();
  const client = {
    history: (node: string) =>
      Promise.resolve({ ok: true as const, verified: false, history: { node, entries: [] } }),
  };
  assert.equal(await printHistory(client, ["node1"], { json: false, limit: 10 }, terminal), 0);
  assert.match(terminal.err[0]!, /^The history of node1 is not signed with this cluster's key/);
});
