import assert from "node:assert/strict";
import type { NodeStatus } from "../../src/agent/mod.ts";
import type { FailoverPorts } from "../../src/cli/failover.ts";
import { mergeStatuses, type NodeAnswer } from "../../src/coordination/merge.ts";
import { chooseTarget, switchOver } from "../../src/cli/switchover.ts";
import { answered, primaryOf, recordingTerminal, silent, statusOf } from "./fixtures.ts";

const ELECTABILITY: NodeStatus["electability"] = [
  { node: "node2", electable: true, because: "" },
  { node: "node3", electable: true, because: "" },
  { node: "node4", electable: false, because: "nofailover is set for it" },
];

/** node1 leads; node3 lags less than node2. */
function cluster(primary: Partial<NodeStatus> = {}): NodeAnswer[] {
  return [
    answered(primaryOf("node1", { electability: ELECTABILITY, ...primary })),
    answered(statusOf("node2", { lag_bytes: 900 })),
    answered(statusOf("node3", { lag_bytes: 10 })),
    answered(statusOf("node4")),
  ];
}

const choose = (answers: readonly NodeAnswer[], wanted: string | null) =>
  chooseTarget(mergeStatuses(answers), wanted);

Deno.test("chooseTarget() takes the electable standby that lags least, or the one that is named", () => {
  assert.deepEqual(choose(cluster(), null), { ok: true, to: "node3" });
  assert.deepEqual(choose(cluster(), "node2"), { ok: true, to: "node2" });
  assert.deepEqual(choose(cluster(), "node1"), { ok: true, to: "node1" });
});

Deno.test("chooseTarget() refuses where the primary does not work", () => {
  const [, ...standbys] = cluster();
  const cases: [NodeAnswer[], RegExp][] = [
    [
      [
        silent("node1"),
        answered(statusOf("node2", { leader: null, has_majority: false, writes_to: null })),
      ],
      /no primary/,
    ],
    [[silent("node1"), ...standbys], /agent of the primary node1 does not answer/],
    [
      cluster({ operation: { action: "promote", since_ms: 1, progress: null } }),
      /node1 is busy with promote/,
    ],
    [cluster({ electability: [] }), /no standby may be elected now \(there is none\)/],
    [
      cluster({ electability: ELECTABILITY.slice(2) }),
      /no standby may be elected now \(node4: nofailover is set for it\)/,
    ],
  ];
  for (const [answers, because] of cases) {
    const choice = choose(answers, null);
    assert.equal(choice.ok, false);
    assert.deepEqual([choice.code, because.test(choice.because)], [3, true], choice.because);
  }
});

Deno.test("chooseTarget() refuses a standby that may not be elected, and says why", () => {
  assert.deepEqual(choose(cluster(), "node4"), {
    ok: false,
    code: 3,
    because: "node4 may not be elected: nofailover is set for it.",
  });
  const unknown = choose(cluster(), "node9");
  assert.equal(!unknown.ok && unknown.code, 2);
  const nobody = choose([silent("node1")], null);
  assert.equal(!nobody.ok && nobody.code, 4);
});

Deno.test("chooseTarget() leaves out nodes whose disk is full, and refuses where the primary's is", () => {
  const disks: NodeStatus["disks"] = [
    { folder: "data", path: "/data", free_bytes: 0, total_bytes: 9, low: true },
  ];
  const [primary, node2, , node4] = cluster();
  const full3 = answered(statusOf("node3", { lag_bytes: 10, disks }));
  const answers = [primary!, node2!, full3, node4!];
  assert.deepEqual(choose(answers, null), { ok: true, to: "node2" });
  const named = choose(answers, "node3");
  assert.match(named.ok ? "" : named.because, /disk under \/data of node3 is nearly full/);
  const own = choose(cluster({ disks }), null);
  assert.match(own.ok ? "" : own.because, /disk under \/data of node1 is nearly full/);
});

/** Ports over a list of looks, the last of which repeats. */
function portsOf(looks: readonly NodeAnswer[][]) {
  const asked: string[] = [];
  let look = 0;
  const ports: FailoverPorts = {
    look: () => Promise.resolve(mergeStatuses(looks[Math.min(look++, looks.length - 1)]!)),
    request: (node, { to, force }) => {
      asked.push(`${node} -> ${to}, ${force}`);
      return Promise.resolve({ type: "succeeded" });
    },
    now: () => 0,
    sleep: () => Promise.resolve(),
  };
  return { ports, asked, terminal: recordingTerminal() };
}

Deno.test("switchOver() asks the primary", async () => {
  const { ports, asked, terminal } = portsOf([cluster()]);
  assert.equal(await switchOver(null, terminal, ports), 0);
  assert.deepEqual(asked, ["node1 -> node3, none"]);
});

Deno.test("switchOver() never becomes an election, not even where the primary has just died", async () => {
  const [, ...standbys] = cluster();
  const headless = [
    silent("node1"),
    ...standbys.map((answer) =>
      answer.ok
        ? answered({ ...answer.status, leader: null, has_majority: false, writes_to: null })
        : answer
    ),
  ];
  const { ports, asked, terminal } = portsOf([cluster(), headless]);
  assert.equal(await switchOver("node2", terminal, ports), 3);
  assert.deepEqual(asked, []);
  assert.match(terminal.err[0]!, /refused: there is no primary any more/);
});
