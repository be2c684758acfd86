/** An agent's API without an agent: the dashboard on a port, with a cluster that a test moves. */
import { serveCoordination } from "../../../src/coordination/serve.ts";
import type { ClusterView } from "../../../src/coordination/merge.ts";
import { SYSTEM_TIMERS } from "../../../src/coordination/health.ts";
import type { OperatorStep } from "../../../src/coordination/progress.ts";
import type { NodeStatus } from "../../../src/coordination/status.ts";
import { createFeed } from "../../../src/dashboard/feed.ts";
import {
  createSamples,
  KEPT_SAMPLES,
  SAMPLE_EVERY_MS,
  sampleOf,
} from "../../../src/dashboard/samples.ts";
import { serveDashboard } from "../../../src/dashboard/serve.ts";
import type { FailoverWish } from "../../../src/coordination/app.ts";
import { createTestApp } from "../../coordination/support.ts";
import { HISTORY, NAMES, picture, standby, STATUS } from "../support.ts";

/** A cluster to look at, and what was asked of it. */
export interface World {
  readonly url: string;
  /** What the node sees from now on. */
  show(view: ClusterView): void;
  readonly wishes: FailoverWish[];
  stop(): Promise<void>;
}

/** node1 leads and may hand over to node2. */
export const PRIMARY: NodeStatus = {
  ...STATUS,
  electability: [
    { node: "node2", electable: true, because: "" },
    { node: "node3", electable: false, because: "it does not stream" },
  ],
};

/** What a reader proves with that they may read, where the pages are not open. */
export const READ_TOKEN = "a token for readers, and for nothing else";

/**
 * Starts it, on a free port by default.
 *
 * @param options.host decides whether the browser takes the page for a safe one
 * @param options.open false: whoever reads needs a credential
 */
export function startWorld(
  { host = "127.0.0.1", port = 0, open = true }: {
    readonly host?: string;
    readonly port?: number;
    readonly open?: boolean;
  } = {},
): World {
  let view = picture(PRIMARY, standby("node2"), standby("node3", { streaming: false }));
  const wishes: FailoverWish[] = [];
  const stopping = new AbortController();
  const samples = createSamples();
  for (let i = 0; i < KEPT_SAMPLES; i++) samples.add(sampleAt(i));
  const feed = createFeed({
    hello: {
      ...NAMES,
      version: "0.1.0",
      pages: { node2: "http://10.0.0.2:8080/dashboard" },
      sample_every_ms: SAMPLE_EVERY_MS,
    },
    samples,
    look: () => Promise.resolve(view),
    histories: () => Promise.resolve([{ node: "node1", entries: HISTORY }]),
    timers: SYSTEM_TIMERS,
  });
  const { app } = createTestApp({
    readers: { openTo: open ? "everybody" : "nobody", token: open ? null : READ_TOKEN },
    extend: (app, read) => serveDashboard(app, read, { feed, names: NAMES }),
    failover: async function* (wish): AsyncGenerator<OperatorStep> {
      wishes.push(wish);
      yield { step: `${wish.to} has received all of it`, outcome: "running" };
      await Promise.resolve();
      yield { step: `${wish.to} is the primary`, outcome: "succeeded" };
    },
  });
  const serving = serveCoordination({
    host,
    port,
    secure: null,
    app,
    signal: stopping.signal,
    nowMs: () => performance.now(),
  });
  if (!serving.ok) throw new Error(serving.because);
  return {
    url: `http://${host}:${serving.port}/dashboard`,
    show: (next) => void (view = next),
    wishes,
    async stop() {
      feed.stop();
      stopping.abort();
      await serving.finished;
    },
  };
}

/** Number `index` of an hour that ends now; a wave, so that there is a line to see. */
function sampleAt(index: number) {
  const lag = Math.round(200_000 * (1 + Math.sin(index / 20)));
  return sampleOf(
    Date.now() - (KEPT_SAMPLES - index) * SAMPLE_EVERY_MS,
    new Map([
      ["node1", PRIMARY],
      ["node2", standby("node2", { lag_bytes: lag })],
      ["node3", index % 100 < 10 ? null : standby("node3", { lag_bytes: lag >> 1 })],
    ]),
  );
}
