/**
 * What a router may say to a client whose first words were garbage.
 *
 * @module
 */
import { readInt32 } from "../../src/wire/bytes.ts";
import { parseErrorFields } from "../../src/wire/errors.ts";
import { expect } from "./target.ts";

/** The errors that are right for garbage, wrong passwords and clients that are not let in. */
const SQLSTATES = ["08P01", "0A000", "28000", "28P01", "53300", "57P01", "57P03", "3D000"];

interface Message {
  readonly code: string;
  readonly payload: Uint8Array;
}

/** Whole messages behind the single letters and TLS records that may come before them. */
function messagesIn(bytes: Uint8Array): Message[] {
  let at = 0;
  // Answers to SSLRequest and GSSENCRequest.
  while ((bytes[at] === 0x4E || bytes[at] === 0x53) && !isHeader(bytes, at)) at++;
  // Alerts and other records of TLS are the runtime's.
  if (at < bytes.length && bytes[at]! >= 0x14 && bytes[at]! <= 0x17) return [];
  const messages: Message[] = [];
  while (at + 5 <= bytes.length) {
    const length = readInt32(bytes, at + 1);
    expect(length >= 4, () => `it sent a message of length ${length}`);
    expect(at + 1 + length <= bytes.length, () => "it broke off in the middle of a message");
    messages.push({
      code: String.fromCharCode(bytes[at]!),
      payload: bytes.subarray(at + 5, at + 1 + length),
    });
    at += 1 + length;
  }
  expect(at === bytes.length, () => "it broke off in the header of a message");
  return messages;
}

function isHeader(bytes: Uint8Array, at: number): boolean {
  if (at + 5 > bytes.length) return false;
  const length = readInt32(bytes, at + 1);
  return length >= 4 && at + 1 + length <= bytes.length;
}

/** True where AuthenticationOk is among it. */
export function proves(bytes: Uint8Array): boolean {
  return messagesIn(bytes).some(({ code, payload }) => code === "R" && readInt32(payload, 0) === 0);
}

/** @returns the error in it, in a word @throws {Error} where there is one that must not be */
export function judgeServerBytes(bytes: Uint8Array): string {
  for (const { code, payload } of messagesIn(bytes)) {
    if (code !== "E") continue;
    const { severity, sqlstate, message } = parseErrorFields(payload);
    expect(
      severity === "FATAL" && SQLSTATES.includes(sqlstate ?? "") && !!message,
      () => `it said ${severity} ${sqlstate}: ${message}`,
    );
    return sqlstate!;
  }
  return "hung up";
}
