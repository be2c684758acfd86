/**
 * The members' physical slots on this server.
 *
 * A primary has one for every other member, holding WAL from its creation, bounded by
 * `max_slot_wal_keep_size`. A standby has none: nothing there would move them on, so they would
 * only fill its disk. What siblings need after a promotion is on the promoted standby all the
 * same: `wal_keep_size` keeps recent WAL everywhere, and the slots are created just before the
 * promotion, reserving from the last restart point, so that the checkpoints after it remove
 * nothing that a sibling still lacks.
 *
 * @module
 */
import { literal, type Session } from "./connection.ts";
import type { PostgresOptions } from "./options.ts";
import { done, failed, type Step } from "./outcome.ts";
import { isOwnSlot, slotName } from "./slot_name.ts";

/** Creates what is missing; a slot that lost its WAL is made anew. */
export async function ensureSlots(session: Session, options: PostgresOptions): Promise<Step<null>> {
  const wanted = options.members.filter(({ name }) => name !== options.nodeName)
    .map(({ name }) => slotName(name));
  const there = await session.query(
    "select slot_name, active::text, coalesce(wal_status, '') as status from pg_replication_slots",
  );
  if (!there.ok) return there;
  for (const slot of wanted) {
    const found = there.rows.find((row) => row.slot_name === slot);
    if (found !== undefined && (found.status !== "lost" || found.active === "true")) continue;
    const drop = found === undefined
      ? null
      : await session.query(`select pg_drop_replication_slot(${literal(slot)})`);
    if (drop !== null && !drop.ok) return drop;
    const made = await session.query(
      `select pg_create_physical_replication_slot(${literal(slot)}, true)`,
    );
    if (!made.ok && made.code !== "42710") {
      return failed(`Cannot create the replication slot ${slot}: ${made.because}`);
    }
  }
  return done(null);
}

/** Drops the members' slots that nobody uses, on a server that became a standby. */
export async function dropIdleSlots(session: Session): Promise<Step<null>> {
  const there = await session.query(
    "select slot_name from pg_replication_slots where slot_type = 'physical' and not active",
  );
  if (!there.ok) return there;
  for (const { slot_name: slot } of there.rows) {
    if (slot === null || slot === undefined || !isOwnSlot(slot)) continue;
    const dropped = await session.query(`select pg_drop_replication_slot(${literal(slot)})`);
    // Somebody may have started to use it in between, which makes it worth keeping.
    if (!dropped.ok && dropped.code !== "55006" && dropped.code !== "42704") return dropped;
  }
  return done(null);
}
