/**
 * The standby of a session: chosen and opened when reads begin to come, kept in step, and used only
 * for what it is far enough for.
 *
 * @module
 */
import { parseLsn } from "../../core/lsn.ts";
import { pickStandby } from "../balance.ts";
import { balanceInput } from "../choose.ts";
import type { StandbyTarget } from "../options.ts";
import { closeQuietly } from "../socket.ts";
import { pump } from "./answers.ts";
import { dropStandby } from "./ends.ts";
import { hasAll, makeStatements, missing, refreshSettings, writeSettings } from "./mirror.ts";
import { INSERT_POSITION_QUERY, REPLAY_POSITION_QUERY } from "./positions.ts";
import { ask, createSide, isFree, quiet, type Side } from "./side.ts";
import { type Split, tellRoutes } from "./state.ts";
import type { Unit } from "./unit.ts";

/** What a read may wait for a standby that does not answer, before it goes to the primary. */
const PATIENCE_MS = 1000;
/** How many closed statements a standby keeps before it is told. */
const MAXIMUM_STALE = 32;
/** How long a standby that could not be opened is left out, by all sessions. */
const AVOID_MS = 5000;

/**
 * A standby that may run this unit, ready for it.
 *
 * @returns null where the primary has to; "again" where something changed meanwhile
 */
export async function standbyFor(split: Split, unit: Unit): Promise<Side | "again" | null> {
  if (!mayReadElsewhere(split)) return null;
  split.reads++;
  // Many sessions ask one question and leave: that one is not worth another connection.
  if (split.standby === null && split.reads === 1 && !unit.insists) return null;
  if (split.standby?.retired === true) dropStandby(split, split.standby);
  const side = split.standby ?? await open(split);
  if (side === null || side.closed) return null;
  const inStep = await keepInStep(split, side);
  if (inStep !== true) return inStep;
  const fresh = await isFreshEnough(split, side);
  if (fresh !== true) return fresh;
  const lacking = missing(side, unit.needs);
  if (lacking.length > 0 || mustClose(side, unit)) {
    const told = await makeStatements(side, lacking);
    if (told?.error !== null) return null;
  }
  return side.closed ? "again" : side;
}

/**
 * The session's standby where it can take this unit at once, as far as is known without asking; null
 * where the primary has to.
 */
export function standbyNow(split: Split, unit: Unit): Side | null | "unknown" {
  const { standby, memory, need, context } = split;
  if (!mayReadElsewhere(split)) return null;
  if (standby === null || standby.retired || standby.mirrored !== memory.generation) {
    return "unknown";
  }
  if (!hasAll(standby, unit.needs) || mustClose(standby, unit)) return "unknown";
  if (isFreshAnyway(split)) return standby;
  const { term } = context.ports.view();
  const fresh = need?.term === term &&
    context.positions.hasReplayed(standby.route.target.node, term, need.lsn);
  return fresh ? standby : "unknown";
}

/** In a transaction there a closed statement would be found, and outside they would pile up. */
function mustClose({ stale }: Side, { insists }: Unit): boolean {
  return stale.length > (insists ? 0 : MAXIMUM_STALE);
}

function mayReadElsewhere({ memory, noStandby }: Split): boolean {
  return memory.opaque === null && noStandby === null &&
    memory.values?.get("default_transaction_isolation") !== "serializable";
}

function isFreshAnyway({ context, wroteAtMs }: Split): boolean {
  return context.options.readConsistency === "eventual" || wroteAtMs === null;
}

async function open(split: Split): Promise<Side | null> {
  const { context, login, signal } = split;
  const { options, ports } = context;
  const view = ports.view();
  const usable = view.standbys.filter((standby) => isUsable(split, standby));
  const target = pickStandby(usable, balanceInput(context));
  if (target === null) return null;
  const opening = await context.open({
    target,
    tls: options.backendTls,
    clientKey: null,
    startup: login.startup,
    credentials: login.credentials,
    allowTrusted: options.allowTrustedBackend,
    connectTimeoutMs: Math.min(options.connectTimeoutMs, PATIENCE_MS),
    greetingTimeoutMs: Math.min(options.startupTimeoutMs, PATIENCE_MS),
    signal,
  });
  if (opening.type !== "open") {
    context.avoided.set(target.node, ports.now() + AVOID_MS);
    return null;
  }
  if (split.over) {
    closeQuietly(opening.backend.conn);
    return null;
  }
  const side = createSide({ to: "standby", target }, opening.backend);
  split.standby = side;
  tellRoutes(split);
  void pump(split, side, opening.backend.buffer);
  const told = await ask(side, REPLAY_POSITION_QUERY);
  if (told === null) return null;
  if (told.error !== null) {
    // A session that is serializable from the start, for one: no standby can serve it.
    split.noStandby = told.error.message ?? "the first question failed there";
    dropStandby(split, side);
    return null;
  }
  if (!noteReplayed(split, side, told.rows[0]?.[0] ?? null)) {
    context.avoided.set(target.node, ports.now() + AVOID_MS);
    dropStandby(split, side);
    return null;
  }
  return side;
}

function isUsable({ context }: Split, standby: StandbyTarget): boolean {
  const { maximumReadLagBytes } = context.options;
  if (!standby.healthy) return false;
  if (maximumReadLagBytes !== null && (standby.lagBytes ?? Infinity) > maximumReadLagBytes) {
    return false;
  }
  const until = context.avoided.get(standby.node);
  if (until === undefined) return true;
  if (context.ports.now() < until) return false;
  context.avoided.delete(standby.node);
  return true;
}

/** Gives the standby the settings that the client has on the primary. */
async function keepInStep(split: Split, side: Side): Promise<true | "again" | null> {
  const { memory, primary } = split;
  if (side.mirrored === memory.generation) return true;
  if (memory.values === null) {
    if (primary === null) return null;
    if (isFree(primary)) await refreshSettings(split, primary);
    else await quiet(primary);
    return "again";
  }
  const { generation, values } = memory;
  const told = await writeSettings(side, values);
  if (told === null) return "again";
  if (told.error !== null) {
    // What one server takes and another refuses cannot be mirrored.
    split.noStandby = told.error.message ?? "a setting was refused there";
    dropStandby(split, side);
    return null;
  }
  side.mirrored = generation;
  return "again";
}

/** A session sees its own writes: the standby must have replayed them. */
async function isFreshEnough(split: Split, side: Side): Promise<true | "again" | null> {
  const { context, wroteAtMs } = split;
  const { node } = side.route.target;
  if (isFreshAnyway(split) || wroteAtMs === null) return true;
  const { term } = context.ports.view();
  if (split.need === null || split.need.term !== term) {
    const known = context.positions.sampleSince(wroteAtMs, term);
    if (known === null) return await sample(split, term);
    split.need = known;
  }
  if (context.positions.hasReplayed(node, term, split.need.lsn)) return true;
  const told = await ask(side, REPLAY_POSITION_QUERY);
  if (told === null) return "again";
  if (!noteReplayed(split, side, told.rows[0]?.[0] ?? null)) return null;
  return context.positions.hasReplayed(node, term, split.need.lsn) ? true : null;
}

async function sample(split: Split, term: number): Promise<"again" | null> {
  const { primary, context } = split;
  if (primary === null || primary.route.to !== "primary" || primary.route.term !== term) {
    return null;
  }
  if (!isFree(primary)) {
    await quiet(primary);
    return isFree(primary) ? "again" : null;
  }
  const askedAtMs = context.ports.now();
  const told = await ask(primary, INSERT_POSITION_QUERY);
  const lsn = parseLsn(told?.rows[0]?.[0] ?? "");
  if (lsn === null) return told === null ? "again" : null;
  context.positions.sampled({ term, askedAtMs, lsn });
  return "again";
}

/** @returns false where the server says that it is no standby */
function noteReplayed({ context }: Split, side: Side, position: string | null): boolean {
  const lsn = parseLsn(position ?? "");
  if (lsn === null) return false;
  context.positions.replayed(side.route.target.node, context.ports.view().term, lsn);
  return true;
}
