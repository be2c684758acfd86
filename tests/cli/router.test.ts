import assert from "node:assert/strict";
import type { SessionDocument } from "../../src/agent/mod.ts";
import { EXIT } from "../../src/cli/exit_codes.ts";
import { parseSessionName, printSessions } from "../../src/cli/router.ts";
import { recordingTerminal } from "./fixtures.ts";

const SESSION: SessionDocument = {
  id: 17,
  user: "app",
  database: "shop",
  application: "till",
  address: "10.0.0.9",
  port: "primary",
  encrypted: true,
  age_ms: 125_000,
  server: "node1",
  waits_because: null,
};

type Answer = Awaited<ReturnType<Parameters<typeof printSessions>[0]["sessions"]>>;

function answering(answers: Readonly<Record<string, Answer>>) {
  return { sessions: (node: string) => Promise.resolve(answers[node]!) };
}

const silent: Answer = { ok: false, refused: false, because: "nothing listens there" };

Deno.test("printSessions() names sessions for kill, and says whose are not known", async () => {
  const terminal = recordingTerminal();
  const { out: printed, err: complained } = terminal;
  const odd = { ...SESSION, id: 3, application: "\u001b[2J", encrypted: false, server: null };
  const waits = { ...SESSION, id: 5, encrypted: false, waits_because: "an election is under way" };
  const client = answering({
    node1: { ok: true, sessions: { node: "node1", total: 4, sessions: [SESSION, odd, waits] } },
    node2: silent,
  });
  assert.equal(await printSessions(client, ["node1", "node2"], { json: false }, terminal), EXIT.ok);
  const lines = printed.join("\n").split("\n");
  assert.match(
    lines[1]!,
    /^node1\/17 +app +shop +till +10\.0\.0\.9 \(TLS\) +main +node1 +2 min 5 s$/,
  );
  assert.match(lines[2]!, /^node1\/3 +app +shop +\?\[2J +10\.0\.0\.9 +main +none now +2 min/);
  assert.match(lines[3]!, /^node1\/5 .* +main +waits: an election is under way +2 min/);
  assert.equal(lines[4], "node1 has 1 more, younger ones.");
  assert.deepEqual(complained, ["The sessions of node2 are not known: nothing listens there."]);
});

Deno.test("printSessions() ends with 4 where nobody answers, and prints JSON", async () => {
  const terminal = recordingTerminal();
  const { out: printed } = terminal;
  const client = answering({ node1: silent });
  assert.equal(
    await printSessions(client, ["node1"], { json: true }, terminal),
    EXIT.unreachable,
  );
  assert.deepEqual(JSON.parse(printed.join("")), {
    nodes: [],
    missing: [{ node: "node1", because: "nothing listens there" }],
  });
});

Deno.test("printSessions() ends with 3 where the key is another one", async () => {
  const client = answering({ node1: { ...silent, refused: true }, node2: silent });
  const terminal = recordingTerminal();
  const code = await printSessions(client, ["node1", "node2"], { json: false }, terminal);
  assert.deepEqual([code, terminal.out], [EXIT.refused, []]);
});

Deno.test("parseSessionName() reads what sessions are named, and nothing else", () => {
  assert.deepEqual(parseSessionName("node1/17"), { node: "node1", id: 17 });
  for (const text of ["17", "node1", "node1/", "/17", "node1/0", "node1/1.5", "node 1/17"]) {
    assert.equal(parseSessionName(text), null, text);
  }
});
