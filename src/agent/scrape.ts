/**
 * Answers one scrape of `/metrics`.
 *
 * @module
 */
import type { NodeHealth } from "../coordination/health.ts";
import type { State } from "../core/state.ts";
import type { Measurements } from "../postgres/measure.ts";
import type { LocalServer } from "../postgres/server.ts";
import type { Router } from "../router/options.ts";
import { METRICS_TYPE, renderMetrics } from "../telemetry/metrics.ts";
import { monotonicMs } from "./clock.ts";
import type { DiskWatch } from "./disks.ts";
import type { Documents } from "./documents.ts";
import { metricSamples } from "./metrics.ts";
import type { RecordKeeper } from "./record_keeper.ts";

/** How long PostgreSQL may take to be measured. */
const MEASURE_TIMEOUT_MS = 1000;

/** Anybody may scrape: PostgreSQL is asked no more often than this. */
const MEASURE_EVERY_MS = 5000;

/** Makes the function that answers scrapes. */
export function createScrape(sources: {
  readonly documents: Documents;
  readonly state: () => State;
  readonly peers: () => readonly NodeHealth[];
  readonly router: () => Router | null;
  readonly server: LocalServer | null;
  readonly records: RecordKeeper;
  readonly disks: DiskWatch;
}): () => Promise<{ readonly text: string; readonly type: string }> {
  let measuredAtMs = -Infinity;
  let measuring: Promise<Measurements | null> = Promise.resolve(null);
  function measure(): Promise<Measurements | null> {
    const { server } = sources;
    if (server === null || monotonicMs() - measuredAtMs < MEASURE_EVERY_MS) return measuring;
    measuredAtMs = monotonicMs();
    return measuring = server.measure(MEASURE_TIMEOUT_MS).catch(() => null);
  }
  return async () => {
    const measured = await measure();
    const { documents, records } = sources;
    const samples = metricSamples({
      status: documents.status(),
      writable: documents.health().writable,
      peers: sources.peers(),
      server: sources.state().server,
      router: sources.router()?.statistics() ?? null,
      measured,
      outages: records.outages(monotonicMs()),
      tally: records.tally,
      disks: sources.disks.spaces(),
    });
    return { text: await renderMetrics(samples), type: METRICS_TYPE };
  };
}
