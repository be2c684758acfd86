/**
 * Who is in: one card per session, for operators and for limits.
 *
 * @module
 */
import { nameAsServerSeesIt } from "./access.ts";
import type { Introduction } from "./greet.ts";
import type { Purpose } from "./route.ts";

/** A session as it presented itself. */
export interface Card {
  /** Counts from 1 in the life of a router. */
  readonly id: number;
  /** The role's name; "?" where that is not UTF-8. */
  readonly user: string;
  readonly database: string;
  /** What the client calls itself; empty where it does not say. */
  readonly application: string;
  readonly address: string;
  readonly purpose: Purpose;
  readonly encrypted: boolean;
  /** On the router's clock. */
  readonly sinceMs: number;
  /** It may go on to a server: it has proven who it is, or the server will see to that. */
  admitted: boolean;
  /** Why it has to wait at this moment, for a server or for one that knows its role; null while it does not. */
  waitsBecause: string | null;
}

/** What an operator reads. */
export interface SessionReport {
  readonly id: number;
  readonly user: string;
  readonly database: string;
  readonly application: string;
  readonly address: string;
  readonly purpose: Purpose;
  readonly encrypted: boolean;
  readonly ageMs: number;
  /** Where it is, or is trying to get; null while it waits, or is not admitted yet. */
  readonly node: string | null;
  /** Null while it does not wait: then it may be without a server too, until its client asks for something. */
  readonly waitsBecause: string | null;
}

/** Fills in the card of a session that begins. */
export function newCard(
  { packet, channel }: Introduction,
  rest: Pick<Card, "id" | "address" | "purpose" | "sinceMs">,
): Card {
  const { userBytes, parameters } = packet;
  const user = nameAsServerSeesIt(userBytes ?? new Uint8Array(0)) ?? "?";
  return {
    ...rest,
    user,
    database: parameters.get("database") || user,
    application: parameters.get("application_name") ?? "",
    encrypted: channel !== null,
    admitted: false,
    waitsBecause: null,
  };
}

/** How many sessions of one role have been admitted. */
export function countOfUser(cards: Iterable<Card>, user: string): number {
  let count = 0;
  for (const card of cards) if (card.admitted && card.user === user) count++;
  return count;
}
