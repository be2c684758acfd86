import assert from "node:assert/strict";
import type { FailoverEnd } from "../../src/agent/mod.ts";
import { failOver, type FailoverPorts } from "../../src/cli/failover.ts";
import { mergeStatuses, type NodeAnswer } from "../../src/coordination/merge.ts";
import { answered, primaryOf, recordingTerminal, silent, statusOf } from "./fixtures.ts";

const HEALTHY = [answered(primaryOf("node1")), answered(statusOf("node2"))];
const MOVED = [
  answered(statusOf("node1", { term: 5, leader: "node2" })),
  answered(primaryOf("node2", { term: 5 })),
];
const HEADLESS = [silent("node1"), answered(statusOf("node2", { leader: null }))];

const PLAIN = { to: "node2", force: "none" } as const;

/** Ports over a list of looks, the last of which repeats. */
function portsOf(looks: readonly NodeAnswer[][], end: FailoverEnd) {
  const asked: string[] = [];
  let clockMs = 0;
  let look = 0;
  const ports: FailoverPorts = {
    look: () => Promise.resolve(mergeStatuses(looks[Math.min(look++, looks.length - 1)]!)),
    request: (node, { to, force }, onStep) => {
      asked.push(`${node} -> ${to}${force === "none" ? "" : `, ${force}`}`);
      clockMs += 1500;
      onStep("routers hold new transactions");
      return Promise.resolve(end);
    },
    now: () => clockMs,
    sleep: (ms) => Promise.resolve(void (clockMs += ms)),
  };
  return { ports, asked, terminal: recordingTerminal() };
}

Deno.test("failOver() prints each step with its time and succeeds", async () => {
  const { ports, asked, terminal } = portsOf([HEALTHY], { type: "succeeded" });
  assert.equal(await failOver(PLAIN, terminal, ports), 0);
  assert.deepEqual(asked, ["node1 -> node2"]);
  assert.deepEqual(terminal.out, [
    "   0.000 s  node1 is a working primary: asking it to hand over to node2",
    "   1.500 s  routers hold new transactions",
    "   1.500 s  done",
  ]);
});

Deno.test("failOver() asks the target for an election where there is no primary", async () => {
  const { ports, asked, terminal } = portsOf([HEADLESS], { type: "succeeded" });
  assert.equal(await failOver(PLAIN, terminal, ports), 0);
  assert.deepEqual(asked, ["node2 -> node2"]);
});

Deno.test("failOver() tells a refusal from a failure by its exit code", async () => {
  for (const [type, code] of [["refused", 3], ["failed", 1]] as const) {
    const { ports, terminal } = portsOf([HEALTHY], { type, because: "node2 is behind." });
    assert.equal(await failOver(PLAIN, terminal, ports), code);
    assert.match(terminal.err[0]!, /^The failover to node2 .*: node2 is behind\.$/);
  }
});

Deno.test("failOver() changes nothing where the target is the primary already", async () => {
  const { ports, asked, terminal } = portsOf([MOVED], { type: "succeeded" });
  assert.equal(await failOver(PLAIN, terminal, ports), 0);
  assert.deepEqual(asked, []);
  assert.match(terminal.out[0]!, /already/);
});

Deno.test("failOver() is unreachable where nobody answers", async () => {
  const looks = [[silent("node1"), silent("node2")]];
  const { ports, asked, terminal } = portsOf(looks, { type: "succeeded" });
  assert.equal(await failOver(PLAIN, terminal, ports), 4);
  assert.deepEqual(asked, []);
});

Deno.test("failOver() finds out the outcome where the stream broke off", async () => {
  const lost = { type: "lost", because: "connection closed" } as const;
  const good = portsOf([HEALTHY, HEADLESS, MOVED], lost);
  assert.equal(await failOver(PLAIN, good.terminal, good.ports), 0);
  assert.match(good.terminal.out.at(-1)!, /node2 is the primary$/);

  const bad = portsOf([HEALTHY], lost);
  assert.equal(await failOver(PLAIN, bad.terminal, bad.ports), 1);
  assert.match(bad.terminal.err[0]!, /did not come to an end within 30 s: node1 is the primary/);
});

Deno.test("failOver() ends at once where somebody else became primary while the stream was lost", async () => {
  const lost = { type: "lost", because: "connection closed" } as const;
  const other = [
    answered(statusOf("node1", { term: 5, leader: "node3" })),
    answered(statusOf("node2", { term: 5, leader: "node3" })),
    answered(primaryOf("node3", { term: 5 })),
  ];
  const { ports, terminal } = portsOf([HEALTHY, HEADLESS, other], lost);
  assert.equal(await failOver(PLAIN, terminal, ports), 1);
  assert.match(terminal.err[0]!, /failed: node3 became the primary of term 5 instead/);
  assert.ok(ports.now() < 5_000);
});

Deno.test("failOver() by force asks the target itself, although another node is the primary", async () => {
  const because = "nothing was changed";
  const { ports, asked, terminal } = portsOf([HEALTHY], { type: "unaccepted", because });
  assert.equal(await failOver({ to: "node2", force: "ask" }, terminal, ports), 6);
  assert.deepEqual(asked, ["node2 -> node2, ask"]);
  assert.match(terminal.err[0]!, /may lose commits: nothing was changed\.$/);
});

Deno.test("failOver() by force is unreachable where the target does not answer", async () => {
  const { ports, asked, terminal } = portsOf([HEADLESS], { type: "succeeded" });
  assert.equal(await failOver({ to: "node1", force: "accepted" }, terminal, ports), 4);
  assert.deepEqual(asked, []);
});
