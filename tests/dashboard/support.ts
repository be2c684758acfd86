/** A feed's surroundings, a clock that is told the time, and a node's status to start from. */
import type { HealthTimers } from "../../src/coordination/health.ts";
import { type ClusterView, mergeStatuses } from "../../src/coordination/merge.ts";
import type { NodeStatus } from "../../src/coordination/status.ts";
import { createFeed, type FeedEvent, type FeedPorts } from "../../src/dashboard/feed.ts";
import { createSamples, SAMPLE_EVERY_MS } from "../../src/dashboard/samples.ts";
import { HISTORY, STATUS } from "../coordination/support.ts";

export { HISTORY, STATUS };

/** Who answers in these tests, and for which cluster. */
export const NAMES = { node: "node1", cluster: "test" };

/** A standby that streams from node1. */
export function standby(node: string, more: Partial<NodeStatus> = {}): NodeStatus {
  return {
    ...STATUS,
    node,
    label: node,
    role: "standby",
    phase: "streaming",
    state: "standby",
    following: "node1",
    streaming: true,
    electability: null,
    ...more,
  };
}

/** node1 leads, node2 and node3 follow. */
export function picture(...nodes: readonly NodeStatus[]): ClusterView {
  const all = nodes.length > 0 ? nodes : [STATUS, standby("node2"), standby("node3")];
  return mergeStatuses(all.map((status) => ({
    node: status.node,
    ok: true,
    status,
    verified: true,
  })));
}

/** Time that passes only when told. */
export function createClock() {
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
      for (;;) {
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

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}

/** A feed on a clock of its own; `looks` and `reads` count what it asked for. */
export function createTestFeed(ports: Partial<FeedPorts> = {}) {
  const clock = createClock();
  const counts = { looks: 0, reads: 0 };
  const feed = createFeed({
    hello: {
      ...NAMES,
      version: "0.1.0",
      pages: { node2: "http://10.0.0.2:8080/dashboard" },
      sample_every_ms: SAMPLE_EVERY_MS,
    },
    samples: createSamples(),
    look() {
      counts.looks++;
      return Promise.resolve(picture());
    },
    histories() {
      counts.reads++;
      return Promise.resolve([{ node: "node1", entries: HISTORY }]);
    },
    timers: clock.system,
    ...ports,
  });
  return { feed, clock, counts };
}

/** A viewer that keeps what it is told. */
export function createViewer() {
  const events: FeedEvent[] = [];
  return {
    events,
    types: () => events.map(({ type }) => type),
    see: (event: FeedEvent) => void events.push(event),
  };
}
