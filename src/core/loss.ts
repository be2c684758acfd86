/**
 * Elections that may lose commits: what `async` allows, and how much of it is known.
 *
 * Under a record with k = 0 and E not empty nobody is known to hold every commit. The most advanced
 * member of E that can be reached may lead all the same, where it lags by no more than is allowed
 * behind what the old leader was last heard to have written, and it has to say what may be missing.
 * (docs/consensus.md, "Durability")
 *
 * @module
 */
import type { Grant } from "./candidate.ts";
import { formatLsn } from "./lsn.ts";
import type { HeardInsert } from "./message.ts";
import { type ClusterRecord, includesInstance, type Instance, sameInstance } from "./record.ts";
import type { State } from "./state.ts";

/** What an elected leader may lack of its predecessor's WAL. */
export interface PossibleLoss {
  /** Its own position when it was elected. */
  readonly fromLsn: bigint;
  /** How much the predecessor was known to have beyond that; null where nobody had heard. */
  readonly knownBytes: bigint | null;
  /** How old that knowledge was. What was written since then is lost besides. */
  readonly heardAgoMs: number | null;
}

/** Whether a candidate may win under an async record. */
export type LossVerdict =
  | { readonly may: false; readonly because: string }
  /** `loss` is null where the old leader itself has shown that it is not ahead. */
  | { readonly may: true; readonly loss: PossibleLoss | null };

/** True where whoever follows the record's leader may lack commits. */
export function isAsync(record: ClusterRecord): boolean {
  return record.required === 0 && record.electable.length > 0;
}

/**
 * Decides whether `candidate`, a member of E whose final position is among `grants`, may win.
 *
 * @param options `heard` is what the voters, and the candidate, last heard of any leader's WAL;
 * `maximumLagBytes` is null where any lag is allowed.
 */
export function lossVerdict(
  options: {
    readonly record: ClusterRecord;
    readonly candidate: Instance;
    readonly grants: readonly Grant[];
    readonly heard: readonly HeardInsert[];
    readonly maximumLagBytes: bigint | null;
  },
): LossVerdict {
  const { record, candidate, grants, maximumLagBytes } = options;
  const no = (because: string): LossVerdict => ({ may: false, because });
  const position = positionOf(candidate, grants);
  if (!includesInstance(record.electable, candidate)) return no("it is not electable");
  if (position === null) return no("its own position is not final");
  if (position.timeline !== record.timeline) {
    return no(`it is on timeline ${position.timeline}, and the record on ${record.timeline}`);
  }
  for (const other of [record.leader, ...record.electable]) {
    const theirs = positionOf(other, grants);
    if (theirs?.timeline === position.timeline && theirs.lsn > position.lsn) {
      return no(`${other.node} is ahead of it and goes first`);
    }
  }
  if (positionOf(record.leader, grants)?.timeline === position.timeline) {
    return { may: true, loss: null };
  }
  const heard = options.heard.filter((one) =>
    sameInstance(one.leader, record.leader) && one.position.timeline === record.timeline
  );
  const furthest = heard.reduce((lsn, one) => one.position.lsn > lsn ? one.position.lsn : lsn, 0n);
  const behind = furthest > position.lsn ? furthest - position.lsn : 0n;
  if (maximumLagBytes !== null) {
    if (heard.length === 0) {
      return no(`nobody knows how far ${record.leader.node} was, and the lag is limited`);
    }
    if (behind > maximumLagBytes) {
      return no(`it lacks ${behind} bytes of WAL, and ${maximumLagBytes} are allowed`);
    }
  }
  return {
    may: true,
    loss: {
      fromLsn: position.lsn,
      knownBytes: heard.length === 0 ? null : behind,
      heardAgoMs: heard.length === 0 ? null : Math.min(...heard.map(({ agoMs }) => agoMs)),
    },
  };
}

/** What this node last heard of a leader's WAL, as it tells a candidate. */
export function heardInsert({ leaderInsert }: State, nowMs: number): HeardInsert | null {
  if (leaderInsert === null) return null;
  const { leader, position, heardAtMs } = leaderInsert;
  return { leader, position, agoMs: Math.max(0, Math.round(nowMs - heardAtMs)) };
}

/** The loss in a sentence, for the log and for `status`. */
export function lossText({ fromLsn, knownBytes, heardAgoMs }: PossibleLoss): string {
  const from = `commits after ${formatLsn(fromLsn)} may be lost`;
  return knownBytes === null
    ? `${from}: nobody knows how far the old leader was`
    : `${from}: ${knownBytes} bytes of WAL that are known of, and what was written in the ` +
      `${heardAgoMs} ms since the old leader was last heard`;
}

function positionOf(instance: Instance, grants: readonly Grant[]) {
  const granted = grants.find((one) =>
    one.instance !== null && sameInstance(one.instance, instance)
  );
  return granted?.position ?? null;
}
