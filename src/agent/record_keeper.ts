/**
 * Keeps what people ask about later: the history of primaries, who asked for what, and counters.
 *
 * @module
 */
import type { History, HistoryEntry, OperatorRequest } from "../coordination/history.ts";
import type { OperatorStep } from "../coordination/progress.ts";
import type { Asker } from "../coordination/reply.ts";
import type { Decision, StepOutcome } from "../core/effect.ts";
import type { Log } from "../core/log.ts";
import type { MemberEntry, NodeName } from "../core/record.ts";
import type { State } from "../core/state.ts";
import type { View } from "../core/view.ts";
import { type ChronicleCounts, createChronicle } from "./chronicle.ts";
import type { HistoryFile } from "./history_file.ts";
import type { Hooks } from "./hooks.ts";
import { describeReload, type Reloaded } from "./reload.ts";
import { createTally, type Tally } from "./metrics.ts";

/** What an operator asked this node for, from where, and with what. */
export interface Asked extends Asker {
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
  /**
   * Passes the steps of another operation on, and writes down how it ends, also where whoever asked
   * went away before.
   */
  readonly operated: (
    steps: AsyncIterable<OperatorStep>,
    asked: Omit<Asked, "to"> & { readonly to: string | null },
  ) => AsyncIterable<OperatorStep>;
  /** Writes down a reload that no operator asked for: of a signal, or of a file that changed. */
  readonly reloaded: (tool: string, reloaded: Reloaded) => void;
  readonly history: (limit: number) => History;
  readonly tally: Tally;
  readonly outages: (nowMs: number) => ChronicleCounts;
}

/** Who asks where no operator does. */
const NOBODY = { source: "local", operator: null } as const;

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
  let members: readonly MemberEntry[] | null = null;

  function add(entry: HistoryEntry): void {
    void file.add(entry);
  }
  /** The leader alone writes down who comes and who goes: it is the one that changes the list. */
  function noteMembers(state: State): void {
    const now = state.durable.record?.members ?? null;
    const before = members;
    if (now === before) return;
    members = now;
    if (now === null || before === null || state.role.kind !== "leader") return;
    const names = (list: typeof now) => new Set(list.map(({ name }) => name));
    const [were, are] = [names(before), names(now)];
    for (const to of are.difference(were)) changeInForce("members add", to, "a member");
    for (const to of were.difference(are)) {
      changeInForce("members remove", to, "no member any more");
    }
  }
  function changeInForce(action: string, to: NodeName, what: string): void {
    const last = file.entries().findLast((entry) =>
      entry.type === "operator" && entry.action === action && entry.to === to
    );
    const asker = last?.type === "operator" && last.asked_by !== NOBODY.source
      ? { source: last.asked_by, operator: last.operator, tool: last.tool }
      : { ...NOBODY, tool: "the configurations" };
    const step = `${to} is ${what}: the configurations of a majority propose it`;
    request({ ...asker, action, to }, { step, outcome: "succeeded" });
  }
  function request(
    { source, operator, tool, action, to }: Omit<Asked, "to"> & Pick<OperatorRequest, "to">,
    { step, outcome }: { readonly step: string; readonly outcome: StepOutcome },
  ): void {
    const told = { operator, tool, action, to, outcome, because: step };
    add({ type: "operator", at: now(), node: self, term, asked_by: source, ...told });
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
      noteMembers(state);
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
    async *operated(steps, asked) {
      let last: OperatorStep = { step: "", outcome: "running" };
      try {
        for await (const each of steps) {
          last = each;
          // Before it is passed on: whoever reads does not come back after the last one.
          if (each.outcome !== "running") request(asked, each);
          yield each;
        }
      } catch (error) {
        last = { step: error instanceof Error ? error.message : String(error), outcome: "failed" };
        request(asked, last);
        throw error;
      } finally {
        if (last.outcome === "running") {
          const because = `whoever asked went away before it was over (${last.step || "begun"})`;
          request(asked, { step: because, outcome: "failed" });
        }
      }
    },
    reloaded(tool, reloaded) {
      const outcome = reloaded.ok ? "succeeded" : "failed";
      request({ ...NOBODY, tool, action: "reload", to: null }, {
        step: describeReload(reloaded),
        outcome,
      });
    },
    progress(reference, step) {
      const asked = open.get(reference);
      if (asked === undefined || step.outcome === "running") return;
      open.delete(reference);
      request(asked, step);
    },
  };
}

function now(): string {
  return new Date().toISOString();
}
