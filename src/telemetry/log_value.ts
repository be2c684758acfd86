/**
 * The fields of a log line as JSON can hold them, with everything secret taken out.
 *
 * Whatever is handed to the log ends in one bounded line: a bigint is an LSN and is written as one,
 * an error becomes its name and message (no stack, which shows paths of the build), and what nests
 * too deeply or holds itself is cut.
 *
 * @module
 */
import { formatLsn } from "../core/lsn.ts";

/** What stands in place of a secret. */
export const HIDDEN = "********";

const MAX_DEPTH = 6;
const MAX_TEXT_CHARACTERS = 4096;
const MAX_ITEMS = 200;

const SECRET_NAME = /^(?:.*[_-])?(?:password|passwd|passphrase|secret|key|token)$/;

/**
 * True for the name of a field whose value must not be written.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isSecretName("replicationPassword"), true);
 * assert.equal(isSecretName("cluster_secret"), true);
 * assert.equal(isSecretName("monkey"), false);
 * ```
 */
export function isSecretName(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  return SECRET_NAME.test(words);
}

/**
 * Makes a value fit for a log line.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(logValue({ lsn: 0x16B374D848n, user: { password: "hunter2" } }), {
 *   lsn: "16/B374D848",
 *   user: { password: "********" },
 * });
 * ```
 */
export function logValue(value: unknown): unknown {
  return convert(value, 0);
}

function convert(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "bigint":
      return value >= 0n && value < 1n << 64n ? formatLsn(value) : String(value);
    case "string":
      return value.length > MAX_TEXT_CHARACTERS ? `${value.slice(0, MAX_TEXT_CHARACTERS)}…` : value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "undefined":
      return undefined;
    case "function":
    case "symbol":
      return String(typeof value);
    case "object":
      return value === null ? null : convertObject(value, depth);
  }
}

function convertObject(value: object, depth: number): unknown {
  if (value instanceof Error) return convert(`${value.name}: ${value.message}`, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (depth >= MAX_DEPTH) return "…";
  if (Array.isArray(value)) return convertItems(value, depth);
  if (value instanceof Set) return convertItems([...value], depth);
  const entries = value instanceof Map
    ? [...value].map(([key, inner]) => [String(key), inner] as const)
    : Object.entries(value);
  return Object.fromEntries(
    entries.slice(0, MAX_ITEMS).map(([name, inner]) => [
      name,
      isSecretName(name) && inner !== null && inner !== undefined
        ? HIDDEN
        : convert(inner, depth + 1),
    ]),
  );
}

function convertItems(items: readonly unknown[], depth: number): unknown[] {
  // JSON would write an undefined item as null in any case; here it is said once.
  return items.slice(0, MAX_ITEMS).map((item) => convert(item ?? null, depth + 1));
}
