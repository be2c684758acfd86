/**
 * The hold over SQL alone: settings through ALTER SYSTEM, files through the server's own functions.
 *
 * What the data directory remembers in managed mode is kept in the agent's folder, bound to the
 * system identifier: the incarnation, and whom the server was told to follow.
 *
 * @module
 */
import { join } from "node:path";
import type { Incarnation } from "../core/record.ts";
import { identifier, literal, openSession, type Session, type Target } from "./connection.ts";
import { readIfThere, writeDurably } from "./files.ts";
import type { Grip, Limits } from "./grip.ts";
import { reloadable } from "./change.ts";
import { loadTime, reloaded } from "./in_force.ts";
import { newIncarnation } from "./marker.ts";
import type { PostgresOptions } from "./options.ts";
import { done, failed, messageOf, type Step } from "./outcome.ts";
import { type RoleSettings, roleValues } from "./settings.ts";
import { offers } from "./version.ts";

interface Memory {
  readonly incarnation: Incarnation;
  readonly systemIdentifier: string;
  readonly role: RoleSettings | null;
}

/**
 * Holds a server over SQL.
 *
 * @param major its release
 */
export function attachedGrip(options: PostgresOptions, major: number): Grip {
  const target = attachedTarget(options);
  return {
    options,
    target,
    change: (settings, incarnation, limits) =>
      alterSystem({ options, target, major }, settings, incarnation, limits),
    role: async () => (await recall(options))?.role ?? null,
    adopt: (systemIdentifier) => adoptAttached(options, systemIdentifier),
    walFile: readWalFile,
    skipTimelines: ({ timeline }, beyond) =>
      Promise.resolve(
        beyond <= timeline ? done(null) : failed(
          "Cannot keep the number of the new timeline apart from one that another server may have " +
            "made: that takes the data directory. Set local_db.data_dir, or promote it by hand",
          "unsupported",
        ),
      ),
    endReceiver: () => Promise.resolve(),
    enoughSpace: () => Promise.resolve(done(null)),
    standby: () => openSession(target, options.timeoutMs),
  };
}

/** The agent's way into an attached server. */
export function attachedTarget(options: PostgresOptions): Target {
  const { host, port, username: user, password, database } = options;
  return { host, port, user, password, database };
}

/** The incarnation that the agent's folder knows for this system, made where there is none. */
export async function adoptAttached(
  options: PostgresOptions,
  systemIdentifier: string,
): Promise<Step<Incarnation>> {
  const known = await recall(options);
  if (known?.systemIdentifier === systemIdentifier) return done(known.incarnation);
  if (known !== null) {
    return failed(
      `${
        memoryPath(options)
      } speaks of the system ${known.systemIdentifier}, the server is ${systemIdentifier}. Remove that file if the server was replaced on purpose`,
      "foreign",
    );
  }
  const incarnation = newIncarnation();
  return await remember(options, { incarnation, systemIdentifier, role: null });
}

async function alterSystem(
  { options, target, major }: {
    readonly options: PostgresOptions;
    readonly target: Target;
    readonly major: number;
  },
  settings: RoleSettings,
  incarnation: Incarnation,
  limits: Limits,
): Promise<Step<null>> {
  const known = await recall(options);
  if (known === null) return failed(`${memoryPath(options)} is not there`);
  if (settings.role === "standby" && !offers(major, "reloads_upstream")) {
    return failed(
      `Cannot change whom PostgreSQL ${major} follows without a restart, which takes its data directory. Set local_db.data_dir`,
      "unsupported",
    );
  }
  // Nobody would bring an address up to date here, so the server looks the name up.
  const where = { passfile: null, address: null };
  const values = reloadable(major, roleValues(options, settings, incarnation, where));
  const before = await loadTime({ target, ...limits });
  if (!before.ok) return before;
  const opened = await openSession(target, limits.timeoutMs);
  if (!opened.ok) return opened;
  try {
    for (const [name, value] of Object.entries(values)) {
      const set = await opened.session.query(
        `alter system set ${identifier(name)} = ${literal(value)}`,
      );
      if (!set.ok) return failed(`Cannot set ${name}: ${set.because}`);
    }
    const kept = await remember(options, { ...known, role: settings });
    if (!kept.ok) return kept;
    const reload = await opened.session.query("select pg_reload_conf()");
    if (!reload.ok) return reload;
  } finally {
    opened.session.close();
  }
  return await reloaded({ target, ...limits }, before.value, values);
}

async function readWalFile(session: Session, name: string): Promise<string> {
  const told = await session.query(
    `select coalesce(pg_read_file(${literal(`pg_wal/${name}`)}, 0, 65536, true), '') as text`,
  );
  return told.ok ? told.rows[0]?.text ?? "" : "";
}

function memoryPath({ stateDir }: PostgresOptions): string {
  return join(stateDir, "incarnation.json");
}

async function recall(options: PostgresOptions): Promise<Memory | null> {
  const text = await readIfThere(memoryPath(options)).catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as Memory;
  } catch {
    return null;
  }
}

async function remember(options: PostgresOptions, memory: Memory): Promise<Step<Incarnation>> {
  try {
    await Deno.mkdir(options.stateDir, { recursive: true });
    await writeDurably(memoryPath(options), `${JSON.stringify(memory)}\n`, { owner: null });
    return done(memory.incarnation);
  } catch (error) {
    return failed(`Cannot write ${memoryPath(options)}: ${messageOf(error)}`);
  }
}
