/**
 * What the page is told while somebody looks: one loop for all viewers, none without one.
 *
 * Once a second the members are asked and every viewer gets the same picture; the members'
 * histories are read again when the primary has changed, and now and then, since an account may
 * come late. Samples are taken all the time, from what is known anyway.
 *
 * @module
 */
import type { HealthTimers } from "../coordination/health.ts";
import type { History } from "../coordination/history.ts";
import type { ClusterView } from "../coordination/merge.ts";
import { type MergedEntry, mergeHistories } from "../coordination/merge_history.ts";
import { type StatusDocument, statusDocument } from "../coordination/status_document.ts";
import type { Sample, Samples } from "./samples.ts";

/** Pause between two pictures, from beginning to beginning. */
export const LOOK_EVERY_MS = 1000;

/** How often the histories are read where no change of the primary asks for it. */
const HISTORY_EVERY_MS = 10_000;

/** Entries of a history that the page shows. */
const SHOWN_ENTRIES = 50;

/** Viewers at the same time; each costs a connection. */
export const MAXIMUM_VIEWERS = 32;

/** What does not change while the agent runs. */
export interface Hello {
  /** Who answers. */
  readonly node: string;
  readonly cluster: string;
  readonly version: string;
  /** Where the other members' own pages are. */
  readonly pages: Readonly<Record<string, string>>;
  readonly sample_every_ms: number;
}

/** One event of the stream; `type` is the name that the browser sees. */
export type FeedEvent =
  | { readonly type: "hello"; readonly data: Hello }
  /** Every sample that is kept. */
  | { readonly type: "samples"; readonly data: readonly Sample[] }
  /** One more. */
  | { readonly type: "sample"; readonly data: Sample }
  /** The newest entries, the oldest of them first. */
  | { readonly type: "history"; readonly data: readonly MergedEntry[] }
  | { readonly type: "cluster"; readonly data: StatusDocument };

/** Takes an event; must not throw. */
export type Viewer = (event: FeedEvent) => void;

/** Where the events come from. */
export interface FeedPorts {
  readonly hello: Hello;
  readonly samples: Samples;
  /** See {@link ./look.ts}. */
  readonly look: () => Promise<ClusterView>;
  /** Every member's history, as far as they answer. Never rejects. */
  readonly histories: () => Promise<readonly History[]>;
  readonly timers: HealthTimers;
}

/** A feed. */
export interface Feed {
  /** @returns how to leave; null where there are {@linkcode MAXIMUM_VIEWERS} already */
  readonly join: (viewer: Viewer) => (() => void) | null;
  /** Keeps a sample and tells it. */
  readonly sampled: (sample: Sample) => void;
  readonly stop: () => void;
}

/** Nothing but itself: a loop knows by it whether it is still the one. */
type Loop = Readonly<Record<never, never>>;

/** Creates a feed that rests until somebody joins. */
export function createFeed(ports: FeedPorts): Feed {
  const { timers } = ports;
  const viewers = new Set<Viewer>();
  /** The loop at work; another one, or none, once the last viewer has left. */
  let current: Loop | null = null;
  let cancel = () => {};
  let lastView: FeedEvent | null = null;
  let history: FeedEvent | null = null;
  let historyOf = "";
  let historyAtMs = -Infinity;

  function tell(event: FeedEvent): void {
    for (const viewer of viewers) viewer(event);
  }

  async function round(loop: Loop): Promise<void> {
    const startedAtMs = timers.nowMs();
    const view = await ports.look();
    if (loop !== current) return;
    lastView = { type: "cluster", data: statusDocument(view) };
    tell(lastView);
    const change = `${view.primary} ${view.term}`;
    if (change !== historyOf || startedAtMs - historyAtMs >= HISTORY_EVERY_MS) {
      historyOf = change;
      historyAtMs = startedAtMs;
      void readHistories(loop);
    }
    const pauseMs = Math.max(0, startedAtMs + LOOK_EVERY_MS - timers.nowMs());
    cancel = timers.after(pauseMs, () => void round(loop));
  }

  async function readHistories(loop: Loop): Promise<void> {
    const entries = (await ports.histories()).flatMap(({ entries }) => entries);
    if (loop !== current) return;
    history = { type: "history", data: mergeHistories(entries).slice(-SHOWN_ENTRIES) };
    tell(history);
  }

  function rest(): void {
    current = null;
    cancel();
    lastView = null;
    history = null;
    historyOf = "";
  }

  return {
    join(viewer) {
      if (viewers.size >= MAXIMUM_VIEWERS) return null;
      viewers.add(viewer);
      viewer({ type: "hello", data: ports.hello });
      viewer({ type: "samples", data: ports.samples.all() });
      if (history !== null) viewer(history);
      if (lastView !== null) viewer(lastView);
      if (current === null) void round(current = {});
      return () => {
        viewers.delete(viewer);
        if (viewers.size === 0) rest();
      };
    },
    sampled(sample) {
      ports.samples.add(sample);
      tell({ type: "sample", data: sample });
    },
    stop() {
      viewers.clear();
      rest();
    },
  };
}
