/**
 * PostgreSQL servers: what is in a data directory, what a process adds to it, and how either ends.
 *
 * WAL is a list of rows, each with a number of its own in the whole world, so two directories share
 * a history up to row n exactly where their n-th rows are the same. Timeline numbers are each
 * server's own choice: two servers can take the same one, and only the rows tell them apart.
 */
import type { Incarnation, NodeName, Position } from "../../src/core/record.ts";
import type { AttachedStandby, SyncSetting } from "../../src/core/server.ts";
import { type Host, tell, type World } from "./world.ts";

/** Where row 0 would end. */
const BASE = 0x1000000n;
/** Bytes of a row: large, so that some hundred of them are a lag worth refusing. */
const ROW_BYTES = 0x10000n;

/** A timeline and the count of rows before it. */
export interface TimelineStart {
  readonly timeline: number;
  readonly start: number;
}

/** What the disk holds. */
export interface DataDirectory {
  readonly incarnation: Incarnation;
  readonly systemIdentifier: string;
  wal: number[];
  /** How many rows survive a crash of the host. */
  flushed: number;
  /** How many rows recovery has applied. */
  replayed: number;
  history: TimelineStart[];
  /** The timeline of the last checkpoint: older than the history's last right after a promotion. */
  checkpointTimeline: number;
  standbySignal: boolean;
  cleanly: boolean;
  /** `primary_conninfo`; null after a revocation. */
  following: NodeName | null;
  /** `synchronous_standby_names` as the settings say it. */
  sync: SyncSetting;
}

/** A walsender: it outlives the standby that it serves until a timeout notices. */
export interface Sender {
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  readonly session: number;
  /** Rows sent, and rows that the standby reported as flushed. */
  sent: number;
  reported: number;
  caughtUp: boolean;
  inFlight: boolean;
  /** When something last came back. */
  heardAtMs: number;
}

/** A commit that waits. */
export interface Waiting {
  readonly row: number;
  readonly count: number;
}

/** A running server. */
export interface Process {
  readonly kind: "primary" | "standby";
  /** It accepts connections from this moment on. */
  readonly readyAtMs: number;
  hung: boolean;
  /** It was started behind the agent's back, and no agent has led it since. */
  unasked: boolean;
  /** Primary: the term under which it was opened, and what commits may be waiting for. */
  term: number;
  inForce: readonly SyncSetting[];
  readonly senders: Map<NodeName, Sender>;
  waiting: Waiting[];
  /** Standby: the connection to its upstream, and whether it ever had one since its start. */
  receiver: { readonly upstream: NodeName; readonly session: number } | null;
  received: boolean;
  replayPaused: boolean;
  connecting: boolean;
}

/** The LSN at which `count` rows end. */
export function lsnOf(count: number): bigint {
  return BASE + BigInt(count) * ROW_BYTES;
}

/** The timeline on which a directory's WAL ends. */
export function timelineOf(data: DataDirectory): number {
  return data.history.at(-1)?.timeline ?? 1;
}

/** A new directory, empty. */
export function createData(
  given: Pick<DataDirectory, "incarnation" | "systemIdentifier" | "standbySignal">,
): DataDirectory {
  return {
    ...given,
    wal: [],
    flushed: 0,
    replayed: 0,
    history: [{ timeline: 1, start: 0 }],
    checkpointTimeline: 1,
    cleanly: true,
    following: null,
    sync: { names: [], required: 0 },
  };
}

/** A new process. `readyInMs`: how long it does not accept connections yet. */
export function createProcess(
  world: World,
  given: { readonly kind: Process["kind"]; readonly term: number; readonly readyInMs: number },
): Process {
  return {
    kind: given.kind,
    term: given.term,
    readyAtMs: world.nowMs + given.readyInMs,
    hung: false,
    unasked: false,
    inForce: [],
    senders: new Map(),
    waiting: [],
    receiver: null,
    received: false,
    replayPaused: false,
    connecting: false,
  };
}

/** Ends a server's processes without care. */
export function endProcess(world: World, host: Host, because: string): void {
  const { data } = host;
  if (host.process === null) return;
  tell(world, host, "server", `PostgreSQL ends: ${because}`);
  host.process = null;
  if (data === null) return;
  data.cleanly = false;
  if (data.replayed > data.wal.length) data.replayed = data.wal.length;
}

/** Power fails: what was not flushed is lost, or some of it. */
export function losePages(world: World, host: Host): void {
  const { data } = host;
  if (data === null || data.wal.length <= data.flushed) return;
  const kept = data.flushed + Math.floor(world.dice.disk.roll() * (data.wal.length - data.flushed));
  truncate(data, kept);
}

/** Cuts a directory's WAL to `count` rows. */
export function truncate(data: DataDirectory, count: number): void {
  if (count >= data.wal.length) return;
  data.wal.length = count;
  data.replayed = Math.min(data.replayed, count);
  data.history = data.history.filter(({ start }, index) => index === 0 || start < count);
}

/** Where the WAL of a standby ends, as its functions say: received or replayed, whichever is more. */
export function standbyPosition(data: DataDirectory, process: Process): Position {
  const count = process.received ? Math.max(data.flushed, data.replayed) : data.replayed;
  const { history } = data;
  let index = history.length - 1;
  while (index > 0 && history[index]!.start >= count) index--;
  return { timeline: history[index]?.timeline ?? 1, lsn: lsnOf(count) };
}

/** The directory's last checkpoint, as pg_controldata shows it. */
export function checkpointOf(data: DataDirectory): Position {
  return { timeline: data.checkpointTimeline, lsn: lsnOf(data.wal.length - 1) };
}

/** True where `data` really is a prefix of `upstream`. */
export function isLineage(data: DataDirectory, upstream: DataDirectory): boolean {
  const { length } = data.wal;
  return length === 0 ||
    (length <= upstream.wal.length && data.wal[length - 1] === upstream.wal[length - 1]);
}

/**
 * What PostgreSQL and metako can see of it: the histories agree, and the local end lies on them.
 * Numbers alone are compared, so that two timelines of the same number and start look the same.
 */
export function looksLikeLineage(data: DataDirectory, upstream: DataDirectory): boolean {
  for (const [index, { timeline, start }] of data.history.entries()) {
    const theirs = upstream.history[index];
    if (theirs?.timeline !== timeline || theirs.start !== start) return false;
  }
  const next = upstream.history[data.history.length];
  return data.wal.length <= (next === undefined ? upstream.wal.length : next.start);
}

/** The rows of pg_stat_replication that belong to members. */
export function attachedStandbys(process: Process): AttachedStandby[] {
  return [...process.senders.values()].map((sender) => ({
    node: sender.node,
    incarnation: sender.incarnation,
    state: sender.caughtUp ? "streaming" : "catchup",
    flushedLsn: lsnOf(sender.reported),
    replayedLsn: lsnOf(sender.reported),
  }));
}

/** True where the host's processes can act now. */
export function isAwake(world: World, host: Host): boolean {
  return host.up && host.pausedUntilMs <= world.nowMs;
}

/** True where the server answers. */
export function answers(world: World, host: Host): boolean {
  const { process } = host;
  return process !== null && !process.hung && isAwake(world, host) &&
    process.readyAtMs <= world.nowMs;
}
