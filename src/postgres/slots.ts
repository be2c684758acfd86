/**
 * The members' physical slots on a server that becomes a primary.
 *
 * Regular care (care.ts) keeps them on every server. What it could not make in time is made just
 * before a promotion, reserving from the last restart point, so that the checkpoints after it
 * remove nothing that a sibling still lacks; and `wal_keep_size` keeps recent WAL everywhere.
 *
 * @module
 */
import { literal, type Session } from "./connection.ts";
import type { PostgresOptions } from "./options.ts";
import { done, failed, type Step } from "./outcome.ts";
import { slotName } from "./slot_name.ts";

/** Creates what is missing; a slot that lost its WAL is made anew. */
export async function ensureSlots(session: Session, options: PostgresOptions): Promise<Step<null>> {
  const wanted = options.members.filter(({ name }) => name !== options.nodeName)
    .map(({ name }) => slotName(name));
  const there = await session.query(
    `select slot_name, active::text, coalesce(to_json(slot)->>'wal_status', '') as status
    from pg_replication_slots slot`,
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
