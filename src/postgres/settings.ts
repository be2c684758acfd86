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
import { type ConfEntry, parseConf, readConf, withoutSettings } from "./conf_file.ts";
import { exists, readIfThere, writeDurably } from "./files.ts";
import { done, failed, messageOf, type Step } from "./outcome.ts";
import type { PostgresOptions } from "./options.ts";
import { passfilePath, type Place, readControl, serverFile } from "./place.ts";
import { soleAddress } from "./resolve.ts";
import { slotName } from "./slot_name.ts";
import { isGuarded, standingValues, type Surroundings } from "./standing.ts";
import { NOBODY, renderSyncNames } from "./sync_names.ts";
import { offers } from "./version.ts";

/** Both files as they are, to tell whether they change; null where one is not there. */
export async function settingsText(dataDir: string): Promise<string | null> {
  const read = (name: string) => readIfThere(join(dataDir, name)).catch(() => null);
  const [own, whole] = await Promise.all([read(SETTINGS_FILE), read("postgresql.conf")]);
  return own === null || whole === null ? null : `${own}\0${whole}`;
}

/** What a role asks of the settings. A standby that follows nobody receives nothing. */
export type RoleSettings =
  | { readonly role: "primary"; readonly sync: SyncSetting }
  | { readonly role: "standby"; readonly following: Upstream | null };

/** The file's name inside the data directory. */
export const SETTINGS_FILE = "metako.conf";

const STATE_MARK = "# state: ";
const INCLUDE = `include '${SETTINGS_FILE}'`;
const AUTO_FILE = "postgresql.auto.conf";

/**
 * Where the upstream of a standby is to be found, for {@linkcode writeSettings}; null: by its name.
 * Where the name does not resolve, what is written already stands. Before PostgreSQL 13 another address
 * would want a restart, so that there is none.
 */
export async function upstreamAddress(
  { major, dataDir }: Place,
  settings: RoleSettings,
): Promise<string | null> {
  if (settings.role !== "standby" || settings.following === null) return null;
  if (!offers(major, "reloads_upstream")) return null;
  const { host } = settings.following;
  const found = await soleAddress(host);
  if (found !== "unknown") return found;
  const text = await readIfThere(join(dataDir, SETTINGS_FILE)).catch(() => null);
  return text === null ? null : writtenAddress(text, host);
}

/**
 * The address that a settings file gives for a host.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const text = "primary_conninfo = 'host=db2 hostaddr=10.0.0.2 port=5432'\n";
 * assert.equal(writtenAddress(text, "db2"), "10.0.0.2");
 * assert.equal(writtenAddress(text, "db"), null);
 * ```
 */
export function writtenAddress(text: string, host: string): string | null {
  const conninfo = parseConf(text).find(({ name }) => name === "primary_conninfo")?.value ?? "";
  const [, named, address] = /^host=(\S+) hostaddr=(\S+) /.exec(conninfo) ?? [];
  return named === host && address !== undefined ? address : null;
}

/**
 * Writes the settings of a role durably and makes sure that postgresql.conf ends by them.
 *
 * @param address see {@linkcode upstreamAddress}
 */
export async function writeSettings(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
  address: string | null,
): Promise<Step<null>> {
  const path = join(place.dataDir, SETTINGS_FILE);
  try {
    const around = { ...await surroundings(place, settings), address };
    const text = renderSettings(place, settings, incarnation, around);
    if (await readIfThere(path) !== text) await writeDurably(path, text, serverFile(place));
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

/**
 * The value of `primary_conninfo`; empty where nobody is followed. Holds no password.
 *
 * @param address where the host's name need not be looked up
 */
export function connectionString(
  following: Upstream | null,
  { user, passfile, applicationName, address = null }: {
    readonly user: string;
    readonly passfile: string | null;
    readonly applicationName: string;
    readonly address?: string | null;
  },
): string {
  if (following === null) return "";
  const pairs: [string, string][] = [
    ["host", following.host],
    ...(address === null ? [] : [["hostaddr", address] as [string, string]]),
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
 * @param address see {@linkcode upstreamAddress}
 */
export function roleValues(
  options: PostgresOptions,
  settings: RoleSettings,
  incarnation: Incarnation,
  { passfile, address }: { readonly passfile: string | null; readonly address: string | null },
): Readonly<Record<string, string>> {
  const following = settings.role === "standby" ? settings.following : null;
  const node: NodeName = options.nodeName;
  const conninfo = connectionString(following, {
    user: options.replicationUser,
    passfile,
    applicationName: standbyName({ node, incarnation }),
    address,
  });
  return {
    // A database matters to the synchronisation of logical slots alone (PostgreSQL 17).
    primary_conninfo: conninfo === "" ? "" : `${conninfo} dbname=postgres`,
    primary_slot_name: following === null ? "" : slotName(node),
    restore_command: "",
    synchronous_standby_names: settings.role === "primary"
      ? renderSyncNames(settings.sync)
      : NOBODY,
  };
}

const NOTHING_AROUND = { theirs: [], control: null, address: null };

/** The whole file. */
export function renderSettings(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
  around: Surroundings & { readonly address: string | null } = NOTHING_AROUND,
): string {
  const { options } = place;
  const { address } = around;
  const lines: Record<string, string> = {
    ...roleValues(options, settings, incarnation, { passfile: passfilePath(place), address }),
    ...standingValues(place, around),
    ...commitValue(settings, around),
  };
  return [
    "# Written by metako at every change of role. Put settings of your own in postgresql.conf.",
    STATE_MARK + JSON.stringify(settings),
    ...Object.entries(lines).map(([name, value]) => `${name} = ${quoteSetting(value)}`),
    "",
  ].join("\n");
}

/** Whether commits have to wait for standbys in that role. */
export function waitsForStandbys(settings: RoleSettings): boolean {
  return settings.role === "primary" && settings.sync.names.length > 0;
}

/** Where commits wait for standbys, none may be told not to; for less there is `durability`. */
function commitValue(
  settings: RoleSettings,
  { theirs }: Surroundings,
): Readonly<Record<string, string>> {
  if (!waitsForStandbys(settings)) return {};
  const set = theirs.findLast(({ name }) => name === "synchronous_commit")?.value;
  return { synchronous_commit: set === "remote_apply" ? set : "on" };
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

/**
 * Takes the guarded settings out of postgresql.auto.conf, which the server reads last. Only for a
 * server that is down; one that runs is asked to (ALTER SYSTEM RESET).
 *
 * @returns what was taken out
 */
export async function clearAutoConf(
  place: Place,
  settings: RoleSettings,
): Promise<Step<readonly ConfEntry[]>> {
  const path = join(place.dataDir, AUTO_FILE);
  try {
    const text = await readIfThere(path) ?? "";
    const waits = waitsForStandbys(settings);
    const found = parseConf(text).filter((entry) => isGuarded({ ...entry, waits }));
    if (found.length > 0) {
      const names = found.map(({ name }) => name);
      await writeDurably(path, withoutSettings(text, names), serverFile(place));
    }
    return done(found);
  } catch (error) {
    return failed(`Cannot write ${path}: ${messageOf(error)}`);
  }
}

/** What the operator set, and what the control file demands of a standby. */
async function surroundings(place: Place, { role }: RoleSettings): Promise<Surroundings> {
  const [files, auto, control] = await Promise.all([
    readConf(join(place.dataDir, "postgresql.conf"), SETTINGS_FILE),
    readConf(join(place.dataDir, AUTO_FILE), SETTINGS_FILE),
    role === "standby" ? readControl(place) : null,
  ]);
  return { theirs: [...files, ...auto], control };
}

/** The include has to be the last line that sets anything, since the last one counts. */
async function ensureIncluded(place: Place): Promise<void> {
  const path = join(place.dataDir, "postgresql.conf");
  const text = await Deno.readTextFile(path);
  const after = includedLast(text);
  if (after !== text) await writeDurably(path, after, serverFile(place));
}

/**
 * Puts the include at the end of postgresql.conf, unless nothing but comments comes after it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const once = includedLast("port = 5433");
 * assert.equal(once, "port = 5433\ninclude 'metako.conf'\n");
 * assert.equal(includedLast(once), once);
 * assert.equal(includedLast(`${once}port = 1\n`), "port = 5433\nport = 1\ninclude 'metako.conf'\n");
 * ```
 */
export function includedLast(text: string): string {
  const lines = text.split("\n");
  const isInclude = (line: string) => line.trim() === INCLUDE;
  const at = lines.findLastIndex(isInclude);
  const matters = (line: string) => /^\s*[^\s#]/.test(line);
  const once = lines.filter(isInclude).length === 1;
  if (once && !lines.slice(at + 1).some(matters)) return text;
  const rest = lines.filter((line) => !isInclude(line));
  while (rest.at(-1) === "") rest.pop();
  return [...rest, INCLUDE, ""].join("\n");
}

/** True where the directory keeps its configuration inside itself, as metako needs it. */
export async function hasOwnConfiguration(dataDir: string): Promise<boolean> {
  return await exists(join(dataDir, "postgresql.conf"));
}
