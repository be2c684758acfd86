/**
 * A client's messages after the startup, to read and to build (PostgreSQL manual, "Message Formats").
 * Readers take a payload, header left off, and give null where it is not one.
 *
 * @module
 */
import { cStringBytes, messageBytes, readInt32 } from "./bytes.ts";

const DECODER = new TextDecoder();

/** Reads the text of a simple query. */
export function parseQuery(payload: Uint8Array): string | null {
  const end = payload.indexOf(0);
  return end < 0 ? null : DECODER.decode(payload.subarray(0, end));
}

/** Reads Parse: a statement's name, empty for the unnamed one, and its text. */
export function parseParse(
  payload: Uint8Array,
): { readonly name: string; readonly text: string } | null {
  const nameEnd = payload.indexOf(0);
  const textEnd = nameEnd < 0 ? -1 : payload.indexOf(0, nameEnd + 1);
  if (textEnd < 0) return null;
  return {
    name: DECODER.decode(payload.subarray(0, nameEnd)),
    text: DECODER.decode(payload.subarray(nameEnd + 1, textEnd)),
  };
}

/** Reads the names in Bind. */
export function parseBind(
  payload: Uint8Array,
): { readonly portal: string; readonly statement: string } | null {
  const portalEnd = payload.indexOf(0);
  const statementEnd = portalEnd < 0 ? -1 : payload.indexOf(0, portalEnd + 1);
  if (statementEnd < 0) return null;
  return {
    portal: DECODER.decode(payload.subarray(0, portalEnd)),
    statement: DECODER.decode(payload.subarray(portalEnd + 1, statementEnd)),
  };
}

/** Reads Describe or Close, which look alike. */
export function parseTarget(
  payload: Uint8Array,
): { readonly kind: "statement" | "portal"; readonly name: string } | null {
  const kind = payload[0] === 0x53 ? "statement" : payload[0] === 0x50 ? "portal" : null;
  const end = payload.indexOf(0, 1);
  if (kind === null || end < 0) return null;
  return { kind, name: DECODER.decode(payload.subarray(1, end)) };
}

/** Reads Execute; a limit of 0 is none. */
export function parseExecute(
  payload: Uint8Array,
): { readonly portal: string; readonly limit: number } | null {
  const end = payload.indexOf(0);
  if (end < 0 || payload.length < end + 5) return null;
  return { portal: DECODER.decode(payload.subarray(0, end)), limit: readInt32(payload, end + 1) };
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
