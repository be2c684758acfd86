/**
 * Asking another member's server how it is, as the agents' own database user.
 *
 * @module
 */
import type { Contact } from "../core/message.ts";
import { openSession } from "./connection.ts";
import type { PostgresOptions } from "./options.ts";
import { targetAt } from "./place.ts";

/**
 * True where the server says, within the time, that it is no standby. Everything else is a no: an
 * open port alone proves nothing.
 */
export async function worksAsPrimary(
  options: PostgresOptions,
  { host, port }: Contact,
  timeoutMs: number,
): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  const opened = await openSession(targetAt(options, host, port), timeoutMs);
  if (!opened.ok) return false;
  const { session } = opened;
  const leftMs = Math.max(1, deadlineMs - performance.now());
  const answer = await session.query("select pg_is_in_recovery()::text as standby", leftMs);
  session.close();
  return answer.ok && answer.rows[0]?.standby === "false";
}
