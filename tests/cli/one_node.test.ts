import assert from "node:assert/strict";
import type { FailoverEnd, NodeStatus } from "../../src/agent/mod.ts";
import { mergeStatuses, type NodeAnswer } from "../../src/agent/mod.ts";
import type { NodePorts } from "../../src/cli/one_node.ts";
import { reinitNode } from "../../src/cli/reinit.ts";
import { restartNode } from "../../src/cli/restart.ts";
import { answered, primaryOf, recordingTerminal, silent, statusOf } from "./fixtures.ts";

const ELECTABILITY = [{ node: "node2", electable: true, because: "" }];

/** node1 leads; node3 does not answer. `later` is what node2 says of itself, look after look. */
function world(given: {
  readonly end?: FailoverEnd;
  readonly answer?: boolean | null;
  readonly later?: readonly (NodeStatus | null)[];
} = {}) {
  const answers: NodeAnswer[] = [
    answered(primaryOf("node1", { electability: ELECTABILITY })),
    answered(statusOf("node2", { incarnation: "00000001" })),
    silent("node3"),
  ];
  const asked: string[] = [];
  const questions: string[] = [];
  let clock = 0;
  let at = 0;
  const ports: NodePorts = {
    look: () => Promise.resolve(mergeStatuses(answers)),
    request(node, { to }) {
      asked.push(`failover ${node} to ${to}`);
      return Promise.resolve({ type: "succeeded" });
    },
    operate(node, operation, onStep) {
      const { action } = operation;
      const how = action === "restart" && operation.in_place ? " in place" : "";
      asked.push(`${action} ${node}${how}`);
      onStep("it begins", 0);
      return Promise.resolve(given.end ?? { type: "succeeded" });
    },
    statusOf() {
      const { later = [] } = given;
      return Promise.resolve(later[Math.min(at++, later.length - 1)] ?? null);
    },
    ask(question) {
      questions.push(question);
      return given.answer ?? null;
    },
    now: () => clock,
    sleep: (ms) => Promise.resolve(void (clock += ms)),
  };
  return { ports, asked, questions, terminal: recordingTerminal() };
}

Deno.test("restartNode() restarts a standby without a question", async () => {
  const { ports, asked, questions, terminal } = world();
  assert.equal(await restartNode({ node: "node2", primary: null, yes: false }, terminal, ports), 0);
  assert.deepEqual([asked, questions], [["restart node2"], []]);
});

Deno.test("restartNode() refuses the primary unless it is told how, and asks first", async () => {
  const attempt = async (primary: "in_place" | null, yes: boolean, answer: boolean | null) => {
    const { ports, asked, terminal } = world({ answer });
    const code = await restartNode({ node: "node1", primary, yes }, terminal, ports);
    return [code, asked];
  };
  assert.deepEqual(await attempt(null, true, true), [3, []]);
  assert.deepEqual(await attempt("in_place", false, null), [3, []]);
  assert.deepEqual(await attempt("in_place", false, false), [3, []]);
  assert.deepEqual(await attempt("in_place", false, true), [0, ["restart node1 in place"]]);
  assert.deepEqual(await attempt("in_place", true, null), [0, ["restart node1 in place"]]);
});

Deno.test("restartNode() hands over first, and restarts the old primary once it streams", async () => {
  const { ports, asked, terminal } = world({
    later: [null, statusOf("node1", { streaming: false }), statusOf("node1")],
  });
  const wish = { node: "node1", primary: "switchover", yes: false } as const;
  assert.equal(await restartNode(wish, terminal, ports), 0);
  assert.deepEqual(asked, ["failover node1 to node2", "restart node1"]);
});

Deno.test("restartNode() and reinitNode() say who is no member and who does not answer", async () => {
  for (const [node, code] of [["node9", 2], ["node3", 4]] as const) {
    const { ports, asked, terminal } = world();
    assert.equal(await restartNode({ node, primary: null, yes: true }, terminal, ports), code);
    assert.equal(await reinitNode({ node, yes: true }, terminal, ports), code);
    assert.deepEqual(asked, []);
  }
});

Deno.test("restartNode() says how it ended", async () => {
  const ends: [FailoverEnd, number][] = [
    [{ type: "failed", because: "it does not start" }, 1],
    [{ type: "refused", because: "busy" }, 3],
    [{ type: "lost", because: "silence" }, 1],
  ];
  for (const [end, code] of ends) {
    const { ports, terminal } = world({ end });
    const wish = { node: "node2", primary: null, yes: false };
    assert.equal(await restartNode(wish, terminal, ports), code);
    assert.match(terminal.err.join(), /The restart of node2/);
  }
});

Deno.test("reinitNode() asks, shows how far the copy is, and ends when another directory streams", async () => {
  const progress = (done: number) => ({
    done_bytes: done,
    total_bytes: 1024,
    bytes_per_second: null,
    remaining_ms: null,
  });
  const copying = (done: number) =>
    statusOf("node2", {
      incarnation: null,
      state: "absent",
      streaming: false,
      operation: { action: "clone", since_ms: 1, progress: progress(done) },
    });
  const { ports, asked, questions, terminal } = world({
    answer: true,
    later: [
      statusOf("node2", { incarnation: "00000001" }),
      copying(0),
      copying(512),
      statusOf("node2", { incarnation: "00000002" }),
    ],
  });
  assert.equal(await reinitNode({ node: "node2", yes: false }, terminal, ports), 0);
  assert.deepEqual(asked, ["reinit node2"]);
  assert.match(questions.join(), /All data of node2 are deleted, and copied anew from node1/);
  assert.match(terminal.out.join("\n"), / 50 %, 512 B of 1 kB[^]*node2 streams from node1/);
});

Deno.test("reinitNode() gives up on a node that does nothing, and refuses the primary", async () => {
  const stuck = world({ later: [statusOf("node2", { state: "stopped", problems: ["no disk"] })] });
  assert.equal(await reinitNode({ node: "node2", yes: true }, stuck.terminal, stuck.ports), 1);
  assert.match(stuck.terminal.err.join(), /nothing happens since 60 s \(no disk\)/);
  const primary = world();
  assert.equal(await reinitNode({ node: "node1", yes: true }, primary.terminal, primary.ports), 3);
  assert.deepEqual(primary.asked, []);
});
