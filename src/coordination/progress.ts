/**
 * The lines that an operator's request is answered with: NDJSON, each line signed as it leaves.
 *
 * A line is `{"index":0,"step":…,"outcome":…,"elapsed_ms":…,"signature":…}`. Its signature covers
 * the request's nonce and the line's index, so a line can neither be forged nor left out unnoticed;
 * the last one is the first whose outcome is not "running", so a cut stream is noticed too.
 *
 * @module
 */
import { z } from "zod";
import type { StepOutcome } from "../core/effect.ts";
import type { KeyRing } from "./keys.ts";
import { printable } from "./printable.ts";
import { type RequestEnvelope, signLine, verifyLine } from "./signature.ts";

/** One step on the way, in words. */
export interface OperatorStep {
  readonly step: string;
  readonly outcome: StepOutcome;
}

/** A step with the time since the request arrived. */
export interface TimedStep extends OperatorStep {
  readonly elapsedMs: number;
}

/** What became of a line that arrived. */
export type ReadLine =
  | { readonly ok: true; readonly step: TimedStep }
  | { readonly ok: false; readonly because: string };

/** The longest line that is read, in UTF-16 code units. */
export const MAX_LINE_LENGTH = 8192;

const MAX_STEP_LENGTH = 2000;

/** One line. */
export const lineSchema = z.object({
  index: z.int().min(0),
  step: z.string().max(MAX_STEP_LENGTH),
  outcome: z.enum(["running", "succeeded", "failed", "refused", "unaccepted"]),
  elapsed_ms: z.number().min(0),
  signature: z.string(),
});

/** Writes one line, with its newline. */
export function encodeLine(
  keys: KeyRing,
  request: RequestEnvelope,
  index: number,
  timed: TimedStep,
): string {
  const step = timed.step.slice(0, MAX_STEP_LENGTH).toWellFormed();
  const fields = { index, step, outcome: timed.outcome, elapsed_ms: Math.round(timed.elapsedMs) };
  const signature = signLine(keys, request, index, contentOf(fields));
  return `${JSON.stringify({ ...fields, signature })}\n`;
}

/** Reads the line with the given index; refuses what is garbled, forged or out of order. */
export function decodeLine(
  keys: KeyRing,
  request: RequestEnvelope,
  index: number,
  text: string,
): ReadLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, because: "a line of the answer is not JSON" };
  }
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) return { ok: false, because: "a line of the answer is garbled" };
  const { signature, ...line } = parsed.data;
  if (line.index !== index || !verifyLine(keys, request, index, contentOf(line), signature)) {
    return { ok: false, because: "a line of the answer is forged or missing" };
  }
  return {
    ok: true,
    step: { step: printable(line.step), outcome: line.outcome, elapsedMs: line.elapsed_ms },
  };
}

function contentOf(line: Omit<z.output<typeof lineSchema>, "signature">): string {
  return JSON.stringify([line.step, line.outcome, line.elapsed_ms]);
}
