import assert from "node:assert/strict";
import {
  type Checked,
  createHealthChecker,
  type HealthTimers,
  peersOf,
} from "../../src/coordination/health.ts";
import { createLog, STATUS } from "./support.ts";

/** Time that passes only when told; callbacks run in order of their time. */
function createFakeTimers() {
  let nowMs = 1000;
  let timers: { atMs: number; callback: () => void }[] = [];
  const system: HealthTimers = {
    nowMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return () => timers = timers.filter((other) => other !== timer);
    },
  };
  return {
    system,
    pending: () => timers.length,
    async advance(byMs: number) {
      const untilMs = nowMs + byMs;
      await settle();
      while (true) {
        const due = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        timers = timers.filter((timer) => timer !== due);
        nowMs = due.atMs;
        due.callback();
        await settle();
      }
      nowMs = untilMs;
    },
  };
}

async function settle() {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

const GOOD: Checked = { ok: true, status: { ...STATUS, node: "node2", state: "standby" } };
const BAD: Checked = { ok: false, because: "node2 refuses connections" };

/** What `start()` begins with. */
const LIMITS = { intervalMs: 1000, timeoutMs: 300, failureThreshold: 3 };

function start(
  fetchStatus: (node: string, signal: AbortSignal) => Promise<Checked>,
  members = ["node2"],
  timers = createFakeTimers(),
  limits: { intervalMs: number; timeoutMs: number; failureThreshold: number } = LIMITS,
) {
  const { log, lines } = createLog();
  const checker = createHealthChecker({
    members,
    limits: () => limits,
    fetchStatus,
    timers: timers.system,
    log,
  });
  return { checker, timers, lines };
}

Deno.test("createHealthChecker() checks every node at once, and then at each interval", async () => {
  const timers = createFakeTimers();
  const calls: [string, number][] = [];
  const fetchStatus = (node: string) => {
    calls.push([node, timers.system.nowMs()]);
    return Promise.resolve(GOOD);
  };
  const { checker } = start(fetchStatus, ["node2", "node3"], timers);
  await timers.advance(1500);
  assert.deepEqual(calls, [["node2", 1000], ["node3", 1000], ["node2", 2000], ["node3", 2000]]);
  checker.stop();
});

Deno.test("createHealthChecker() knows nothing of a node before its first answer", () => {
  const { checker } = start(() => Promise.withResolvers<Checked>().promise);
  assert.deepEqual(peersOf(checker.snapshot()), [{
    node: "node2",
    agent: "unknown",
    consecutive_failures: 0,
    last_seen_ms_ago: null,
    state: null,
  }]);
  checker.stop();
});

Deno.test("createHealthChecker() calls a node unhealthy after the threshold, healthy after one success", async () => {
  const answers = [GOOD, BAD, BAD, BAD, BAD, GOOD];
  const { checker, timers, lines } = start(() => Promise.resolve(answers.shift() ?? GOOD));
  const seen = [];
  for (let i = 0; i < 6; i++) {
    await timers.advance(i === 0 ? 1 : 1000);
    const [node] = checker.snapshot();
    seen.push([node!.agent, node!.consecutiveFailures, node!.lastSeenMsAgo, node!.because]);
  }
  const because = "node2 refuses connections";
  assert.deepEqual(seen, [
    ["ok", 0, 1, null],
    ["ok", 1, 1001, because],
    ["ok", 2, 2001, because],
    ["unhealthy", 3, 3001, because],
    ["unhealthy", 4, 4001, because],
    ["ok", 0, 1, null],
  ]);
  assert.deepEqual(lines.map((line) => line.event), [
    "node_healthy",
    "node_unhealthy",
    "node_healthy",
  ]);
  assert.equal(peersOf(checker.snapshot())[0]!.state, "standby");
  checker.stop();
});

Deno.test("createHealthChecker() counts silence and a rejection as failures, and aborts the call", async () => {
  const signals: AbortSignal[] = [];
  let call = 0;
  const { checker, timers } = start((_node, signal) => {
    signals.push(signal);
    return call++ === 0
      ? Promise.withResolvers<Checked>().promise
      : Promise.reject(new Error("no"));
  });
  await timers.advance(299);
  assert.equal(checker.snapshot()[0]!.consecutiveFailures, 0);
  await timers.advance(1);
  assert.equal(checker.snapshot()[0]!.because, "no answer within 300ms");
  assert.equal(signals[0]!.aborted, true);
  await timers.advance(1000);
  const [node] = checker.snapshot();
  assert.deepEqual([node!.consecutiveFailures, node!.because], [2, "no"]);
  checker.stop();
});

Deno.test("createHealthChecker() has one call per node at a time, and a slow node delays no other", async () => {
  const open = new Map<string, number>();
  const calls: string[] = [];
  let most = 0;
  const timers = createFakeTimers();
  const { checker } = start(
    async (node) => {
      calls.push(node);
      open.set(node, (open.get(node) ?? 0) + 1);
      most = Math.max(most, open.get(node)!);
      if (node === "node3") await new Promise<void>((resolve) => timers.system.after(250, resolve));
      open.set(node, open.get(node)! - 1);
      return GOOD;
    },
    ["node2", "node3"],
    timers,
  );
  await timers.advance(3000);
  assert.equal(most, 1);
  const count = (name: string) => calls.filter((node) => node === name).length;
  assert.deepEqual([count("node2"), count("node3")], [4, 4]);
  checker.stop();
});

Deno.test("stop() plans no further check, leaves no timer and abandons the call under way", async () => {
  let calls = 0;
  const signals: AbortSignal[] = [];
  const { checker, timers, lines } = start((node, signal) => {
    calls++;
    signals.push(signal);
    return node === "node2" ? Promise.resolve(GOOD) : Promise.withResolvers<Checked>().promise;
  }, ["node2", "node3"]);
  await timers.advance(100);
  checker.stop();
  await settle();
  assert.equal(timers.pending(), 0);
  assert.deepEqual(signals.map((signal) => signal.aborted), [false, true]);
  await timers.advance(10_000);
  assert.equal(calls, 2);
  assert.deepEqual(lines.map((line) => line.event), ["node_healthy"]);
});

Deno.test("createHealthChecker() goes by limits that change from the next check on", async () => {
  const limits = { ...LIMITS };
  const timers = createFakeTimers();
  const calls: number[] = [];
  const fetchStatus = () => {
    calls.push(timers.system.nowMs());
    return Promise.resolve(BAD);
  };
  const { checker } = start(fetchStatus, ["node2"], timers, limits);
  await timers.advance(500);
  Object.assign(limits, { intervalMs: 200, failureThreshold: 2 });
  await timers.advance(900);
  assert.deepEqual(calls, [1000, 2000, 2200, 2400], "the pause under way ends as it was begun");
  assert.equal(checker.snapshot()[0]?.agent, "unhealthy");
  checker.stop();
});
