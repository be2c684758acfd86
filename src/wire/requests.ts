/**
 * A client's messages after the startup, to read and to build (PostgreSQL manual, "Message Formats").
 * Readers take a payload, header left off, as a range of bytes: from `from` up to `until`, or all of
 * them. They give null where it is not one.
 *
 * @module
 */
import { cStringBytes, messageBytes, readInt32 } from "./bytes.ts";

const DECODER = new TextDecoder();

/** Reads the text of a simple query. */
export function parseQuery(bytes: Uint8Array, from = 0, until = bytes.length): string | null {
  const end = endOfText(bytes, from, until);
  return end < 0 ? null : textOf(bytes, from, end);
}

/** Reads a name up to its zero. */
export function parseName(bytes: Uint8Array, from = 0, until = bytes.length): string | null {
  return parseQuery(bytes, from, until);
}

/** Reads Parse: a statement's name, empty for the unnamed one, and its text. */
export function parseParse(
  bytes: Uint8Array,
  from = 0,
  until = bytes.length,
): { readonly name: string; readonly text: string } | null {
  const nameEnd = endOfText(bytes, from, until);
  const textEnd = nameEnd < 0 ? -1 : endOfText(bytes, nameEnd + 1, until);
  if (textEnd < 0) return null;
  return { name: textOf(bytes, from, nameEnd), text: textOf(bytes, nameEnd + 1, textEnd) };
}

/** Reads the names in Bind. */
export function parseBind(
  bytes: Uint8Array,
  from = 0,
  until = bytes.length,
): { readonly portal: string; readonly statement: string } | null {
  const portalEnd = endOfText(bytes, from, until);
  const statementEnd = portalEnd < 0 ? -1 : endOfText(bytes, portalEnd + 1, until);
  if (statementEnd < 0) return null;
  return {
    portal: textOf(bytes, from, portalEnd),
    statement: textOf(bytes, portalEnd + 1, statementEnd),
  };
}

/** Reads Describe or Close, which look alike. */
export function parseTarget(
  bytes: Uint8Array,
  from = 0,
  until = bytes.length,
): { readonly kind: "statement" | "portal"; readonly name: string } | null {
  const letter = from < until ? bytes[from] : undefined;
  const kind = letter === 0x53 ? "statement" : letter === 0x50 ? "portal" : null;
  const end = endOfText(bytes, from + 1, until);
  if (kind === null || end < 0) return null;
  return { kind, name: textOf(bytes, from + 1, end) };
}

/** Reads Execute; a limit of 0 is none. */
export function parseExecute(
  bytes: Uint8Array,
  from = 0,
  until = bytes.length,
): { readonly portal: string; readonly limit: number } | null {
  const end = endOfText(bytes, from, until);
  if (end < 0 || until < end + 5) return null;
  return { portal: textOf(bytes, from, end), limit: readInt32(bytes, end + 1) };
}

function endOfText(bytes: Uint8Array, from: number, until: number): number {
  const end = bytes.indexOf(0, from);
  return end < until ? end : -1;
}

function textOf(bytes: Uint8Array, from: number, end: number): string {
  return from === end ? "" : DECODER.decode(bytes.subarray(from, end));
}

/** Builds Close for a prepared statement. */
export function closeStatementBytes(name: string): Uint8Array {
  return messageBytes("C", Uint8Array.of(0x53), cStringBytes(name));
}

/** Builds Sync. */
export function syncBytes(): Uint8Array {
  return messageBytes("S");
}

/**
 * Reads a DataRow's columns as text; null for SQL's NULL.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const row = Uint8Array.of(0, 2, 0, 0, 0, 1, 0x74, 0xFF, 0xFF, 0xFF, 0xFF);
 * assert.deepEqual(parseDataRow(row), ["t", null]);
 * ```
 */
export function parseDataRow(payload: Uint8Array): readonly (string | null)[] | null {
  if (payload.length < 2) return null;
  const count = (payload[0]! << 8) | payload[1]!;
  const columns: (string | null)[] = [];
  let at = 2;
  for (let i = 0; i < count; i++) {
    if (at + 4 > payload.length) return null;
    const length = readInt32(payload, at);
    at += 4;
    if (length < 0) {
      columns.push(null);
      continue;
    }
    if (at + length > payload.length) return null;
    columns.push(DECODER.decode(payload.subarray(at, at + length)));
    at += length;
  }
  return columns;
}
