/**
 * Watches the core, and says when the primary has changed: from whom to whom, why, and how long
 * nobody took writes.
 *
 * The moments come from evidence alone: a primary was there when this node led, or last heard a
 * leader that said it was writable. So an outage is measured from the last sign of the old primary
 * to the first one of the new, and is never shorter than it was for the clients.
 *
 * @module
 */
import type { PrimaryChange } from "../coordination/history.ts";
import type { Asker } from "../coordination/reply.ts";
import type { Decision } from "../core/effect.ts";
import { lossText } from "../core/loss.ts";
import type { NodeName } from "../core/record.ts";
import type { State } from "../core/state.ts";
import type { View } from "../core/view.ts";

/** What was counted since the agent's start. */
export interface ChronicleCounts {
  /** Times without a primary that are over. */
  readonly outages: number;
  readonly outageMs: number;
  /** How long the present one takes; null while there is a primary, or before the first. */
  readonly runningMs: number | null;
}

/** What a change is made of, but for the clock on the wall. */
export type SeenChange = Omit<PrimaryChange, "at" | "type">;

/** Who asked this node for a failover, and where to. */
export interface AskedFor extends Asker {
  readonly to: NodeName;
}

/** A watcher of one node's core. */
export interface Chronicle {
  /** Takes note of a decision: it may turn out to be the reason of a change. */
  readonly note: (decision: Decision) => void;
  /** Takes note of who asked this node for a failover. */
  readonly asked: (request: AskedFor) => void;
  /** Looks at the core's new state; returns the change that it shows, or null. */
  readonly look: (state: State, view: View, nowMs: number) => SeenChange | null;
  readonly counts: (nowMs: number) => ChronicleCounts;
}

/** The primary that was last written down. */
export interface LastPrimary {
  readonly term: number;
  readonly to: NodeName;
}

/** Begins to watch. @param last what the history ends with; null: it is empty */
export function createChronicle(last: LastPrimary | null): Chronicle {
  let known = last;
  let noted: Decision[] = [];
  let request: AskedFor | null = null;
  /** The last sign of a writable primary; null where there was none since the start. */
  let signAtMs: number | null = null;
  /** True from the first sight without a primary until one is back. */
  let missing = false;
  let outages = 0;
  let outageMs = 0;

  function look(state: State, view: View, nowMs: number): SeenChange | null {
    const { route, term } = view;
    if (route === null) {
      missing = signAtMs !== null;
      return null;
    }
    const gapMs = signAtMs === null ? null : Math.max(0, Math.round(nowMs - signAtMs));
    const isKnown = known !== null && term <= known.term;
    if (gapMs !== null && (missing || !isKnown)) {
      outages++;
      outageMs += gapMs;
    }
    missing = false;
    signAtMs = signOf(state, nowMs);
    if (isKnown) {
      // The same primary as before: whatever was noted has led to nothing.
      noted = [];
      return null;
    }
    const seen = describeChange({ state, view, to: route.node, from: known?.to ?? null, noted });
    const asked = request?.to === route.node ? request : null;
    known = { term, to: route.node };
    noted = [];
    request = null;
    return {
      ...seen,
      outage_ms: gapMs,
      asked_by: asked?.source ?? null,
      operator: asked?.operator ?? null,
      tool: asked?.tool ?? null,
    };
  }

  return {
    note(decision) {
      if (CAUSES.includes(decision.event)) noted = [...noted, decision].slice(-MAXIMUM_NOTED);
    },
    asked: (asked) => request = asked,
    look,
    counts: (nowMs) => ({
      outages,
      outageMs,
      runningMs: missing && signAtMs !== null ? Math.max(0, nowMs - signAtMs) : null,
    }),
  };
}

/** Decisions that can begin a change of the primary, or explain it. */
const CAUSES: readonly string[] = [
  "leader_lost",
  "leader_gone",
  "leader_resigned",
  "server_died",
  "step_down",
  "resign",
  "handover",
  "campaign",
  "vote",
  "force",
  "forced",
  "elected",
];

/** Of a long time without a primary the beginning and the end matter, and this is more than both. */
const MAXIMUM_NOTED = 50;

/** When a primary was last known to take writes. */
function signOf({ role }: State, nowMs: number): number {
  if (role.kind !== "follower") return nowMs;
  return Math.max(role.heardAtMs, role.workingAtMs ?? 0);
}

function describeChange(
  { state, view, to, from, noted }: {
    readonly state: State;
    readonly view: View;
    readonly to: NodeName;
    readonly from: NodeName | null;
    readonly noted: readonly Decision[];
  },
): SeenChange {
  const { settings, durable, role } = state;
  const cause = causeOf(noted);
  const own = role.kind === "leader" ? role : null;
  const forced = noted.findLast(({ event }) => event === "forced");
  return {
    node: settings.self,
    term: view.term,
    timeline: durable.record?.term === view.term ? durable.record.timeline : null,
    from,
    to,
    kind: from === null ? "first" : kindOf(noted),
    rule: cause?.event ?? null,
    because: cause?.because ?? "",
    votes: own === null || own.votes.length === 0 ? null : [...own.votes],
    outage_ms: null,
    ...lossOf(own, forced),
    asked_by: null,
    operator: null,
    tool: null,
  };
}

/** The first that was noted; a vote or a campaign is a consequence, and explains where nothing else does. */
function causeOf(noted: readonly Decision[]): Decision | undefined {
  return noted.find(({ event }) => event === "forced") ??
    noted.find(({ event }) => !["vote", "campaign", "elected"].includes(event)) ??
    noted.find(({ outcome }) => outcome !== "denied");
}

function kindOf(noted: readonly Decision[]): PrimaryChange["kind"] {
  if (noted.some(({ event }) => event === "forced" || event === "force")) return "forced";
  return noted.some(isHandover) ? "planned" : "unplanned";
}

/** Every node that takes part in a handover says so, each in its own decision. */
function isHandover({ event, outcome, because }: Decision): boolean {
  if (outcome === "failed" || outcome === "denied") return false;
  return event === "handover" ||
    (event === "vote" || event === "campaign") && because === "handover";
}

function lossOf(
  own: (State["role"] & { readonly kind: "leader" }) | null,
  forced: Decision | undefined,
): Pick<PrimaryChange, "loss" | "loss_because"> {
  if (own === null) return { loss: null, loss_because: null };
  if (forced !== undefined) {
    return forced.fields?.loss === "none"
      ? { loss: "none", loss_because: null }
      : { loss: "possible", loss_because: forced.because };
  }
  return own.possibleLoss === null
    ? { loss: "none", loss_because: null }
    : { loss: "possible", loss_because: lossText(own.possibleLoss) };
}
