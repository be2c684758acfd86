/**
 * What has to be done about the members' physical slots on this server. Pure.
 *
 * Every server has one for each other member, so that whichever is promoted still holds what the
 * others lack. A primary's are moved on by who streams. On a standby nobody uses them, so they are
 * moved on here: to where that member is, and never past what is replayed. A member that cannot be
 * asked keeps its place, up to the limit `max_slot_wal_keep_size`; before PostgreSQL 13 there is no
 * such limit, and a standby keeps no slots.
 *
 * @module
 */
import type { Lsn } from "../core/lsn.ts";
import type { NodeName } from "../core/record.ts";
import type { Inspection } from "./inspection.ts";
import { isOwnSlot, slotName } from "./slot_name.ts";
import { offers } from "./version.ts";

/** How long a slot of metako's that belongs to no member lives unused, in milliseconds. */
export const ORPHAN_MS = 10 * 60_000;

/** One thing to do. */
export type SlotStep =
  | { readonly do: "create" | "remake"; readonly slot: string }
  | { readonly do: "drop"; readonly slot: string }
  | { readonly do: "advance"; readonly slot: string; readonly to: Lsn };

/** What the plan rests on. */
export interface SlotFacts {
  readonly self: NodeName;
  readonly members: readonly NodeName[];
  readonly seen: Pick<Inspection, "role" | "major" | "slots" | "position" | "redoLsn">;
  /** Where each member is on this server's timeline, as it said just now: "leader" needs no LSN. */
  readonly siblings: ReadonlyMap<NodeName, Lsn | "leader">;
  /** How long a slot has been seen unused, in milliseconds. */
  readonly idleMs: (slot: string) => number;
}

/** Plans. An empty list means that all is well. */
export function planSlots(facts: SlotFacts): readonly SlotStep[] {
  const { self, members, seen, idleMs } = facts;
  const keeps = seen.role === "primary" || offers(seen.major, "slot_retention");
  const others = members.filter((name) => name !== self);
  const wanted = new Map(others.map((name) => [slotName(name), name]));
  const steps: SlotStep[] = [];
  for (const [slot, member] of keeps ? wanted : []) {
    const found = seen.slots.find(({ name }) => name === slot);
    if (found === undefined) {
      steps.push({ do: "create", slot });
    } else if (!found.active) {
      const { restartLsn } = found;
      // One from before a rewind can lie in the future.
      if (restartLsn === null || found.walStatus === "lost" || restartLsn > seen.position) {
        steps.push({ do: "remake", slot });
      } else if (seen.role === "standby") {
        const to = target(facts, member);
        if (to !== null && to > restartLsn) steps.push({ do: "advance", slot, to });
      }
    }
  }
  for (const { name, kind, active } of seen.slots) {
    if (kind !== "physical" || active || !isOwnSlot(name)) continue;
    const mayGo = keeps ? !wanted.has(name) && idleMs(name) >= ORPHAN_MS : true;
    if (mayGo) steps.push({ do: "drop", slot: name });
  }
  return steps;
}

/**
 * Up to where a member needs nothing any more; null where that is not known. The leader may come
 * back as a standby, and is rewound from a checkpoint: it needs WAL from the last one on.
 */
function target({ seen, siblings }: SlotFacts, member: NodeName): Lsn | null {
  const at = siblings.get(member);
  if (at === undefined) return null;
  const needed = at === "leader" ? seen.redoLsn : at;
  if (needed === null) return null;
  return needed < seen.position ? needed : seen.position;
}
