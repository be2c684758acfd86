/**
 * What a sender of a malformed body reads.
 *
 * @module
 */
import type { Context } from "hono";
import type { z } from "zod";
import { describeIssues } from "./messages.ts";
import { type ApiContext, fail } from "./reply.ts";

/** For zod's validator: a 400 that names what is wrong, or nothing where the body is fit. */
export function onInvalid(
  result: { readonly success: boolean; readonly error?: { readonly issues: readonly unknown[] } },
  c: Context,
): Response | undefined {
  if (result.success) return undefined;
  const issues = (result.error?.issues ?? []) as z.core.$ZodIssue[];
  return fail(c as ApiContext, 400, {
    error: `the message is malformed: ${describeIssues(issues)}`,
    remedy: "Run the same version of metako on every member.",
  });
}
