/**
 * ErrorResponse and NoticeResponse (PostgreSQL manual, "Error and Notice Message Fields"): a list of
 * one-letter codes with text, closed by a zero byte. Any field may be missing, so all are optional.
 *
 * @module
 */
import { concatBytes, cStringBytes, messageBytes } from "./bytes.ts";
import type { Complaint } from "./sqlstate.ts";

/** The fields that somebody here looks at. */
export interface ErrorFields {
  /** Not localised (field V), or the localised one (S) from servers that send no V. */
  readonly severity: string | null;
  readonly sqlstate: string | null;
  readonly message: string | null;
  readonly detail: string | null;
  readonly hint: string | null;
}

const DECODER = new TextDecoder();

/**
 * The ErrorResponse that ends a session: severity FATAL.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const bytes = fatalBytes({ sqlstate: "57P03", message: "no primary" });
 * assert.equal(bytes[0], "E".charCodeAt(0));
 * assert.equal(parseErrorFields(bytes.subarray(5)).sqlstate, "57P03");
 * ```
 */
export function fatalBytes(complaint: Complaint): Uint8Array {
  return messageBytes("E", fieldBytes("FATAL", complaint));
}

/** An ErrorResponse that ends a statement: severity ERROR. */
export function errorBytes(complaint: Complaint): Uint8Array {
  return messageBytes("E", fieldBytes("ERROR", complaint));
}

/** A NoticeResponse with severity WARNING. */
export function warningBytes(complaint: Omit<Complaint, "sqlstate">): Uint8Array {
  return messageBytes("N", fieldBytes("WARNING", { sqlstate: "01000", ...complaint }));
}

/**
 * Reads an ErrorResponse's or NoticeResponse's payload. Unknown fields are passed over, and a
 * payload that was cut short gives the fields that are whole.
 */
export function parseErrorFields(payload: Uint8Array): ErrorFields {
  const fields = new Map<string, string>();
  let at = 0;
  while (at < payload.length && payload[at] !== 0) {
    const end = payload.indexOf(0, at + 1);
    if (end < 0) break;
    fields.set(String.fromCharCode(payload[at]!), DECODER.decode(payload.subarray(at + 1, end)));
    at = end + 1;
  }
  return {
    severity: fields.get("V") ?? fields.get("S") ?? null,
    sqlstate: fields.get("C") ?? null,
    message: fields.get("M") ?? null,
    detail: fields.get("D") ?? null,
    hint: fields.get("H") ?? null,
  };
}

/** True where the server closes the connection after this error. */
export function endsSession(fields: ErrorFields): boolean {
  return fields.severity === "FATAL" || fields.severity === "PANIC";
}

function fieldBytes(
  severity: string,
  { sqlstate, message, hint }: { sqlstate: string; message: string; hint?: string },
): Uint8Array {
  const fields: [string, string][] = [
    ["S", severity],
    ["V", severity],
    ["C", sqlstate],
    ["M", message],
  ];
  if (hint !== undefined) fields.push(["H", hint]);
  // A zero inside a text, say one quoted from a server, would end its field early.
  const parts = fields.map(([code, text]) => cStringBytes(code + text.replaceAll("\0", " ")));
  return concatBytes([...parts, Uint8Array.of(0)]);
}
