/**
 * The way of WAL: written and flushed on a primary, sent to the standbys that are attached, written
 * and flushed there, reported back, and only then are commits acknowledged that waited for it.
 *
 * A walsender whose standby is gone stays, a zombie, until its timeout; what it last reported still
 * counts, and it holds the standby's slot, so that one standby is never counted twice.
 */
import type { SyncSetting } from "../../src/core/server.ts";
import { walPasses } from "./network.ts";
import { answers, isAwake, looksLikeLineage, type Process, type Sender } from "./server.ts";
import { springAtCatchUp } from "./traps.ts";
import { type Acknowledged, after, type Host, hostOf, tell, type World } from "./world.ts";

/** A walsender that hears nothing for so long ends. */
export const SENDER_TIMEOUT_MS = 4000;
/** Pause between two attempts of a standby to connect. */
const CONNECT_EVERY_MS = 300;

/** A client writes a row; its commit waits for the disk and for standbys. */
export function writeRow(world: World, host: Host): number | null {
  const { data, process } = host;
  if (data === null || process?.kind !== "primary" || !answers(world, host)) return null;
  const row = ++world.rowCount;
  data.wal.push(row);
  process.waiting.push({ row, count: data.wal.length });
  after(world, flushMs(world, host), () => flushPrimary(world, host, process));
  return row;
}

/** Makes everything that was written durable, and sends it. */
export function flushPrimary(world: World, host: Host, process: Process): void {
  if (host.process !== process || host.data === null) return;
  if (!isAwake(world, host)) {
    return wakeLater(world, host, () => flushPrimary(world, host, process));
  }
  host.data.flushed = host.data.wal.length;
  release(world, host, process);
  for (const sender of process.senders.values()) sendMore(world, host, process, sender);
}

/** Acknowledges every commit that has what it waits for. */
export function release(world: World, host: Host, process: Process): void {
  const { data } = host;
  if (process.waiting.length === 0 || data === null || process.hung) return;
  let reached = -1;
  for (const setting of process.inForce) reached = Math.max(reached, quorumOf(process, setting));
  reached = Math.min(reached, data.flushed);
  let count = 0;
  for (const { count: place } of process.waiting) {
    if (place > reached) break;
    count++;
  }
  if (count === 0) return;
  for (const { row, count: place } of process.waiting.splice(0, count)) {
    const commit: Acknowledged = {
      row,
      node: host.name,
      count: place,
      term: process.term,
      atMs: world.nowMs,
    };
    world.tally.acknowledged++;
    for (const checker of world.checkers) checker.acknowledged?.(commit);
    world.acknowledged.push(commit);
  }
}

/** Up to which row `required` of the names have reported. */
function quorumOf(process: Process, setting: SyncSetting): number {
  if (setting.required === 0) return Infinity;
  const reported: number[] = [];
  for (const { node, incarnation } of setting.names) {
    const sender = process.senders.get(node);
    if (sender !== undefined && sender.incarnation === incarnation) reported.push(sender.reported);
  }
  if (reported.length < setting.required) return -1;
  if (reported.length > 1) reported.sort((a, b) => b - a);
  return reported[setting.required - 1]!;
}

/** A standby connects to the server that its settings name, as soon as that one answers. */
export function connect(world: World, host: Host): void {
  const { process } = host;
  if (process?.kind !== "standby" || process.connecting || process.receiver !== null) return;
  if (host.data === null || host.data.following === null) return;
  process.connecting = true;
  after(world, world.dice.wal.between(5, CONNECT_EVERY_MS), () => {
    process.connecting = false;
    if (host.process !== process || host.data === null || process.receiver !== null) return;
    if (!tryConnect(world, host, process)) connect(world, host);
  });
}

function tryConnect(world: World, host: Host, process: Process): boolean {
  const { data } = host;
  if (data === null || data.following === null) return true;
  const upstream = hostOf(world, data.following);
  const serving = upstream.process;
  if (!answers(world, host) || !answers(world, upstream) || serving?.kind !== "primary") {
    return false;
  }
  if (!joined(world, host, upstream) || upstream.data === null) return false;
  // The slot is held by a walsender that does not know yet that its standby is gone.
  if (serving.senders.has(host.name)) {
    world.tally.note("server", "zombie walsender holds the slot");
    return false;
  }
  if (
    data.systemIdentifier !== upstream.data.systemIdentifier ||
    !looksLikeLineage(data, upstream.data)
  ) return false;
  const session = ++world.exchangeCount;
  const sender: Sender = {
    node: host.name,
    incarnation: data.incarnation,
    session,
    sent: data.wal.length,
    reported: 0,
    caughtUp: false,
    inFlight: false,
    heardAtMs: world.nowMs,
  };
  serving.senders.set(host.name, sender);
  process.receiver = { upstream: upstream.name, session };
  tell(world, host, "server", `streams from ${upstream.name}`);
  process.received = true;
  data.flushed = data.wal.length;
  if (!process.replayPaused) data.replayed = data.flushed;
  reportBack(world, host, process, session);
  return true;
}

/** Sends what the standby does not have; one message is under way at a time. */
function sendMore(world: World, host: Host, process: Process, sender: Sender): void {
  const { data } = host;
  if (data === null || sender.inFlight || sender.sent >= data.flushed) return;
  sender.inFlight = true;
  const upTo = data.flushed;
  after(world, linkMs(world) + slownessMs(world, sender), () => {
    if (host.process !== process || process.senders.get(sender.node) !== sender) return;
    sender.inFlight = false;
    const standby = hostOf(world, sender.node);
    const stuck = !isAwake(world, standby) || !isAwake(world, host) || process.hung ||
      !walPasses(world.network, host.name, standby.name);
    if (stuck) {
      // TCP sends it again.
      sender.inFlight = true;
      return after(world, 100, () => {
        sender.inFlight = false;
        if (host.process === process) sendMore(world, host, process, sender);
      });
    }
    if (standby.process?.receiver?.session !== sender.session) return;
    arrive(world, host, standby, upTo);
    sender.sent = upTo;
    sendMore(world, host, process, sender);
  });
}

function arrive(world: World, host: Host, standby: Host, upTo: number): void {
  const [from, to, process] = [host.data, standby.data, standby.process];
  if (from === null || to === null || process === null || process.hung) return;
  for (const checker of world.checkers) checker.receives?.(standby, host);
  for (let index = to.wal.length; index < upTo; index++) to.wal.push(from.wal[index]!);
  if (to.history.length < from.history.length) {
    to.history = from.history.filter(({ start }) => start < to.wal.length);
  }
  const { receiver } = process;
  after(world, flushMs(world, standby), () => {
    if (standby.process !== process || standby.data !== to || process.receiver !== receiver) return;
    if (receiver === null) return;
    to.flushed = to.wal.length;
    if (!process.replayPaused) to.replayed = to.flushed;
    reportBack(world, standby, process, receiver.session);
  });
}

/** The standby tells its walsender how far it has flushed. */
function reportBack(world: World, standby: Host, process: Process, session: number): void {
  const upstream = process.receiver === null ? null : hostOf(world, process.receiver.upstream);
  const flushed = standby.data?.flushed ?? 0;
  if (upstream === null) return;
  after(world, linkMs(world), () => {
    if (!walPasses(world.network, standby.name, upstream.name)) return;
    const serving = upstream.process;
    const sender = serving?.senders.get(standby.name);
    if (serving === null || sender?.session !== session) return;
    if (!isAwake(world, upstream)) {
      return wakeLater(world, upstream, () => takeReport(world, upstream, sender, flushed));
    }
    takeReport(world, upstream, sender, flushed);
  });
}

function takeReport(world: World, upstream: Host, sender: Sender, flushed: number): void {
  const serving = upstream.process;
  if (serving === null || serving.senders.get(sender.node) !== sender) return;
  sender.heardAtMs = world.nowMs;
  sender.reported = Math.max(sender.reported, flushed);
  const length = upstream.data?.flushed ?? 0;
  if (!sender.caughtUp && sender.reported >= length) {
    sender.caughtUp = true;
    springAtCatchUp(world, upstream);
  }
  release(world, upstream, serving);
  sendMore(world, upstream, serving, sender);
}

/** Once in a while: both ends notice that the other is gone, and say that they are there. */
export function keepAlive(world: World, host: Host): void {
  const { process } = host;
  if (process === null || !isAwake(world, host)) return;
  for (const sender of process.senders.values()) {
    const standby = hostOf(world, sender.node);
    const bound = standby.process?.receiver?.session === sender.session;
    // A connection that was closed is noticed at once, if the word of it comes through.
    const closed = !bound && standby.up && joined(world, host, standby) &&
      world.dice.wal.luck(0.5);
    if (closed || world.nowMs - sender.heardAtMs > SENDER_TIMEOUT_MS) {
      process.senders.delete(sender.node);
    }
  }
  const { receiver } = process;
  if (receiver === null) return connect(world, host);
  const upstream = hostOf(world, receiver.upstream);
  const sender = upstream.process?.senders.get(host.name);
  const cut = !joined(world, host, upstream);
  if (sender?.session !== receiver.session && (!cut || world.dice.wal.luck(0.05))) {
    process.receiver = null;
    return connect(world, host);
  }
  if (!cut && !process.hung) reportBack(world, host, process, receiver.session);
}

/** Fast shutdown: everything is sent to those who listen, and waited for. */
export function drain(world: World, host: Host): void {
  const { data, process } = host;
  if (data === null || process === null) return;
  data.flushed = data.wal.length;
  for (const sender of process.senders.values()) {
    const standby = hostOf(world, sender.node);
    const listens = standby.process?.receiver?.session === sender.session &&
      answers(world, standby) && joined(world, host, standby);
    if (!listens || standby.data === null || standby.trouble.slowWalUntilMs > world.nowMs) continue;
    arrive(world, host, standby, data.flushed);
    sender.sent = data.flushed;
  }
}

/** Runs something when the host goes on. */
export function wakeLater(world: World, host: Host, run: () => void): void {
  if (!host.up) return;
  after(world, Math.max(1, host.pausedUntilMs - world.nowMs), run);
}

/** How long an fsync takes on this host now. */
export function flushMs(world: World, host: Host): number {
  const { disk } = world.dice;
  return host.trouble.slowDiskUntilMs > world.nowMs ? disk.between(20, 1500) : disk.between(0.2, 4);
}

function linkMs(world: World): number {
  return world.dice.wal.between(0.3, 2);
}

function slownessMs(world: World, sender: Sender): number {
  const { slowWalUntilMs } = hostOf(world, sender.node).trouble;
  return slowWalUntilMs > world.nowMs
    ? world.dice.wal.pauseMs(world.dice.wal.luck(0.7) ? 60 : 1500)
    : 0;
}

function joined(world: World, a: Host, b: Host): boolean {
  return walPasses(world.network, a.name, b.name) && walPasses(world.network, b.name, a.name);
}
