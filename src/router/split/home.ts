/**
 * What only the primary has, inside of a read-only transaction that runs on a standby: advisory locks,
 * notifications, SQL's PREPARE, cursors WITH HOLD.
 *
 * A transaction of which nothing but its BEGIN has run is begun again on the primary, and nobody
 * notices. Later there is a snapshot to be kept: the statement is refused then, as a lock that nobody else
 * sees, or a statement that is gone after COMMIT, would be worse.
 *
 * @module
 */
import { errorBytes } from "../../wire/errors.ts";
import { readyForQueryBytes } from "../../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../../wire/sqlstate.ts";
import { HELD_CURSOR } from "./memory.ts";
import { makeStatements, missing } from "./mirror.ts";
import { needPrimary } from "./primary.ts";
import { ask, isFree, quiet, type Side, type Told } from "./side.ts";
import { type Split, toClient } from "./state.ts";
import type { Unit } from "./unit.ts";

/** True where a unit, in a transaction on a standby, is the primary's business. */
export function isForHome({ live, standby, memory }: Split, { home }: Unit): boolean {
  if (live === null || live !== standby || live.activity.transaction !== "in_transaction") {
    return false;
  }
  return home === "yes" || (home === "with_held_cursor" && memory.bound.has(HELD_CURSOR)) ||
    (home === "with_prepared" && memory.prepared.size > 0);
}

/**
 * Begins the transaction again on the primary, or refuses the unit.
 *
 * @returns the primary, with the transaction begun; null where the client has read an error, or the
 * session is over; "again" where something changed meanwhile
 */
export async function bringHome(split: Split, open: boolean): Promise<Side | "again" | null> {
  const { live: side, opening } = split;
  if (side === null) return "again";
  if (opening === null) return await refuse(split, side, open);
  const primary = await needPrimary(split, "for_client");
  if (primary === null) return null;
  if (!isFree(primary)) {
    await quiet(primary);
    return isFree(primary) || primary.closed ? "again" : await refuse(split, side, open);
  }
  const left = await ask(side, "ROLLBACK");
  const begun = left === null ? null : await beginThere(primary, opening);
  split.opening = null;
  if (begun === null || begun.error !== null) {
    // Outside of a transaction it must not run.
    split.end({ type: "stopped", complaint: LOST });
    return null;
  }
  split.live = primary;
  return primary;
}

/** The BEGIN may be a statement that was made before, and elsewhere. */
async function beginThere(
  primary: Side,
  { bytes, needs }: NonNullable<Split["opening"]>,
): Promise<Told | null> {
  const lacking = missing(primary, needs);
  const told = lacking.length === 0 ? null : await makeStatements(primary, lacking);
  if (lacking.length > 0 && told?.error !== null) return told;
  return await ask(primary, bytes);
}

async function refuse(split: Split, side: Side, open: boolean): Promise<null> {
  // There is no such savepoint: the transaction fails, as it does behind any error.
  if (await ask(side, 'ROLLBACK TO SAVEPOINT "metako has none"') === null) return null;
  split.skipping = open;
  const { node } = side.route.target;
  const words = errorBytes({
    sqlstate: SQLSTATE.featureNotSupported,
    message:
      `cannot do this in a transaction that reads from the standby ${node}: advisory locks, ` +
      "notifications, PREPARE, EXECUTE, DEALLOCATE and cursors WITH HOLD are the primary's",
    hint: "Let it be the first statement behind BEGIN READ ONLY, or begin with " +
      "/* metako: primary */ BEGIN READ ONLY.",
  });
  const ready = open ? [] : [readyForQueryBytes(side.activity.transaction)];
  await toClient(split, side, [words, ...ready]);
  return null;
}

const LOST: Complaint = {
  sqlstate: SQLSTATE.connectionLost,
  message:
    "The connection was lost while a transaction was on its way to the primary; nothing of it " +
    "has run.",
  hint: "Connect again and repeat it.",
};
