/**
 * metako.conf: every setting that metako manages, in a file of its own inside the data directory,
 * included at the end of postgresql.conf. It is rewritten whole at every change of role.
 *
 * The file's second line is the state it was made from, as JSON. That makes the file the only
 * memory of whom the server follows: the settings and the memory cannot disagree.
 *
 * @module
 */
import { join } from "node:path";
import type { Incarnation, NodeName } from "../core/record.ts";
import { standbyName, type SyncSetting, type Upstream } from "../core/server.ts";
import { exists, readIfThere, writeDurably } from "./files.ts";
import { done, failed, messageOf, type Step } from "./outcome.ts";
import type { PostgresOptions } from "./options.ts";
import { passfilePath, type Place, serverFile } from "./place.ts";
import { slotName } from "./slot_name.ts";
import { NOBODY, renderSyncNames } from "./sync_names.ts";

/** What a role asks of the settings. A standby that follows nobody receives nothing. */
export type RoleSettings =
  | { readonly role: "primary"; readonly sync: SyncSetting }
  | { readonly role: "standby"; readonly following: Upstream | null };

/** The file's name inside the data directory. */
export const SETTINGS_FILE = "metako.conf";

/** How often a standby without a stream looks for WAL, in milliseconds. */
export const RETRY_INTERVAL_MS = 250;

const STATE_MARK = "# state: ";
const INCLUDE = `include '${SETTINGS_FILE}'`;

/** Writes the settings of a role durably and makes sure that postgresql.conf includes them. */
export async function writeSettings(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
): Promise<Step<null>> {
  const path = join(place.dataDir, SETTINGS_FILE);
  try {
    await writeDurably(path, renderSettings(place, settings, incarnation), serverFile(place));
    await ensureIncluded(place);
    return done(null);
  } catch (error) {
    return failed(`Cannot write ${path}: ${messageOf(error)}`);
  }
}

/** The role that the settings file was written for; null where there is none that can be read. */
export async function readRole(dataDir: string): Promise<RoleSettings | null> {
  const text = await readIfThere(join(dataDir, SETTINGS_FILE)).catch(() => null);
  const line = text?.split("\n").find((each) => each.startsWith(STATE_MARK));
  if (line === undefined) return null;
  try {
    return JSON.parse(line.slice(STATE_MARK.length)) as RoleSettings;
  } catch {
    return null;
  }
}

/** The value of `primary_conninfo`; empty where nobody is followed. Holds no password. */
export function connectionString(
  following: Upstream | null,
  { user, passfile, applicationName }: {
    readonly user: string;
    readonly passfile: string | null;
    readonly applicationName: string;
  },
): string {
  if (following === null) return "";
  const pairs: [string, string][] = [
    ["host", following.host],
    ["port", `${following.port}`],
    ["user", user],
    ...(passfile === null ? [] : [["passfile", passfile] as [string, string]]),
    ["application_name", applicationName],
    ["sslmode", "prefer"],
    ["gssencmode", "disable"],
    ["connect_timeout", "3"],
    ["keepalives_idle", "2"],
    ["keepalives_interval", "1"],
    ["keepalives_count", "3"],
    ["tcp_user_timeout", "5000"],
  ];
  return pairs.map(([key, value]) => `${key}=${quoteConninfo(value)}`).join(" ");
}

/**
 * The settings of a role that a reload can change, with their values.
 *
 * @param passfile where the server finds the replication password; null is its user's own passfile
 */
export function roleValues(
  options: PostgresOptions,
  settings: RoleSettings,
  incarnation: Incarnation,
  passfile: string | null,
): Readonly<Record<string, string>> {
  const following = settings.role === "standby" ? settings.following : null;
  const node: NodeName = options.nodeName;
  return {
    primary_conninfo: connectionString(following, {
      user: options.replicationUser,
      passfile,
      applicationName: standbyName({ node, incarnation }),
    }),
    primary_slot_name: following === null ? "" : slotName(node),
    restore_command: "",
    synchronous_standby_names: settings.role === "primary"
      ? renderSyncNames(settings.sync)
      : NOBODY,
  };
}

/** The whole file. */
export function renderSettings(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
): string {
  const { options } = place;
  const lines: Record<string, string> = {
    ...roleValues(options, settings, incarnation, passfilePath(place)),
    listen_addresses: options.listenAddresses ?? defaultListen(options.members),
    port: `${options.port}`,
    unix_socket_directories: socketFolder(place),
    cluster_name: options.nodeName,
    wal_level: "replica",
    max_wal_senders: `${Math.max(10, 3 * options.members.length)}`,
    max_replication_slots: `${Math.max(10, 3 * options.members.length)}`,
    wal_log_hints: "on",
    hot_standby: "on",
    hot_standby_feedback: "on",
    wal_keep_size: `${options.walKeepMiB ?? 256}MB`,
    max_slot_wal_keep_size: `${options.maxSlotWalKeepMiB ?? 8192}MB`,
    wal_receiver_status_interval: "1s",
    wal_receiver_timeout: "5s",
    wal_sender_timeout: "5s",
    wal_retrieve_retry_interval: `${RETRY_INTERVAL_MS}ms`,
    tcp_keepalives_idle: "5",
    tcp_keepalives_interval: "2",
    tcp_keepalives_count: "3",
    recovery_target_timeline: "latest",
    restart_after_crash: "on",
    password_encryption: "scram-sha-256",
  };
  return [
    "# Written by metako at every change of role. Put settings of your own in postgresql.conf.",
    STATE_MARK + JSON.stringify(settings),
    ...Object.entries(lines).map(([name, value]) => `${name} = ${quoteSetting(value)}`),
    "",
  ].join("\n");
}

/**
 * Quotes a value for postgresql.conf, where backslashes are escapes and quotes are doubled.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(quoteSetting("it's C:\\x"), "'it''s C:\\\\x'");
 * ```
 */
export function quoteSetting(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

function quoteConninfo(value: string): string {
  return /^[\w./:-]+$/.test(value) ? value : `'${value.replace(/[\\']/g, "\\$&")}'`;
}

function defaultListen(members: Place["options"]["members"]): string {
  const loopback = /^(localhost|127\.|::1$)/;
  return members.every(({ addresses }) => addresses.every((address) => loopback.test(address)))
    ? "localhost"
    : "*";
}

/** A socket's path is limited to 107 bytes; where the folder is too deep there is none. */
function socketFolder({ privateDir }: Place): string {
  return new TextEncoder().encode(`${privateDir}/.s.PGSQL.65535`).length <= 107 ? privateDir : "";
}

async function ensureIncluded(place: Place): Promise<void> {
  const path = join(place.dataDir, "postgresql.conf");
  const text = await Deno.readTextFile(path);
  if (text.split("\n").some((line) => line.trim() === INCLUDE)) return;
  const separator = text.endsWith("\n") || text === "" ? "" : "\n";
  await writeDurably(path, `${text}${separator}${INCLUDE}\n`, serverFile(place));
}

/** True where the directory keeps its configuration inside itself, as metako needs it. */
export async function hasOwnConfiguration(dataDir: string): Promise<boolean> {
  return await exists(join(dataDir, "postgresql.conf"));
}
