/**
 * Regular care of a running server: its slots, its settings, and what speaks against it.
 *
 * Works beside the actions, in a session of its own, and only in ways that no action minds: slots
 * are made, moved on and dropped by rules that hold in either role, and settings files are written
 * in turn with whoever else writes them, for the role that is written there.
 *
 * @module
 */
import { formatLsn } from "../core/lsn.ts";
import type { NodeName } from "../core/record.ts";
import { refreshAccess, refreshSettings, resetGuarded } from "./change.ts";
import { literal, openSession, type Session, type Target } from "./connection.ts";
import { judge } from "./findings.ts";
import { inspect, type Inspection } from "./inspection.ts";
import type { CareReport, PostgresOptions, Siblings } from "./options.ts";
import { type Place, readControl } from "./place.ts";
import { readRole } from "./settings.ts";
import { planSlots, type SlotStep } from "./slot_plan.ts";
import { isOwnSlot, slotName } from "./slot_name.ts";
import { isGuarded } from "./standing.ts";

/** Takes care once; null where the server could not be looked at. */
export type Care = (siblings: Siblings) => Promise<CareReport | null>;

/**
 * Makes the care of a server.
 *
 * @param place null for a server that is used over SQL alone
 */
export function careFor(options: PostgresOptions, target: Target, place: Place | null): Care {
  const idleSince = new Map<string, number>();
  let told = "";

  return async (siblings) => {
    const opened = await openSession(target, options.timeoutMs);
    if (!opened.ok) return null;
    const { session } = opened;
    try {
      let seen = await look(session);
      if (seen === null) return null;
      if (place !== null && await putRight(place, session, seen)) {
        seen = await look(session) ?? seen;
      }
      const idleMs = trackIdle(idleSince, seen);
      const members = options.members.map(({ name }) => name);
      const facts = { self: options.nodeName, members, seen, siblings, idleMs };
      for (const step of planSlots(facts)) await carryOut(session, options, step);
      const findings = judge(seen);
      const problems = findings.map(({ because }) => because);
      if (problems.join() !== told) {
        for (const { id, because } of findings) {
          options.log("warning", "care", { rule: id, because });
        }
        if (findings.length === 0) {
          options.log("info", "care", { outcome: "nothing is wrong any more" });
        }
        told = problems.join();
      }
      return reportOf(options, seen, problems);
    } finally {
      session.close();
    }
  };

  async function look(session: Session): Promise<Inspection | null> {
    const control = place === null ? null : await readControl(place);
    // Before the first action there is no metako.conf that could be overridden.
    const managed = place !== null && await readRole(place.dataDir) !== null;
    const outcome = await inspect(session, options.timeoutMs, { managed, control });
    return outcome.ok ? outcome.value : null;
  }
}

/** One at a time, and without throwing: files may vanish and sessions end at any moment. */
export function safely(care: Care): Care {
  let under: Promise<CareReport | null> | null = null;
  return (siblings) => under ??= care(siblings).catch(() => null).finally(() => under = null);
}

/** Takes back what overrides, where that is safe, and lets members in. True where the server was told to reload. */
async function putRight(place: Place, session: Session, seen: Inspection): Promise<boolean> {
  const waits = seen.role === "primary" && seen.waitsForStandbys;
  const inAuto = (source: string) => /postgresql\.auto\.conf:\d+$/.test(source);
  const byAlterSystem = seen.overrides.some(({ name, found: value, source }) =>
    inAuto(source) && isGuarded({ name, value, waits })
  );
  const reset = byAlterSystem ? await resetGuarded(place, session, waits) : [];
  const refreshed = await refreshSettings(place);
  for (const { name, found, wanted, source } of refreshed ? seen.overrides : []) {
    if (inAuto(source) || name === "primary_conninfo") continue;
    place.options.log("warning", "setting_overridden", {
      outcome: "taken_back",
      setting: name,
      found,
      wanted,
      source,
      because: "metako.conf has to be the last file that postgresql.conf includes",
    });
  }
  const admitted = await refreshAccess(place);
  if (reset.length === 0 && !refreshed && !admitted) return false;
  const reload = await session.query("select pg_reload_conf()");
  return reload.ok;
}

async function carryOut(session: Session, options: PostgresOptions, step: SlotStep): Promise<void> {
  const name = literal(step.slot);
  const create = `select pg_create_physical_replication_slot(${name}, true)`;
  const drop = `select pg_drop_replication_slot(${name})`;
  const statements = {
    create: [create],
    remake: [drop, create],
    drop: [drop],
    advance: step.do === "advance"
      ? [`select pg_replication_slot_advance(${name}, ${literal(formatLsn(step.to))})`]
      : [],
  }[step.do];
  for (const statement of statements) {
    const outcome = await session.query(statement);
    // 42710, 42704, 55006: somebody else made, dropped or took it in between.
    if (outcome.ok || ["42710", "42704", "55006"].includes(outcome.code ?? "")) continue;
    options.log("warning", "slot", {
      outcome: "failed",
      action: step.do,
      slot: step.slot,
      because: outcome.because,
    });
    return;
  }
  if (step.do !== "advance") {
    options.log("info", "slot", { outcome: "done", action: step.do, slot: step.slot });
  }
}

function trackIdle(since: Map<string, number>, { slots }: Inspection): (slot: string) => number {
  const nowMs = performance.now();
  const idle = slots.filter(({ name, active }) => isOwnSlot(name) && !active);
  for (const name of since.keys()) {
    if (!idle.some((slot) => slot.name === name)) since.delete(name);
  }
  for (const { name } of idle) since.set(name, since.get(name) ?? nowMs);
  return (slot) => nowMs - (since.get(slot) ?? nowMs);
}

function reportOf(
  { members }: PostgresOptions,
  { major, role, slots, position }: Inspection,
  problems: readonly string[],
): CareReport {
  const owners = new Map<string, NodeName>(members.map(({ name }) => [slotName(name), name]));
  return {
    major,
    role,
    problems,
    slots: slots.map(({ name, kind, active, restartLsn, walStatus, database, ...more }) => ({
      name,
      kind,
      member: owners.get(name) ?? null,
      active,
      walStatus,
      retainedBytes: restartLsn === null || restartLsn > position
        ? null
        : Number(position - restartLsn),
      database,
      failover: more.failover,
      synced: more.synced,
    })),
  };
}
