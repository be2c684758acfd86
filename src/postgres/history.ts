/**
 * Timeline histories, and whether local WAL is a prefix of somebody else's.
 *
 * A history file lists the ancestors of a timeline, each with the position at which it was left
 * (PostgreSQL manual, "Timelines"). A server may follow an upstream only where its own end of WAL
 * lies on the upstream's line: on an ancestor no later than the switch away from it, or on the
 * very timeline no later than the upstream's own end. Timeline numbers alone prove nothing, since
 * two nodes can create the same number on their own: the ancestors have to agree as well.
 *
 * @module
 */
import { formatLsn, type Lsn, parseLsn } from "../core/lsn.ts";
import type { Position } from "../core/record.ts";

/** One ancestor, and where it was left. */
export interface Ancestor {
  readonly timeline: number;
  readonly switchLsn: Lsn;
}

/** A timeline with its ancestors, oldest first. */
export interface Lineage {
  readonly timeline: number;
  readonly ancestors: readonly Ancestor[];
}

/** Either the end of the local WAL lies on the upstream's line, or why it does not. */
export type Descent =
  | { readonly verdict: "prefix" }
  | { readonly verdict: "diverged"; readonly because: string };

/**
 * Decides whether a server whose WAL ends at `end` may follow the upstream.
 *
 * @param own the local lineage, whose timeline is `end.timeline`
 * @param upstream the upstream's lineage
 * @param upstreamLsn the upstream's own end of WAL
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const own = { timeline: 1, ancestors: [] };
 * const upstream = { timeline: 2, ancestors: [{ timeline: 1, switchLsn: 0x3000100n }] };
 * const at = (lsn: bigint) => descent({ timeline: 1, lsn }, own, upstream, 0x4000000n).verdict;
 * assert.equal(at(0x3000100n), "prefix");
 * assert.equal(at(0x3000108n), "diverged");
 * ```
 */
export function descent(
  end: Position,
  own: Lineage,
  upstream: Lineage,
  upstreamLsn: Lsn,
): Descent {
  const line: readonly Ancestor[] = [
    ...upstream.ancestors,
    { timeline: upstream.timeline, switchLsn: upstreamLsn },
  ];
  for (const [index, ancestor] of own.ancestors.entries()) {
    const theirs = line[index];
    if (theirs?.timeline === ancestor.timeline && theirs.switchLsn === ancestor.switchLsn) continue;
    return diverged(
      `the local history leaves timeline ${ancestor.timeline} at ${
        formatLsn(ancestor.switchLsn)
      }, the upstream's does not`,
    );
  }
  const here = line[own.ancestors.length];
  if (here?.timeline !== end.timeline) {
    return diverged(`timeline ${end.timeline} is not in the upstream's history`);
  }
  if (end.lsn <= here.switchLsn) return { verdict: "prefix" };
  return diverged(
    `the local WAL reaches ${
      formatLsn(end.lsn)
    } on timeline ${end.timeline}, the upstream's ends ` +
      `at ${formatLsn(here.switchLsn)} there (${end.lsn - here.switchLsn} bytes less)`,
  );
}

/**
 * Where two lineages part: the last position that both have, as far as their histories say.
 *
 * @param upstreamLsn the upstream's own end of WAL
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const own = { timeline: 1, ancestors: [] };
 * const upstream = { timeline: 2, ancestors: [{ timeline: 1, switchLsn: 0x3000100n }] };
 * assert.deepEqual(forkPoint(own, upstream, 0x4000000n), { timeline: 1, lsn: 0x3000100n });
 * ```
 */
export function forkPoint(own: Lineage, upstream: Lineage, upstreamLsn: Lsn): Position {
  const theirs = [...upstream.ancestors, { timeline: upstream.timeline, switchLsn: upstreamLsn }];
  const ours = [...own.ancestors, { timeline: own.timeline, switchLsn: null }];
  let common: Position = { timeline: 0, lsn: 0n };
  for (const [index, { timeline, switchLsn }] of ours.entries()) {
    const other = theirs[index];
    if (other?.timeline !== timeline) break;
    const lsn = switchLsn !== null && switchLsn < other.switchLsn ? switchLsn : other.switchLsn;
    common = { timeline, lsn };
    if (switchLsn !== other.switchLsn) break;
  }
  return common;
}

/**
 * Reads a history file.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseHistory(3, "1\t0/3000100\tno recovery target specified\n\n2\t0/5000000\tx\n"), {
 *   timeline: 3,
 *   ancestors: [{ timeline: 1, switchLsn: 0x3000100n }, { timeline: 2, switchLsn: 0x5000000n }],
 * });
 * assert.equal(parseHistory(2, "rubbish"), null);
 * ```
 *
 * @returns null where a line cannot be read, or the file names no ancestor of timeline 2 or later
 */
export function parseHistory(timeline: number, text: string): Lineage | null {
  const ancestors: Ancestor[] = [];
  for (const line of text.split("\n")) {
    const content = line.replace(/#.*/, "").trim();
    if (content === "") continue;
    const [number, position] = content.split(/\s+/);
    const switchLsn = parseLsn(position ?? "");
    const parent = Number(number);
    if (!Number.isSafeInteger(parent) || parent < 1 || switchLsn === null) return null;
    if (parent <= (ancestors.at(-1)?.timeline ?? 0) || parent >= timeline) return null;
    ancestors.push({ timeline: parent, switchLsn });
  }
  return ancestors.length === 0 && timeline > 1 ? null : { timeline, ancestors };
}

/**
 * The name of a timeline's history file.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(historyFileName(26), "0000001A.history");
 * ```
 */
export function historyFileName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
}

/** Where a timeline began: the last switch point; 0n on timeline 1. */
export function startOf(lineage: Lineage): Lsn {
  return lineage.ancestors.at(-1)?.switchLsn ?? 0n;
}

/**
 * What a rewind needs to know of two histories that part: pg_rewind compares the numbers of the
 * present timelines, and does nothing where they are equal.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const ancestors = [{ timeline: 1, switchLsn: 0x3000100n }];
 * const upstream = { timeline: 2, ancestors };
 * const own = { timeline: 2, ancestors: [{ timeline: 1, switchLsn: 0x3000000n }] };
 * const end = { timeline: 2, lsn: 0x3000200n };
 * assert.equal(parting(end, own, upstream, 0x4000000n), "same_number");
 * assert.equal(parting({ timeline: 2, lsn: 0x3000200n }, upstream, upstream, 0x4000000n), "prefix");
 * ```
 */
export function parting(
  end: Position,
  own: Lineage,
  upstream: Lineage,
  upstreamLsn: Lsn,
): "prefix" | "same_number" | "diverged" {
  if (descent(end, own, upstream, upstreamLsn).verdict === "prefix") return "prefix";
  return end.timeline === upstream.timeline ? "same_number" : "diverged";
}

function diverged(because: string): Descent {
  return { verdict: "diverged", because };
}
