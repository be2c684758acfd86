/**
 * What all sessions of one router share.
 *
 * @module
 */
import type { NodeQueries, RouterOptions, RouterPorts } from "./options.ts";
import { type AllowList, createAllowList } from "./allow.ts";
import { createKeyRing, type KeyRing } from "./cancel.ts";
import { createOpener, type Opener } from "./local_socket.ts";
import type { Session } from "./session.ts";
import { type Classifiers, createClassifiers } from "./split/classifiers.ts";
import { createPositions, type Positions } from "./split/positions.ts";
import { createWaitingRoom, type WaitingRoom } from "./waiting.ts";

/** Numbers that only grow. */
export interface Counters {
  totalConnections: number;
  refused: number;
  cancelled: number;
  bytesToServer: number;
  bytesToClient: number;
  /** Sessions that went on at another primary. */
  moved: number;
}

/** One router's shared state. */
export interface Context {
  readonly options: RouterOptions;
  readonly ports: RouterPorts;
  readonly counters: Counters;
  readonly sessions: Set<Session>;
  readonly waitingRoom: WaitingRoom;
  readonly keys: KeyRing;
  readonly open: Opener;
  readonly allowed: AllowList;
  /** The time when all sessions were looked at last, at most a second ago: without asking the clock. */
  roughlyNowMs: number;
  /** Why no session may begin on the primary, or go on there; null where they may. */
  held: string | null;
  /** What is known of databases' functions; null where no parser is at hand. */
  readonly classifiers: Classifiers | null;
  readonly positions: Positions;
  /** Standbys that could not be opened, and until when they are left out. */
  readonly avoided: Map<string, number>;
  readonly queries: Map<string, NodeQueries>;
  /** Counts the choices of standbys. */
  turn: number;
  /** The number of the last session that began. */
  lastSession: number;
}

/** A router without sessions. */
export function createContext(options: RouterOptions, ports: RouterPorts): Context {
  const context: Context = {
    options,
    ports,
    counters: {
      totalConnections: 0,
      refused: 0,
      cancelled: 0,
      bytesToServer: 0,
      bytesToClient: 0,
      moved: 0,
    },
    sessions: new Set(),
    waitingRoom: createWaitingRoom(options.maximumWaiting, ports.now),
    keys: createKeyRing(),
    open: createOpener(ports),
    allowed: createAllowList(options.allow),
    roughlyNowMs: ports.now(),
    held: null,
    classifiers: ports.parser === null || ports.parser === undefined
      ? null
      : createClassifiers(ports.parser, () => context.roughlyNowMs),
    positions: createPositions(),
    avoided: new Map(),
    queries: new Map(),
    turn: 0,
    lastSession: 0,
  };
  return context;
}

/** How many sessions each node has, those that are connecting included. */
export function sessionsByNode(context: Context): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { route, readRoute } of context.sessions) {
    for (const node of [route?.target.node, readRoute?.target.node]) {
      if (node !== undefined) counts[node] = (counts[node] ?? 0) + 1;
    }
  }
  return counts;
}

/** Counts a unit of work that was sent to a node. */
export function countUnit(context: Context, node: string, kind: "reads" | "writes"): void {
  queriesOf(context, node)[kind]++;
}

/** Counts an error of a node's that a client read. */
export function countFailure(context: Context, node: string): void {
  queriesOf(context, node).failures++;
}

function queriesOf({ queries }: Context, node: string): NodeQueries {
  let known = queries.get(node);
  if (known === undefined) queries.set(node, known = { reads: 0, writes: 0, failures: 0 });
  return known;
}
