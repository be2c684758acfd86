/**
 * `synchronous_standby_names`, written and read back.
 *
 * Always `ANY k ("name", …)` with every name quoted, so that a member called `any` or `first`
 * means itself, and never `*`, which would count strangers. PostgreSQL manual,
 * "synchronous_standby_names".
 *
 * A standby carries {@linkcode NOBODY}: one name that no standby bears. Should somebody promote it
 * behind the agent's back its commits wait instead of being acknowledged unreplicated, and the
 * checkpointer's shared flag "there are synchronous standbys" is already up when the agent
 * promotes it, so that the change to the real names needs no checkpoint to come into force.
 *
 * @module
 */
import { parseStandbyName, standbyName, type SyncName, type SyncSetting } from "../core/server.ts";

/** The value on a standby. */
export const NOBODY = 'ANY 1 ("metako:nobody")';

/**
 * Writes the setting's value.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const names = [{ node: "b", incarnation: "0a1b2c3d" }, { node: "any", incarnation: null }];
 * assert.equal(renderSyncNames({ names, required: 1 }), 'ANY 1 ("b-0a1b2c3d", "any")');
 * assert.equal(renderSyncNames({ names: [], required: 0 }), "");
 * ```
 */
export function renderSyncNames(setting: SyncSetting): string {
  if (setting.names.length === 0) return "";
  const names = setting.names.map((name) => `"${standbyName(name).replaceAll('"', '""')}"`);
  return `ANY ${setting.required} (${names.join(", ")})`;
}

/**
 * Reads the value back. Forms that metako does not write are read for what they say about names:
 * `FIRST k (…)` and a bare list (which means `FIRST 1`) need all that they need of anybody.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseSyncNames('ANY 2 ("b-0a1b2c3d", c)'), {
 *   names: [{ node: "b", incarnation: "0a1b2c3d" }, { node: "c", incarnation: null }],
 *   required: 2,
 * });
 * assert.deepEqual(parseSyncNames(""), { names: [], required: 0 });
 * ```
 */
export function parseSyncNames(value: string): SyncSetting {
  const text = value.trim();
  if (text === "") return { names: [], required: 0 };
  const form = /^(?:(?:any|first)\s+)?(\d+)\s*\(([\s\S]*)\)$/i.exec(text);
  const list = form === null ? text : form[2]!;
  const names = [...list.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)].map((match) =>
    toName(match[1]?.replaceAll('""', '"') ?? match[0])
  );
  return { names, required: form === null ? 1 : Number(form[1]) };
}

function toName(text: string): SyncName {
  return parseStandbyName(text) ?? { node: text, incarnation: null };
}
