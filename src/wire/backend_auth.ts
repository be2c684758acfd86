/**
 * Watches how a server lets a client in.
 *
 * The router hands the client's own exchange through to the server, and the server sees the router's
 * address, not the client's. A pg_hba line that trusts that address would open the server to
 * everybody who reaches the router, so one thing must be known before anything is passed on: did the
 * server ask for proof? AuthenticationOk with no challenge before it is the verdict `trusted`
 * (methods trust, peer, ident and cert look alike here, and all judge the router instead of the
 * client).
 *
 * @module
 */
import { type ErrorFields, parseErrorFields } from "./errors.ts";
import { parseAuthentication, parseBackendKeyData, parseReadyForQuery } from "./messages.ts";
import type { BackendKey } from "./startup.ts";

/** How far the server's side of the startup has come. */
export type AuthPhase = "greeting" | "challenged" | "authenticated" | "ready" | "failed";

/** What a message of the server means for the startup. */
export type AuthVerdict =
  /** It changes nothing: a notice, a parameter, a further step of the exchange. */
  | { readonly type: "pending" }
  /** The server asks for proof. */
  | { readonly type: "challenged" }
  /** The server asked for proof, and accepted it. */
  | { readonly type: "authenticated" }
  /** The server accepted the client without asking for anything. */
  | { readonly type: "trusted" }
  | { readonly type: "key"; readonly key: BackendKey }
  | { readonly type: "ready" }
  | { readonly type: "refused"; readonly error: ErrorFields }
  | { readonly type: "violation"; readonly because: string };

/** The bytes that {@linkcode judgeStartup} wants to see of each message. */
export const STARTUP_WATCH: Readonly<Record<string, number>> = { R: 4, E: 4096, K: 261, Z: 1 };

/**
 * Judges one message of the server's.
 *
 * @param phase where the startup stood; it begins with "greeting"
 * @returns where it stands now, and what that means
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const ok = { code: "R", payload: Uint8Array.of(0, 0, 0, 0) };
 * assert.equal(judgeStartup("greeting", ok).verdict.type, "trusted");
 * assert.equal(judgeStartup("challenged", ok).verdict.type, "authenticated");
 * ```
 */
export function judgeStartup(
  phase: AuthPhase,
  message: { readonly code: string; readonly payload: Uint8Array },
): { readonly phase: AuthPhase; readonly verdict: AuthVerdict } {
  switch (message.code) {
    case "R":
      return judgeAuthentication(phase, message.payload);
    case "E":
      return {
        phase: "failed",
        verdict: { type: "refused", error: parseErrorFields(message.payload) },
      };
    case "K": {
      const key = parseBackendKeyData(message.payload);
      if (key === null || phase !== "authenticated") return violation("an unfit BackendKeyData");
      return { phase, verdict: { type: "key", key } };
    }
    case "Z":
      if (parseReadyForQuery(message.payload) === null || phase !== "authenticated") {
        return violation("an unfit ReadyForQuery");
      }
      return { phase: "ready", verdict: { type: "ready" } };
    default:
      return { phase, verdict: { type: "pending" } };
  }
}

function judgeAuthentication(
  phase: AuthPhase,
  payload: Uint8Array,
): { readonly phase: AuthPhase; readonly verdict: AuthVerdict } {
  const step = parseAuthentication(payload);
  if (step === null) return violation("an Authentication message of an unknown kind");
  if (phase !== "greeting" && phase !== "challenged") {
    return violation("an Authentication message after the authentication");
  }
  switch (step) {
    case "ok":
      return {
        phase: "authenticated",
        verdict: { type: phase === "challenged" ? "authenticated" : "trusted" },
      };
    case "sasl_continue":
    case "sasl_final":
    case "gss_continue":
      if (phase === "greeting") return violation("an exchange that continues before it began");
      return { phase, verdict: { type: "pending" } };
    case "kerberos":
    case "cleartext_password":
    case "md5_password":
    case "scm_credential":
    case "gss":
    case "sspi":
    case "sasl":
      return { phase: "challenged", verdict: { type: "challenged" } };
  }
}

function violation(what: string): { readonly phase: AuthPhase; readonly verdict: AuthVerdict } {
  return { phase: "failed", verdict: { type: "violation", because: `the server sent ${what}` } };
}
