/**
 * What all sessions of one router share.
 *
 * @module
 */
import type { RouterOptions, RouterPorts } from "./options.ts";
import { type AllowList, createAllowList } from "./allow.ts";
import { createKeyRing, type KeyRing } from "./cancel.ts";
import type { Session } from "./session.ts";
import { createWaitingRoom, type WaitingRoom } from "./waiting.ts";

/** Numbers that only grow. */
export interface Counters {
  totalConnections: number;
  refused: number;
  cancelled: number;
  bytesToServer: number;
  bytesToClient: number;
}

/** One router's shared state. */
export interface Context {
  readonly options: RouterOptions;
  readonly ports: RouterPorts;
  readonly counters: Counters;
  readonly sessions: Set<Session>;
  readonly waitingRoom: WaitingRoom;
  readonly keys: KeyRing;
  readonly allowed: AllowList;
  /** Why no session may begin on the primary, or go on there; null where they may. */
  held: string | null;
  /** Counts the choices of standbys. */
  turn: number;
}

/** A router without sessions. */
export function createContext(options: RouterOptions, ports: RouterPorts): Context {
  return {
    options,
    ports,
    counters: {
      totalConnections: 0,
      refused: 0,
      cancelled: 0,
      bytesToServer: 0,
      bytesToClient: 0,
    },
    sessions: new Set(),
    waitingRoom: createWaitingRoom(options.maximumWaiting, ports.now),
    keys: createKeyRing(),
    allowed: createAllowList(options.allow),
    held: null,
    turn: 0,
  };
}

/** How many sessions each node has, those that are connecting included. */
export function sessionsByNode(context: Context): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { route } of context.sessions) {
    if (route !== null) counts[route.target.node] = (counts[route.target.node] ?? 0) + 1;
  }
  return counts;
}
