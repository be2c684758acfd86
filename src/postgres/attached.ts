/**
 * A server without a configured data directory. It is asked for the directory; where that lies on
 * this host and the agent may control the process, the server is managed after all. Otherwise the
 * agent attaches over SQL and says what it cannot do then.
 *
 * @module
 */
import { dirname } from "node:path";
import type { Contact } from "../core/message.ts";
import { worksAsPrimary } from "./ask.ts";
import { adoptAttached, attachedGrip, attachedTarget } from "./attached_grip.ts";
import { careFor, safely } from "./care.ts";
import { openSession, type Session } from "./connection.ts";
import { dispatcher } from "./dispatch.ts";
import { openEye } from "./eye.ts";
import type { Owner } from "./files.ts";
import type { Grip } from "./grip.ts";
import { UNASKED } from "./look.ts";
import { openManaged } from "./managed.ts";
import { observationOf, type Observed, observed } from "./observe.ts";
import { observing } from "./observing.ts";
import { measureServer } from "./measure.ts";
import type { ActionOutcome, OpenResult, PostgresOptions, RunOptions } from "./options.ts";
import { failed, finished } from "./outcome.ts";
import { findPostmaster } from "./postmaster.ts";
import { promote, setSync } from "./primary.ts";
import { follow, prepare, revoke } from "./standby.ts";
import { openRoleReader } from "./role_reader.ts";
import { majorOf, objectionTo } from "./version.ts";
import { assertNever } from "../core/assert_never.ts";
import type { ServerAction } from "../core/server.ts";
import type { Eye } from "./eye.ts";
import { BEFORE_STOP, writeOut } from "./write_out.ts";

/** Opens a server over SQL, and manages it where it turns out to be at hand. */
export async function openByAsking(options: PostgresOptions): Promise<OpenResult> {
  const opened = await openSession(attachedTarget(options), options.timeoutMs);
  if (!opened.ok) {
    const because =
      `${opened.because}. Start the server, or set local_db.data_dir so that metako can start it`;
    return { ok: false, because };
  }
  const { session } = opened;
  try {
    const told = await whereabouts(session, options.timeoutMs);
    if (!told.ok) return told;
    const objection = objectionTo(told.about.major);
    if (objection?.kind === "too_old") return { ok: false, because: objection.because };
    const reach = await withinReach(told.about);
    if ("known" in reach) {
      options.log("info", "server_found", {
        because: `its data directory is at hand: ${told.about.dataDir}`,
      });
      return await openManaged(options, reach.dataDir, reach.known);
    }
    const adopted = await adoptAttached(options, told.about.systemIdentifier);
    if (!adopted.ok) return { ok: false, because: adopted.because };
    return { ok: true, server: openAttached(options, reach.because, told.about) };
  } finally {
    session.close();
  }
}

function openAttached(options: PostgresOptions, because: string, { major, superuser }: About) {
  const callbacks: (() => void)[] = [];
  const grip = attachedGrip(options, major);
  const eye = openEye(grip.target, () => callbacks.forEach((callback) => callback()));
  const { readsPasswords: passwords = true } = options;
  const roles = openRoleReader({ login: options, passwords, limits: options }, eye.session);
  return {
    ...observing(() => observe(grip, eye), options),
    run: dispatcher((action, run) => act(grip, action, run)),
    discard: () =>
      Promise.resolve(
        failed("A server that is reached over SQL alone cannot be cloned", "unsupported"),
      ),
    setback: () => null,
    onExit: (callback: () => void) => void callbacks.push(callback),
    limitations: [
      `The server at ${options.host}:${options.port} is used over SQL alone, as ${because}. Set local_db.data_dir where the agent can reach it.`,
      "It cannot be started, stopped, fenced or cloned, and no guardian ends it should the agent fail: automatic failover is safe only with durability quorum or strict.",
      "As a standby it finds the replication password only in its own user's passfile (~/.pgpass).",
      ...(superuser
        ? []
        : ["The agent's role is no superuser: promotion, following and durability will fail."]),
    ],
    dataDir: null,
    worksAsPrimary: (contact: Contact, timeoutMs: number) =>
      worksAsPrimary(options, contact, timeoutMs),
    writeOut: (limitMs: number) =>
      writeOut(grip.target, options, { because: BEFORE_STOP, limitMs }),
    care: safely(careFor(options, grip.target, null)),
    roles,
    measure: (timeoutMs: number) => measureServer(grip.target, timeoutMs),
    close() {
      roles.close();
      eye.close();
      return Promise.resolve();
    },
  };
}

async function observe(grip: Grip, eye: Eye): Promise<Observed> {
  const { sight, kept, fresh } = await eye.look(grip.options.timeoutMs);
  const facts = { ...UNASKED, kept, fresh };
  if (!sight.ok) {
    // Whether a process is there cannot be told: who refuses may be gone for good.
    const process = fresh === "refused" ? "none" : "running";
    return observed({ ...facts, process }, { because: sight.because });
  }
  const adopted = await grip.adopt(sight.facts.systemIdentifier);
  if (!adopted.ok) {
    const foreign = { ...facts, process: "none", data: "foreign" } as const;
    return observed(foreign, { because: adopted.because });
  }
  const server = observationOf(sight, adopted.value, await grip.role());
  return observed(facts, { because: "", server });
}

async function act(
  grip: Grip,
  action: ServerAction,
  { signal }: RunOptions,
): Promise<ActionOutcome> {
  switch (action.type) {
    case "follow":
      return await follow(grip, action.upstream, signal);
    case "revoke":
      return await revoke(grip, signal);
    case "prepare":
      return await prepare(grip, signal);
    case "promote":
      return await promote(grip, action, signal);
    case "set_sync":
      return await setSync(grip, action.sync, signal);
    case "start_standby":
      return await asStandby(grip);
    case "initialise":
    case "start_primary":
    case "stop":
    case "fence":
    case "clone":
      return failed(
        `Cannot ${action.type}: the server is used over SQL alone. Set local_db.data_dir on the server's own host`,
        "unsupported",
      );
    default:
      return assertNever(action);
  }
}

async function asStandby(grip: Grip): Promise<ActionOutcome> {
  const opened = await openSession(grip.target, grip.options.timeoutMs);
  if (!opened.ok) return failed(`Cannot start it as a standby: ${opened.because}`, "unsupported");
  opened.session.close();
  return finished({ type: "done" });
}

interface About {
  readonly major: number;
  readonly systemIdentifier: string;
  readonly superuser: boolean;
  /** Null where the role may not know. */
  readonly dataDir: string | null;
  readonly configFile: string | null;
  /** Seconds since 1970. */
  readonly startedAtS: number;
}

async function whereabouts(
  session: Session,
  timeoutMs: number,
): Promise<{ readonly ok: true; readonly about: About } | { ok: false; because: string }> {
  const told = await session.query(
    `select (select system_identifier from pg_control_system())::text as system_identifier,
    (select rolsuper from pg_roles where rolname = current_user)::text as superuser,
    current_setting('server_version_num') as version_number,
    extract(epoch from pg_postmaster_start_time())::bigint::text as started_at,
    (select setting from pg_settings where name = 'data_directory') as data_dir,
    (select setting from pg_settings where name = 'config_file') as config_file`,
    timeoutMs,
  );
  if (!told.ok) return told;
  const row = told.rows[0] ?? {};
  return {
    ok: true,
    about: {
      major: majorOf(row.version_number ?? ""),
      systemIdentifier: row.system_identifier ?? "",
      superuser: row.superuser === "true",
      dataDir: row.data_dir ?? null,
      configFile: row.config_file ?? null,
      startedAtS: Number(row.started_at),
    },
  };
}

type Reach =
  | {
    readonly dataDir: string;
    readonly known: { readonly owner: Owner | null; readonly binDir: string };
  }
  | { readonly because: string };

/** The pid file's start time tells whether this host's directory is that very server's. */
async function withinReach({ dataDir, configFile, startedAtS }: About): Promise<Reach> {
  if (dataDir === null) return { because: "the agent's role may not read data_directory" };
  const folder = await Deno.stat(dataDir).catch(() => null);
  if (folder === null) return { because: `${dataDir} cannot be reached from here` };
  const uid = Deno.uid();
  if (uid !== 0 && uid !== folder.uid) {
    return { because: `${dataDir} belongs to another user than the agent's` };
  }
  if (configFile !== null && dirname(configFile) !== dataDir) {
    return { because: `its configuration is outside its data directory (${configFile})` };
  }
  const postmaster = await findPostmaster(dataDir);
  const pidFile = await Deno.readTextFile(`${dataDir}/postmaster.pid`).catch(() => "");
  const sameStart = Math.abs(Number(pidFile.split("\n")[2]) - startedAtS) <= 2;
  if (postmaster === null || !sameStart) {
    return { because: `${dataDir} on this host is not the server's` };
  }
  const program = await Deno.readLink(`/proc/${postmaster.pid}/exe`).catch(() => null);
  if (program === null) return { because: "its program cannot be told on this system" };
  const owner = uid === 0
    ? { name: `number ${folder.uid}`, uid: folder.uid ?? 0, gid: folder.gid ?? 0 }
    : null;
  return { dataDir, known: { owner, binDir: dirname(program) } };
}
