/**
 * How `synchronous_standby_names` and the record's electable set move from one pair to another
 * without ever leaving an acknowledged commit that an election could miss.
 *
 * PostgreSQL has (Ep, kp) in force: a commit is acknowledged once kp members of Ep have flushed it.
 * The record promises (E, k): every acknowledged commit is flushed on k members of E. Three
 * conditions tie them together (docs/consensus.md, "Electable, and durability"):
 *
 * - **C**: kp − |Ep \ E| ≥ k, against every record that may be in force; void where k = 0.
 * - **H**: (E', k') may be promised only once k' members of E' have flushed past the insert
 *   position that was read after (Ep, kp) came into force.
 * - **S**: to go solo the record moves first; to leave solo PostgreSQL does.
 *
 * Where k = 0 and E is not empty, which is `async`, nothing is promised: whoever is elected from E may
 * lack commits, and says so.
 *
 * {@linkcode nextDurabilityStep} proposes one step at a time and never an unlawful one; the caller
 * waits until it is committed, or in force, before it asks again.
 *
 * @module
 */
import type { Lsn } from "./lsn.ts";
import { includesInstance, type Instance } from "./record.ts";
import type { SyncName, SyncSetting } from "./server.ts";

/** (E, k). */
export interface Promised {
  readonly electable: readonly Instance[];
  readonly required: number;
}

/** What is known when a step is chosen. */
export interface DurabilitySituation {
  /** (Ep, kp), in force. */
  readonly sync: SyncSetting;
  /** The records published since, and including, the last that is known to be committed. */
  readonly records: readonly Promised[];
  /** The insert position read after `sync` came into force. */
  readonly barrierLsn: Lsn;
  /** How far each standby that is streaming now has flushed. */
  readonly flushed: readonly { readonly instance: Instance; readonly lsn: Lsn }[];
}

/** One step: change the names in PostgreSQL, or publish a record. */
export type DurabilityStep =
  | { readonly type: "set_sync"; readonly sync: SyncSetting }
  | { readonly type: "publish"; readonly promised: Promised };

/**
 * Condition C: every commit quorum of `sync` meets every election under `promised`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const b = { node: "b", incarnation: "00000000" };
 * const c = { node: "c", incarnation: "00000000" };
 * assert.ok(satisfiesC({ names: [b, c], required: 1 }, { electable: [b, c], required: 1 }));
 * assert.ok(!satisfiesC({ names: [b, c], required: 1 }, { electable: [b], required: 1 }));
 * assert.ok(satisfiesC({ names: [b, c], required: 2 }, { electable: [b], required: 1 }));
 * ```
 */
export function satisfiesC(sync: SyncSetting, promised: Promised): boolean {
  if (promised.required === 0) return true;
  const outside = sync.names.filter((name) => !holdsName(promised.electable, name)).length;
  return sync.required - outside >= promised.required;
}

/** Condition H: enough members of E' have flushed everything acknowledged under older names. */
export function satisfiesH(
  promised: Promised,
  barrierLsn: Lsn,
  flushed: DurabilitySituation["flushed"],
): boolean {
  const past = promised.electable.filter((member) =>
    flushed.some(({ instance, lsn }) =>
      instance.node === member.node && instance.incarnation === member.incarnation &&
      lsn >= barrierLsn
    )
  );
  return past.length >= promised.required;
}

/**
 * The next single step from the present situation towards `desired`, or null where there is none:
 * it is reached, or H has to be waited for.
 *
 * The steps are tried in a fixed order, each lawful one being closer to the goal: the record
 * straight to the goal, the names straight to the goal, and then, where members are exchanged, the
 * record to the union of old and new, from where the names can follow.
 */
export function nextDurabilityStep(
  situation: DurabilitySituation,
  desired: Promised,
): DurabilityStep | null {
  const current = situation.records.at(-1);
  if (current === undefined) return null;
  const goal = syncOf(desired);
  const recordAtGoal = samePromise(current, desired);
  if (recordAtGoal && sameSync(situation.sync, goal)) return null;

  if (!recordAtGoal) {
    if (maySwitchRecord(situation, desired)) return { type: "publish", promised: desired };
  }
  if (!sameSync(situation.sync, goal) && maySwitchSync(situation, goal)) {
    return { type: "set_sync", sync: goal };
  }
  const union: Promised = {
    electable: [
      ...current.electable,
      ...desired.electable.filter((member) => !includesInstance(current.electable, member)),
    ],
    required: Math.min(current.required, desired.required),
  };
  if (
    current.required > 0 && desired.required > 0 && !samePromise(current, union) &&
    maySwitchRecord(situation, union)
  ) {
    return { type: "publish", promised: union };
  }
  return null;
}

/** The names that bear a promise out; none where commits wait for nobody. */
export function syncOf({ electable, required }: Promised): SyncSetting {
  return { names: required === 0 ? [] : electable, required };
}

/** True where both hold the same names and numbers, in any order. */
export function sameSync(a: SyncSetting, b: SyncSetting): boolean {
  return a.required === b.required && a.names.length === b.names.length &&
    a.names.every((name) =>
      b.names.some((other) => other.node === name.node && other.incarnation === name.incarnation)
    );
}

/** True where both promise the same, in any order of members. */
export function samePromise(a: Promised, b: Promised): boolean {
  return a.required === b.required && a.electable.length === b.electable.length &&
    a.electable.every((member) => includesInstance(b.electable, member));
}

function maySwitchRecord(situation: DurabilitySituation, next: Promised): boolean {
  return satisfiesC(situation.sync, next) &&
    (next.required === 0 || satisfiesH(next, situation.barrierLsn, situation.flushed));
}

/** The names may change where C holds against every record that may be in force, and S is kept. */
function maySwitchSync(situation: DurabilitySituation, next: SyncSetting): boolean {
  return situation.records.every((record) => satisfiesC(next, record));
}

function holdsName(instances: readonly Instance[], name: SyncName): boolean {
  return name.incarnation !== null &&
    includesInstance(instances, { node: name.node, incarnation: name.incarnation });
}
