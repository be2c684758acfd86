/**
 * What happens when metako itself is at fault: one line, exit code 70, never a stack trace.
 *
 * Expected failures never come here, they are values. What does come here is a broken invariant, and
 * a process that goes on after one cannot be trusted with a database; PostgreSQL itself runs on and
 * the supervisor starts the agent anew.
 *
 * @module
 */
import process from "node:process";
import { EXIT } from "./exit_codes.ts";
import type { Terminal } from "./terminal.ts";

/** Ends the process with one line at every error that nobody caught. */
export function endOnFault(terminal: Pick<Terminal, "complain">): void {
  const end = (fault: unknown) => {
    terminal.complain(faultLine(fault));
    Deno.exit(EXIT.internal);
  };
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    end(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    end(event.error ?? event.message);
  });
}

/** What the runtime means to do away with concerns its programmers, not who runs a database. */
export function quietDeprecations(): void {
  Object.assign(process, { noDeprecation: true });
}

/**
 * The line for a fault: what it is, and where in the program, which is all that a report needs.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(
 *   faultLine("x is\nnot y"),
 *   "metako: internal fault: x is not y. Please report it with the log lines before it.",
 * );
 * assert.match(faultLine(new TypeError("no x")), /TypeError: no x \(.+:\d+:\d+\)\. Please/);
 * ```
 */
export function faultLine(fault: unknown): string {
  const text = fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault);
  const line = text.replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
  const place = placeOf(fault);
  const where = place === null ? "" : ` (${place})`;
  return `metako: internal fault: ${line}${where}. Please report it with the log lines before it.`;
}

/** The innermost frame, as the last two parts of its path: "router/accept.ts:12:3". */
function placeOf(fault: unknown): string | null {
  const stack = fault instanceof Error ? fault.stack ?? "" : "";
  return /([^/\s(]+\/)?[^/\s(]+:\d+:\d+/.exec(stack.split("\n    at ")[1] ?? "")?.[0] ?? null;
}
