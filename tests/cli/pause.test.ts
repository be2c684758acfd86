import assert from "node:assert/strict";
import type { FailoverEnd, NodeStatus } from "../../src/agent/mod.ts";
import { mergeStatuses, type NodeAnswer } from "../../src/agent/mod.ts";
import { pauseCluster, type PausePorts, resumeCluster, whoAsks } from "../../src/cli/pause.ts";
import { answered, primaryOf, recordingTerminal, silent, statusOf } from "./fixtures.ts";

const WISH = { action: "pause", id: "new", reason: "new switch", by: "ann@db1" } as const;

function pausedAs(id: string, holds = false): NonNullable<NodeStatus["paused"]> {
  return { id, reason: "old", by: "bob@db2", since: "", holds_primary: holds, held: null };
}

/** A cluster that shows one picture after the other, and answers operations from a table. */
function world(
  pictures: readonly (readonly NodeAnswer[])[],
  ends: Readonly<Record<string, FailoverEnd>> = {},
) {
  const asked: string[] = [];
  let clock = 0;
  let at = 0;
  const ports: PausePorts = {
    look: () => Promise.resolve(mergeStatuses(pictures[Math.min(at++, pictures.length - 1)]!)),
    operate(node, operation) {
      const id = operation.action === "pause" ? `:${operation.id}` : "";
      asked.push(`${operation.action} ${node}${id}`);
      return Promise.resolve(ends[node] ?? { type: "succeeded" });
    },
    now: () => clock,
    sleep: (ms) => Promise.resolve(void (clock += ms)),
  };
  return { asked, ports };
}

const before = [
  answered(statusOf("node0")),
  answered(primaryOf("node1")),
  answered(statusOf("node2")),
];
const held = [
  answered(statusOf("node0", { paused: pausedAs("new") })),
  answered(primaryOf("node1", { paused: pausedAs("new", true) })),
  answered(statusOf("node2", { paused: pausedAs("new") })),
];

Deno.test("pauseCluster() tells the primary first, and waits until it is left alone", async () => {
  const { asked, ports } = world([before, before, held]);
  const terminal = recordingTerminal();
  assert.equal(await pauseCluster(WISH, terminal, ports), 0);
  assert.deepEqual(asked, ["pause node1:new", "pause node0:new", "pause node2:new"]);
  assert.match(terminal.out.join("\n"), /node1 stays the primary/);
});

Deno.test("pauseCluster() changes nothing where the primary refuses", async () => {
  const { asked, ports } = world([before], {
    node1: { type: "refused", because: "a switchover to node2 is under way" },
  });
  const terminal = recordingTerminal();
  assert.equal(await pauseCluster(WISH, terminal, ports), 3);
  assert.deepEqual(asked, ["pause node1:new"]);
  assert.match(terminal.err.join("\n"), /switchover to node2.*\nNothing was paused/);
});

Deno.test("pauseCluster() extends the pause that some members keep to the others", async () => {
  const partly = [
    before[0]!,
    answered(primaryOf("node1", { paused: pausedAs("old") })),
    before[2]!,
  ];
  const { asked, ports } = world([partly, held]);
  assert.equal(await pauseCluster(WISH, recordingTerminal(), ports), 0);
  assert.deepEqual(asked, ["pause node1:old", "pause node0:old", "pause node2:old"]);
});

Deno.test("pauseCluster() refuses without a majority, and fails where the primary would be fenced", async () => {
  const alone = world([[silent("node0"), answered(primaryOf("node1")), silent("node2")]]);
  const terminal = recordingTerminal();
  assert.equal(await pauseCluster(WISH, terminal, alone.ports), 3);
  assert.match(
    terminal.err.join("\n"),
    /only 1 of 3 members answer.* agents of node0, node2 first/,
  );
  assert.deepEqual(alone.asked, [], "a minority is not paused: its votes would be missing");
  const lost = { type: "lost", because: "it fell silent" } as const;
  const half = world([before], { node0: lost, node2: lost });
  const why = recordingTerminal();
  assert.equal(await pauseCluster(WISH, why, half.ports), 1);
  assert.match(why.err.join("\n"), /Only 1 of 3 members are paused/);
  const never = world([before]);
  assert.equal(await pauseCluster(WISH, recordingTerminal(), never.ports), 1);
  const nobody = world([[silent("node0"), silent("node1")]]);
  assert.equal(await pauseCluster(WISH, recordingTerminal(), nobody.ports), 4);
});

Deno.test("pauseCluster() names the members that did not answer", async () => {
  const [node0, node1] = held;
  const { ports } = world([[before[0]!, before[1]!, silent("node2")], [node0!, node1!]]);
  const terminal = recordingTerminal();
  assert.equal(await pauseCluster(WISH, terminal, ports), 0);
  assert.deepEqual(terminal.err, [
    "node2 did not answer, and will hear of the pause from the leader.",
  ]);
});

Deno.test("resumeCluster() resumes the primary first, one after the other", async () => {
  const { asked, ports } = world([held, before]);
  const terminal = recordingTerminal();
  assert.equal(await resumeCluster({ action: "resume", force: false }, terminal, ports), 0);
  assert.deepEqual(asked, ["resume node1", "resume node0", "resume node2"]);
  assert.match(terminal.out.join("\n"), /Resumed: node1 is the primary/);
});

Deno.test("resumeCluster() says what stays paused, and what has no primary", async () => {
  const wish = { action: "resume", force: false } as const;
  const refused = { type: "refused", because: "node1 does not answer" } as const;
  const without = [held[0]!, silent("node1"), held[2]!];
  const stuck = world([without], { node0: refused, node2: refused });
  const terminal = recordingTerminal();
  assert.equal(await resumeCluster(wish, terminal, stuck.ports), 3);
  assert.match(terminal.err.join("\n"), /Cannot resume node0: node1 does not answer/);
  const leaderless = statusOf("node0", { leader: null, has_majority: false, writes_to: null });
  const waiting = world([[answered(leaderless)]]);
  assert.equal(await resumeCluster(wish, recordingTerminal(), waiting.ports), 1);
});

Deno.test("pauseCluster() and resumeCluster() ask nothing of nodes that sign with another key", async () => {
  const forged = before.map((answer) => answer.ok ? { ...answer, verified: false } : answer);
  const { asked, ports } = world([forged]);
  const terminal = recordingTerminal();
  assert.equal(await pauseCluster(WISH, terminal, ports), 3);
  assert.equal(await resumeCluster({ action: "resume", force: false }, terminal, ports), 3);
  assert.deepEqual(asked, []);
  assert.match(
    terminal.err[0]!,
    /^Cannot pause the cluster: No answer of node0, node1, node2 is signed/,
  );
});

Deno.test("whoAsks() names the user and the host on one line", () => {
  assert.match(whoAsks(), /^[^@\s]+@[^@\s]+$/);
});

Deno.test("mergeStatuses() names the members that do not keep the pause of the others", () => {
  const { problems } = mergeStatuses([held[1]!, before[0]!, before[2]!]);
  assert.ok(problems.some((text) => text.startsWith("node0, node2 are not paused")), `${problems}`);
});
