/**
 * Keeps what people ask about later: the history of primaries, who asked for what, and counters.
 *
 * @module
 */
import type { History, HistoryEntry } from "../coordination/history.ts";
import type { OperatorStep } from "../coordination/progress.ts";
import type { Decision, StepOutcome } from "../core/effect.ts";
import type { Log } from "../core/log.ts";
import type { NodeName } from "../core/record.ts";
import type { State } from "../core/state.ts";
import type { View } from "../core/view.ts";
import { type ChronicleCounts, createChronicle } from "./chronicle.ts";
import type { HistoryFile } from "./history_file.ts";
import type { Hooks } from "./hooks.ts";
import { createTally, type Tally } from "./metrics.ts";

/** What an operator asked this node for, and from where. */
export interface Asked {
  readonly source: string;
  /** Who it was, as their command line told; null where it did not. */
  readonly operator: string | null;
  readonly action: string;
  readonly to: NodeName;
}

/** Takes note of what happens on this node. */
export interface RecordKeeper {
  readonly decision: (decision: Decision) => void;
  /** The core has moved on. */
  readonly changed: (state: State, view: View, nowMs: number) => void;
  /** An operator's wish was handed to the core under `reference`. */
  readonly asked: (reference: number, asked: Asked) => void;
  /** A step of that wish; only the last one is not "running". */
  readonly progress: (
    reference: number,
    step: { readonly step: string; readonly outcome: StepOutcome },
  ) => void;
  /** Passes the steps of another operation on, and writes down how it ends. */
  readonly operated: (
    steps: AsyncIterable<OperatorStep>,
    asked: Pick<Asked, "source" | "operator" | "action">,
  ) => AsyncIterable<OperatorStep>;
  readonly history: (limit: number) => History;
  readonly tally: Tally;
  readonly outages: (nowMs: number) => ChronicleCounts;
}

/** Begins to keep records. `state` gives the core's present state. */
export function keepRecords(
  options: {
    readonly self: NodeName;
    /** This node's durable term at its start. */
    readonly term: number;
    readonly file: HistoryFile;
    readonly primaryChanged: Hooks["primaryChanged"];
    readonly log: Log;
  },
): RecordKeeper {
  const { self, file, log } = options;
  const tally = createTally();
  const last = file.entries().findLast((entry) => entry.type === "primary");
  // Terms that this node has not reached belong to a cluster that was there before.
  const chronicle = createChronicle(last === undefined || last.term > options.term ? null : last);
  const open = new Map<number, Asked>();
  let term = options.term;

  function add(entry: HistoryEntry): void {
    void file.add(entry);
  }
  return {
    tally,
    outages: chronicle.counts,
    history: (limit) => ({ node: self, entries: [...file.entries()].slice(-limit) }),
    decision(decision) {
      tally.decision(decision);
      chronicle.note(decision);
    },
    changed(state, view, nowMs) {
      term = view.term;
      const change = chronicle.look(state, view, nowMs);
      if (change === null) return;
      tally.change(change.kind);
      log("info", "primary_changed", {
        outcome: "noted",
        primary: change.to,
        from: change.from ?? "none",
        kind: change.kind,
        term: change.term,
        ...(change.outage_ms === null ? {} : { outage_ms: change.outage_ms }),
        ...(change.because === "" ? {} : { because: change.because }),
      });
      add({ type: "primary", at: now(), ...change });
      options.primaryChanged(change);
    },
    asked(reference, asked) {
      open.set(reference, asked);
      chronicle.asked(asked);
    },
    async *operated(steps, { source, operator, action }) {
      for await (const each of steps) {
        yield each;
        const { step, outcome } = each;
        if (outcome === "running") continue;
        const told = { operator, action, to: null, outcome, because: step };
        add({ type: "operator", at: now(), node: self, term, asked_by: source, ...told });
      }
    },
    progress(reference, { step, outcome }) {
      const asked = open.get(reference);
      if (asked === undefined || outcome === "running") return;
      open.delete(reference);
      const { source, operator, action, to } = asked;
      const told = { operator, action, to, outcome, because: step };
      add({ type: "operator", at: now(), node: self, term, asked_by: source, ...told });
    },
  };
}

function now(): string {
  return new Date().toISOString();
}
