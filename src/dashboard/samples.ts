/**
 * The last hour in numbers: a bounded list of samples, for the charts.
 *
 * @module
 */
import type { NodeStatus } from "../coordination/status.ts";
import { parseLsn } from "../core/lsn.ts";

/** How often a sample is taken. */
export const SAMPLE_EVERY_MS = 10_000;

/** How many are kept: one hour. */
export const KEPT_SAMPLES = 360;

/** One node at one moment; null is what was not known. */
export interface NodeSample {
  /** How far its replay is behind the primary's insert position. */
  readonly lag_bytes: number | null;
  /** Its insert or received position, to tell how fast WAL is written. */
  readonly wal_bytes: number | null;
  /** Sessions of its router. */
  readonly sessions: number | null;
  /** Those of them that wait for a server. */
  readonly waiting: number | null;
  /** Connections that its router accepted since its agent started. */
  readonly connections: number | null;
}

/** The cluster at one moment. */
export interface Sample {
  /** Milliseconds since 1970, on the clock of the node that took it. */
  readonly at_ms: number;
  readonly nodes: Readonly<Record<string, NodeSample>>;
}

/** The newest samples, the oldest of them first. */
export interface Samples {
  readonly all: () => readonly Sample[];
  readonly add: (sample: Sample) => void;
}

/** An empty list that forgets the oldest beyond `kept`. */
export function createSamples(kept = KEPT_SAMPLES): Samples {
  let samples: readonly Sample[] = [];
  return {
    all: () => samples,
    add: (sample) => void (samples = [...samples, sample].slice(-kept)),
  };
}

/**
 * Takes a sample.
 *
 * @param statuses one per member; null where its agent does not answer
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const { nodes } = sampleOf(1000, new Map([["node1", null]]));
 * assert.equal(nodes.node1?.lag_bytes, null);
 * ```
 */
export function sampleOf(atMs: number, statuses: ReadonlyMap<string, NodeStatus | null>): Sample {
  const nodes = [...statuses].map(([name, status]) => [name, nodeSample(status)]);
  return { at_ms: atMs, nodes: Object.fromEntries(nodes) };
}

function nodeSample(status: NodeStatus | null): NodeSample {
  const position = status === null || status.lsn === null ? null : parseLsn(status.lsn);
  return {
    lag_bytes: status?.lag_bytes ?? null,
    wal_bytes: position === null ? null : Number(position),
    sessions: status?.router?.sessions ?? null,
    waiting: status?.router?.waiting ?? null,
    connections: status?.router?.total_connections ?? null,
  };
}
