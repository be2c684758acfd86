/**
 * Simulated PostgreSQL servers: their WAL is a list of rows, each with a text of its own, so two
 * servers share a history up to row n exactly where their n-th rows are the same.
 *
 * The simulation is on the side of the adversary: names that are being changed count in their old
 * and their new form until the change is done, a promotion writes WAL of its own, and timeline
 * numbers are each server's own choice, so that two servers can take the same one.
 */
import type { Incarnation, NodeName } from "../../src/core/record.ts";
import type {
  ActionResult,
  AttachedStandby,
  ServerAction,
  ServerObservation,
  SyncSetting,
} from "../../src/core/server.ts";

const SYSTEM = "7000000000000000001";
/** Row n of the list ends at LSN BASE + n. */
const BASE = 1000n;

/** A server and its data directory. */
export interface Server {
  exists: boolean;
  incarnation: Incarnation;
  systemIdentifier: string;
  running: "no" | "primary" | "standby";
  /** What it was when it last ran: decides how it may be started. */
  wasPrimary: boolean;
  cleanly: boolean;
  timeline: number;
  /** How many rows came before each timeline of its history. */
  history: Map<number, number>;
  rows: string[];
  upstream: NodeName | null;
  /** `synchronous_standby_names` as the settings say it. */
  sync: SyncSetting;
  /** What commits may be waiting for: one pair, or two while a change is under way. */
  inForce: readonly SyncSetting[];
  /** The term under which it became primary. */
  term: number;
  /** It holds its connections and answers nothing. */
  hung: boolean;
  /** How many rows a standby takes in per round; 0 stalls it. */
  rowsPerRound: number;
}

/** All servers, and whether WAL and its acknowledgements can travel from one host to another. */
export interface Servers {
  get(name: NodeName): Server;
  names(): Iterable<NodeName>;
  linked(from: NodeName, to: NodeName): boolean;
}

/** A host without a data directory. */
export function emptyServer(): Server {
  return {
    exists: false,
    incarnation: "",
    systemIdentifier: SYSTEM,
    running: "no",
    wasPrimary: false,
    cleanly: true,
    timeline: 0,
    history: new Map(),
    rows: [],
    upstream: null,
    sync: { names: [], required: 0 },
    inForce: [{ names: [], required: 0 }],
    term: 0,
    hung: false,
    rowsPerRound: Infinity,
  };
}

/** Ends the server's processes without any care. */
export function kill(server: Server): void {
  if (server.running === "no") return;
  server.wasPrimary = server.running === "primary";
  server.running = "no";
  server.cleanly = false;
  server.hung = false;
}

/** What an action changes as soon as it has begun. */
export function beginAction(server: Server, action: ServerAction): void {
  switch (action.type) {
    case "clone":
      if (server.running !== "no") return;
      Object.assign(server, emptyServer());
      return;
    case "set_sync":
      if (server.running !== "primary") return;
      server.inForce = [...server.inForce, action.sync];
      server.sync = action.sync;
      return;
    default:
      return;
  }
}

/** Carries an action out under `term`; a text says why it could not be. */
export function endAction(
  servers: Servers,
  self: NodeName,
  action: ServerAction,
  term: number,
): ActionResult | string {
  const server = servers.get(self);
  if (server.hung && action.type !== "fence") return "the server does not answer";
  switch (action.type) {
    case "initialise":
      if (server.exists) return "there is a data directory already";
      Object.assign(server, emptyServer(), {
        exists: true,
        incarnation: action.incarnation,
        timeline: 1,
        history: new Map([[1, 0]]),
      });
      return startPrimary(server, action.sync, term, `initdb ${action.incarnation}`);
    case "start_primary":
      if (!server.exists) return "no data directory";
      if (server.running === "standby") return "it runs as a standby";
      if (!server.wasPrimary && server.running === "no") return "it has a standby.signal";
      return startPrimary(server, action.sync, term, `start ${self} ${server.rows.length} ${term}`);
    case "start_standby":
      if (!server.exists) return "no data directory";
      if (server.running === "primary") return "it runs as primary";
      server.running = "standby";
      server.wasPrimary = false;
      server.upstream = null;
      return { type: "done" };
    case "follow":
      return follow(servers, self, action.upstream.node);
    case "revoke":
      if (server.running !== "standby") return "not a standby";
      server.upstream = null;
      return { type: "revoked", position: position(server) };
    case "prepare":
      return server.running === "standby" ? { type: "done" } : "not a standby";
    case "promote":
      if (server.running === "primary") {
        server.sync = action.sync;
        server.inForce = [action.sync];
        return startedPrimary(server);
      }
      if (server.running !== "standby") return "not a standby";
      server.upstream = null;
      server.timeline = Math.max(...server.history.keys()) + 1;
      server.history.set(server.timeline, server.rows.length);
      return startPrimary(server, action.sync, term, `promote ${self} ${server.timeline} ${term}`);
    case "set_sync":
      if (server.running !== "primary") return "not a primary";
      server.sync = action.sync;
      server.inForce = [action.sync];
      return { type: "sync_in_force", barrierLsn: lsn(server) };
    case "stop":
      return stop(servers, self);
    case "fence":
      kill(server);
      return { type: "done" };
    case "clone": {
      const upstream = servers.get(action.upstream.node);
      if (server.running !== "no") return "the server runs";
      if (!reachesPrimary(servers, self, action.upstream.node)) return "the upstream is no primary";
      Object.assign(server, emptyServer(), {
        exists: true,
        incarnation: action.incarnation,
        running: "standby",
        upstream: action.upstream.node,
        timeline: upstream.timeline,
      });
      takeRows(upstream, server);
      return { type: "done" };
    }
  }
}

/** What an agent on the host would see. */
export function observe(servers: Servers, self: NodeName): ServerObservation {
  const server = servers.get(self);
  if (!server.exists) return { state: "absent" };
  if (server.hung) return { state: "unresponsive", because: "nothing answers" };
  const identity = { incarnation: server.incarnation, systemIdentifier: server.systemIdentifier };
  switch (server.running) {
    case "no":
      return {
        ...identity,
        state: "stopped",
        wasPrimary: server.wasPrimary,
        cleanly: server.cleanly,
        checkpoint: { timeline: server.timeline, lsn: lsn(server) - 1n },
      };
    case "standby":
      return {
        ...identity,
        state: "standby",
        position: position(server),
        replayedLsn: lsn(server),
        streamingFrom: receives(servers, self) ? server.upstream : null,
        following: server.upstream,
        replayPaused: false,
      };
    case "primary":
      return {
        ...identity,
        state: "primary",
        timeline: server.timeline,
        insertLsn: lsn(server),
        sync: server.sync,
        standbys: [...servers.names()].filter((name) => acknowledges(servers, name, self))
          .map((name) => attached(servers.get(name), name, server)),
      };
  }
}

/** Moves WAL from every primary to whoever receives it. */
export function replicate(servers: Servers): void {
  for (const name of servers.names()) {
    const server = servers.get(name);
    if (server.upstream !== null && receives(servers, name)) {
      takeRows(servers.get(server.upstream), server);
    }
  }
}

/** True where the commit of row number `count` on `self` is acknowledged to its client. */
export function isAcknowledged(servers: Servers, self: NodeName, count: number): boolean {
  const server = servers.get(self);
  return server.inForce.some((setting) =>
    setting.names.filter(({ node, incarnation }) => {
      const standby = servers.get(node);
      return standby.incarnation === incarnation && acknowledges(servers, node, self) &&
        standby.rows.length >= count;
    }).length >= setting.required
  );
}

function startPrimary(
  server: Server,
  sync: SyncSetting,
  term: number,
  record: string,
): ActionResult | string {
  if (server.running === "primary") return "it runs already";
  server.running = "primary";
  server.sync = sync;
  server.inForce = [sync];
  server.term = term;
  server.rows.push(`#${record}`);
  return startedPrimary(server);
}

function startedPrimary(server: Server): ActionResult {
  return {
    type: "started_primary",
    systemIdentifier: server.systemIdentifier,
    incarnation: server.incarnation,
    timeline: server.timeline,
    startLsn: BASE + BigInt(server.history.get(server.timeline) ?? 0),
    barrierLsn: lsn(server),
  };
}

function follow(servers: Servers, self: NodeName, upstream: NodeName): ActionResult | string {
  const server = servers.get(self);
  if (!server.exists) return "no data directory";
  if (server.running === "primary") return "it runs as primary";
  if (!reachesPrimary(servers, self, upstream)) return "the upstream is no primary";
  if (!isPrefix(server, servers.get(upstream))) return "diverged";
  if (server.running === "no" && server.wasPrimary && !server.cleanly) return "diverged";
  server.running = "standby";
  server.wasPrimary = false;
  server.upstream = upstream;
  return { type: "done" };
}

function stop(servers: Servers, self: NodeName): ActionResult | string {
  const server = servers.get(self);
  if (server.running !== "primary") return "not running";
  server.rows.push(`#shutdown ${self} ${server.rows.length} ${server.term}`);
  for (const name of servers.names()) {
    const other = servers.get(name);
    if (other.upstream === self && acknowledges(servers, name, self)) takeRows(server, other);
  }
  server.running = "no";
  server.wasPrimary = true;
  server.cleanly = true;
  // The shutdown checkpoint's record begins at its LSN and ends with its row.
  return { type: "stopped", checkpoint: { timeline: server.timeline, lsn: lsn(server) - 1n } };
}

function attached(standby: Server, node: NodeName, primary: Server): AttachedStandby {
  return {
    node,
    incarnation: standby.incarnation,
    // A walsender on a timeline of the past never says that it has caught up.
    state: standby.timeline === primary.timeline ? "streaming" : "catchup",
    flushedLsn: lsn(standby),
    replayedLsn: lsn(standby),
  };
}

function lsn(server: Server): bigint {
  return BASE + BigInt(server.rows.length);
}

function position(server: Server): { timeline: number; lsn: bigint } {
  return { timeline: server.timeline, lsn: lsn(server) };
}

function isPrefix(of: Server, upstream: Server): boolean {
  const { length } = of.rows;
  return length === 0 || upstream.rows[length - 1] === of.rows[length - 1];
}

function reachesPrimary(servers: Servers, self: NodeName, upstream: NodeName): boolean {
  const other = servers.get(upstream);
  return other.running === "primary" && !other.hung && servers.linked(self, upstream) &&
    servers.linked(upstream, self);
}

/** WAL arrives. */
function receives(servers: Servers, self: NodeName): boolean {
  const { running, upstream, hung } = servers.get(self);
  if (running !== "standby" || upstream === null || hung) return false;
  const other = servers.get(upstream);
  return other.running === "primary" && !other.hung && servers.linked(upstream, self) &&
    isPrefix(servers.get(self), other);
}

/** What arrived is acknowledged to `upstream`. */
function acknowledges(servers: Servers, self: NodeName, upstream: NodeName): boolean {
  return servers.get(self).upstream === upstream && receives(servers, self) &&
    servers.linked(self, upstream);
}

function takeRows(from: Server, to: Server): void {
  if (!isPrefix(to, from)) return;
  const end = Math.min(from.rows.length, to.rows.length + to.rowsPerRound);
  for (let index = to.rows.length; index < end; index++) to.rows.push(from.rows[index]!);
  to.history = new Map([...from.history].filter(([, before]) => before < to.rows.length));
  to.timeline = Math.max(...to.history.keys());
}
