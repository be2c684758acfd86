/**
 * Puts the histories of several nodes together: one account for each change of the primary.
 *
 * Pure: entries in, entries out.
 *
 * @module
 */
import type { HistoryEntry, OperatorRequest, PrimaryChange } from "./history.ts";

/** A change as all accounts together tell it. */
export type MergedChange = PrimaryChange & {
  /** The nodes that saw it, sorted. */
  readonly seen_by: readonly string[];
};

/** One line of the merged history. */
export type MergedEntry = MergedChange | OperatorRequest;

/**
 * Merges; the oldest comes first.
 *
 * Of one term the new primary's own account leads, and what it leaves open is filled from others.
 * The shortest outage that anybody saw is the best bound of the true one, but for a primary that was
 * primary again: it knows when it stopped, and a member that was suspended hears of that late.
 */
export function mergeHistories(entries: readonly HistoryEntry[]): MergedEntry[] {
  const changes = entries.filter((entry) => entry.type === "primary");
  const requests = entries.filter((entry) => entry.type === "operator");
  const byTerm = Map.groupBy(changes, ({ term, to }) => `${term} ${to}`);
  return [...[...byTerm.values()].map(mergeChange), ...requests]
    .sort((a, b) => a.term - b.term || compareTexts(a.at, b.at));
}

function mergeChange(accounts: readonly PrimaryChange[]): MergedChange {
  const ordered = accounts.toSorted((a, b) => rank(a) - rank(b) || compareTexts(a.at, b.at));
  const best = ordered[0]!;
  const first = <Key extends keyof PrimaryChange>(key: Key): PrimaryChange[Key] =>
    ordered.map((account) => account[key]).find((value) => value !== null) ?? best[key];
  const own = best.node === best.to && best.from === best.to ? best.outage_ms : null;
  const outages = ordered.map(({ outage_ms }) => outage_ms).filter((ms) => ms !== null);
  const cause = ordered.find((account) => !isConsequence(account)) ?? best;
  return {
    ...best,
    kind: kindOf(ordered),
    from: first("from"),
    timeline: first("timeline"),
    // Where the new primary only says that it asked for votes, who lost the old one knows more.
    rule: cause.rule,
    because: cause.because,
    votes: first("votes"),
    outage_ms: own ?? (outages.length === 0 ? null : Math.min(...outages)),
    loss: first("loss"),
    loss_because: first("loss_because"),
    asked_by: first("asked_by"),
    operator: first("operator"),
    tool: first("tool"),
    seen_by: [...new Set(ordered.map(({ node }) => node))].sort(compareTexts),
  };
}

/** The new primary's account first; one of a node that had seen no primary before last. */
function rank({ node, to, kind }: PrimaryChange): number {
  return (node === to ? 0 : 1) + (kind === "first" ? 2 : 0);
}

/** Force and plan are known to those who took part; the others only saw that it changed. */
function kindOf(accounts: readonly PrimaryChange[]): PrimaryChange["kind"] {
  const kinds = accounts.map(({ kind }) => kind);
  for (const kind of ["forced", "planned", "unplanned"] as const) {
    if (kinds.includes(kind)) return kind;
  }
  return "first";
}

function isConsequence({ rule }: PrimaryChange): boolean {
  return rule === null || rule === "campaign" || rule === "vote" || rule === "elected";
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
