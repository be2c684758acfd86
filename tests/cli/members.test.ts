import assert from "node:assert/strict";
import { mergeStatuses, type NodeAnswer } from "../../src/coordination/merge.ts";
import type { NodeStatus } from "../../src/agent/mod.ts";
import {
  changeMembers,
  instructions,
  type MemberChange,
  waitsFor,
  whyNot,
} from "../../src/cli/change_members.ts";
import { membershipOf, renderMembership } from "../../src/cli/members.ts";
import { answered, primaryOf, recordingTerminal, silent, statusOf } from "./fixtures.ts";

type Members = NonNullable<NodeStatus["members"]>;

const data = (...names: readonly string[]): Members =>
  names.map((node) => ({ node, kind: "data" as const }));

const THREE = data("node1", "node2", "node3");
const FOUR = data("node1", "node2", "node3", "node4");
const ADD: MemberChange = {
  change: "add",
  node: "node4",
  host: "10.0.0.4",
  apiPort: 8080,
  witness: false,
};
const remove = (node: string): MemberChange => ({ change: "remove", node });

/** node1 leads; each of the three proposes the list that stands for it. */
function cluster(
  lists: readonly [Members, Members, Members] = [THREE, THREE, THREE],
  members: Members = THREE,
  change: Partial<NodeStatus> = {},
): NodeAnswer[] {
  const told = (at: number) => ({ members, proposed_members: lists[at]!, ...change });
  return [
    answered(primaryOf("node1", told(0))),
    answered(statusOf("node2", told(1))),
    answered(statusOf("node3", told(2))),
  ];
}

function judge(wish: MemberChange, answers: readonly NodeAnswer[]): string | null {
  const view = mergeStatuses(answers);
  return whyNot(wish, view, membershipOf(view)!);
}

Deno.test("membershipOf() tells who counts from who is only proposed, and by whom", () => {
  const membership = membershipOf(mergeStatuses(cluster([THREE, FOUR, THREE])))!;
  const line = (node: string) => membership.members.find((member) => member.node === node);
  assert.deepEqual(line("node4"), {
    node: "node4",
    kind: "data",
    counts: false,
    proposedBy: ["node2"],
    answers: false,
  });
  assert.equal(line("node3")?.counts, true);
  assert.deepEqual([membership.agreeing, membership.differing], [["node1", "node3"], ["node2"]]);
  const text = renderMembership(membership);
  assert.match(text, /^node4 +data +no +no +node2$/m);
  assert.match(text, /node2 proposes other members/);
});

Deno.test("membershipOf() believes the newest record where the primary is silent", () => {
  const record = (term: number) => ({ ...STATUS_RECORD, term });
  const view = mergeStatuses([
    silent("node1"),
    answered(statusOf("node2", { members: THREE, proposed_members: THREE, record: record(4) })),
    answered(statusOf("node3", { members: FOUR, proposed_members: FOUR, record: record(5) })),
  ]);
  assert.equal(membershipOf(view)?.members.filter(({ counts }) => counts).length, 4);
  assert.equal(membershipOf(mergeStatuses([silent("node1")])), null);
});

const STATUS_RECORD = {
  term: 1,
  seq: 1,
  leader: "node1",
  timeline: 1,
  electable: [],
  required: 0,
};

Deno.test("whyNot() lets a change be made where the cluster is settled", () => {
  assert.equal(judge(ADD, cluster()), null);
  assert.equal(judge(remove("node3"), cluster()), null);
  // Begun already: the same change goes on.
  assert.equal(judge(ADD, cluster([THREE, FOUR, THREE])), null);
  const two = data("node1", "node2");
  assert.equal(judge(remove("node3"), cluster([THREE, two, THREE])), null);
});

Deno.test("whyNot() names what stands against a change", () => {
  const leaderless = { leader: null, has_majority: false, writes_to: null };
  const paused = { id: "", reason: "", by: "", since: "", holds_primary: true, held: null };
  const cases: [MemberChange, NodeAnswer[], RegExp][] = [
    [ADD, [answered(statusOf("node2", { ...leaderless, members: THREE }))], /there is no primary/],
    [ADD, cluster(undefined, THREE, { paused }), /paused/],
    [ADD, cluster(undefined, THREE, { mode: "pair" }), /pair_mode\.enable/],
    [
      ADD,
      cluster([THREE, data("node1", "node2", "node3", "node5"), THREE]),
      /another change is under way \(node5\)/,
    ],
    [ADD, cluster([THREE, data("node1", "node2"), THREE]), /under way \(node3\)/],
    [remove("node1"), cluster(), /node1 is the primary.*metako switchover/],
    [
      remove("node2"),
      cluster(undefined, data("node1", "node2")),
      /a cluster of two cannot be made one|under way/,
    ],
    [
      remove("node2"),
      [...cluster().slice(0, 2), silent("node3")],
      /too few members.*node3 did not/,
    ],
  ];
  for (const [wish, answers, because] of cases) {
    assert.match(judge(wish, answers) ?? "nothing", because);
  }
});

Deno.test("instructions() say what to write where, the primary last", () => {
  const view = mergeStatuses(cluster());
  const add = instructions(ADD, view, membershipOf(view)!);
  assert.match(add, /On node2, then node3, then node1: add these lines/);
  assert.match(add, / {2}- node_name: node4\n {4}api_host: 10\.0\.0\.4\n {4}api_port: 8080\n/);
  assert.match(add, /role: standby/);
  assert.match(add, /members add … --write node4\.yaml makes it/);
  const written = instructions(ADD, view, membershipOf(view)!, "node4.yaml");
  assert.match(written, /2\. node4\.yaml is the configuration of node4, with secrets: take it to /);
  const witness = instructions({ ...ADD, witness: true }, view, membershipOf(view)!);
  assert.match(witness, /witness: true/);
  assert.match(instructions(remove("node3"), view, membershipOf(view)!), /On node2, then node1/);
});

Deno.test("waitsFor() names who is still to be restarted, and then what the primary waits for", () => {
  const waits = (wish: MemberChange, answers: readonly NodeAnswer[]) => {
    const view = mergeStatuses(answers);
    return waitsFor(wish, view, membershipOf(view)!);
  };
  assert.equal(
    waits(ADD, cluster([THREE, FOUR, THREE])),
    "not yet configured and restarted: node1, node3; node2 done",
  );
  assert.match(waits(ADD, cluster([FOUR, FOUR, FOUR])), /node4 does not answer yet/);
  const two = data("node1", "node2");
  const problems = ["the configuration proposes node1, node2: commits still wait for node3"];
  assert.match(
    waits(remove("node3"), cluster([two, two, THREE], THREE, { problems })),
    /commits still wait for node3/,
  );
});

type Write = Parameters<typeof changeMembers>[1]["write"] & object | null;

Deno.test("changeMembers() waits until the change is in force, or for as long as it may", async () => {
  const run = async (
    wish: MemberChange,
    pictures: NodeAnswer[][],
    wait = true,
    write: Write = null,
  ) => {
    const terminal = recordingTerminal();
    let [clock, at] = [0, 0];
    const told: string[] = [];
    const code = await changeMembers(wish, { wait, timeoutMs: 60_000, write }, terminal, {
      look: () => Promise.resolve(mergeStatuses(pictures[Math.min(at++, pictures.length - 1)]!)),
      operate(asked, operation) {
        assert.ok(operation.action === "members");
        told.push(`${asked}: ${operation.change} ${operation.node}`);
        return Promise.resolve({ type: "succeeded" });
      },
      now: () => clock,
      sleep: (ms) => Promise.resolve(void (clock += ms)),
    });
    return { code, told, out: terminal.out.join("\n"), err: terminal.err.join("\n") };
  };
  const after = cluster([FOUR, FOUR, FOUR], FOUR);
  const added = await run(ADD, [cluster(), cluster([THREE, FOUR, THREE]), after]);
  assert.equal(added.code, 0, added.err);
  assert.match(added.out, /node2 done\n.*node4 is a member/);
  const made: string[] = [];
  const write = (end: "new" | "there" | "fails") => ({
    file: "node4.yaml",
    make() {
      made.push(end);
      return Promise.resolve(
        end === "fails"
          ? { ok: false as const, because: "no space left" }
          : { ok: true as const, isNew: end === "new" },
      );
    },
  });
  const withFile = await run(ADD, [cluster()], false, write("new"));
  assert.match(withFile.out, /^1\. .*\n2\. node4\.yaml is the configuration of node4/s);
  assert.match((await run(ADD, [cluster()], false, write("there"))).out, /^node4\.yaml is there/);
  const full = await run(ADD, [cluster()], false, write("fails"));
  assert.deepEqual([full.code, full.told], [3, []]);
  assert.match(full.err, /^Cannot write node4\.yaml for node4: no space left\.$/);
  await run(ADD, [[silent("node1")]], false, write("new"));
  assert.deepEqual(made, ["new", "there", "fails"], "nothing is written where it cannot be done");
  assert.deepEqual(added.told, ["node1: add node4"], "for the history");
  assert.deepEqual((await run(ADD, [after])).told, []);
  assert.equal((await run(ADD, [after])).out, "node4 is a member already.");
  assert.equal((await run(ADD, [cluster()], false)).code, 0);
  const late = await run(ADD, [cluster()]);
  assert.deepEqual([late.code, /not yet configured/.test(late.err)], [1, true]);
  assert.equal((await run(remove("node1"), [cluster()])).code, 3);
  assert.equal((await run(remove("node9"), [cluster()])).out, "node9 is no member.");
  assert.equal((await run(ADD, [[silent("node1")]])).code, 4);
  const gone = await run(remove("node3"), [
    cluster(),
    cluster([data("node1", "node2"), data("node1", "node2"), THREE], data("node1", "node2")),
  ]);
  assert.match(gone.out, /node3 is a member no more\n.*pg_drop_replication_slot\('metako_node3'\)/);
});
