/**
 * Carries a session's settings and statements from its primary to another server.
 *
 * @module
 */
import { routeValue } from "../../sql/settings.ts";
import { concatBytes } from "../../wire/bytes.ts";
import { closeStatementBytes, syncBytes } from "../../wire/requests.ts";
import type { Statement } from "./book.ts";
import { type Memory, ROUTE_SETTING } from "./memory.ts";
import { readSettingsQuery, writeSettingsQuery } from "./settings.ts";
import { ask, isFree, isQuiet, quiet, type Side, type Told } from "./side.ts";
import type { Split } from "./state.ts";

/** Reads the settings' values from the side that has them, which must be free. */
export async function refreshSettings({ memory, told: known }: Split, side: Side): Promise<void> {
  const { generation, settings } = memory;
  if (settings.size === 0) {
    memory.values = new Map();
    return;
  }
  const told = await ask(side, readSettingsQuery(settings));
  if (told === null || memory.generation !== generation) return;
  // A setting that nobody can ask for: the session stays where it is.
  if (told.error !== null) return keep(memory, told.error.message ?? "no reason given");
  const values = new Map(
    told.rows.flatMap(([name, value]) =>
      typeof name === "string" && typeof value === "string" ? [[name, value] as const] : []
    ),
  );
  const encoding = known.get("client_encoding")?.toUpperCase();
  const readable = encoding === "UTF8" ? /^[^\uFFFD]*$/ : ASCII;
  const odd = [...values].find(([, value]) => !readable.test(value));
  // Another value than the client's own might show it rows that are not its own.
  if (odd !== undefined) return keep(memory, `${odd[0]} is not plain text under ${encoding}`);
  memory.values = values;
  if (settings.has(ROUTE_SETTING)) {
    memory.route = routeValue(values.get(ROUTE_SETTING) ?? "") ?? "auto";
  }
}

/**
 * Resolves when it is known whether `SET metako.route` came to stay, or cannot be known just now: in the
 * middle of a transaction, where it decides nothing.
 */
export async function routeKnown(split: Split): Promise<void> {
  while (isRouteOpen(split) && !split.over) {
    const side = split.settingsAhead ? split.standby : split.primary;
    if (side === null || side.closed) return;
    if (!isQuiet(side)) {
      await quiet(side);
      continue;
    }
    if (!isFree(side)) return;
    await refreshSettings(split, side);
    if (isRouteOpen(split) && isQuiet(side)) return;
  }
}

/** True where the server has to be asked what `SET metako.route` came to. */
export function isRouteOpen({ memory }: Split): boolean {
  return memory.values === null && memory.settings.has(ROUTE_SETTING);
}

// deno-lint-ignore no-control-regex
const ASCII = /^[\x00-\x7F]*$/;

function keep(memory: Memory, because: string): void {
  memory.bound.add(`its settings cannot be read (${because})`);
  memory.opaque ??= "its settings cannot be read";
}

/** Gives a server the settings; it must be quiet. @returns null where it went away */
export async function writeSettings(
  side: Side,
  values: ReadonlyMap<string, string>,
): Promise<Told | null> {
  return values.size === 0
    ? { rows: [], error: null, words: null, parsed: 0 }
    : await ask(side, writeSettingsQuery(values));
}

/** True where a server has all of these statements, or will by the time that it reads what is sent now. */
export function hasAll(side: Side, statements: readonly Statement[]): boolean {
  for (const statement of statements) {
    if (side.made.get(statement.name) !== statement && !isExpected(side, statement)) return false;
  }
  return true;
}

function isExpected({ expected }: Side, statement: Statement): boolean {
  return expected.some(({ made }) => made?.includes(statement) === true);
}

/** Which of these statements a server does not have, or has as something else. */
export function missing(side: Side, statements: readonly Statement[]): readonly Statement[] {
  return statements.filter((statement) => side.made.get(statement.name) !== statement);
}

/** Closes what is stale on a server, and makes what it lacks; it must be quiet. */
export async function makeStatements(
  side: Side,
  statements: readonly Statement[],
): Promise<Told | null> {
  const parts: Uint8Array[] = side.stale.map(closeStatementBytes);
  side.stale.length = 0;
  for (const { name, parse } of statements) {
    if (parse === null) continue;
    if (name !== "" && side.made.has(name)) parts.push(closeStatementBytes(name));
    parts.push(parse);
    side.made.delete(name);
  }
  const told = await ask(side, concatBytes([...parts, syncBytes()]));
  if (told?.error === null) {
    for (const statement of statements) side.made.set(statement.name, statement);
  } else if (told !== null) {
    // Those before the one that failed are there.
    const sent = statements.filter(({ parse }) => parse !== null);
    for (const statement of sent.slice(0, told.parsed)) side.made.set(statement.name, statement);
  }
  return told;
}
