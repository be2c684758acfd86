/**
 * Logs in at a server in a client's name, with what the client's own proof revealed.
 *
 * A machine without I/O: the server's messages go in, bytes for the server and verdicts come out.
 *
 * @module
 */
import { parseAuthentication } from "../wire/messages.ts";
import { md5Answer } from "../wire/md5.ts";
import {
  parseMechanismList,
  passwordBytes,
  saslInitialBytes,
  saslResponseBytes,
  textOf,
} from "../wire/sasl.ts";
import {
  answerServerFirst,
  checkServerFinal,
  type ScramClient,
  startScramClient,
} from "../wire/scram.ts";
import type { Credentials } from "./authenticate.ts";
import { HASHES, newNonce } from "./hashes.ts";

/** How far the login has come. */
export type BackendLogin =
  | { readonly step: "greeting" }
  | { readonly step: "first_sent"; readonly scram: ScramClient }
  | { readonly step: "proof_sent"; readonly signature: Uint8Array }
  /** The server asked for proof and got it; AuthenticationOk may come. */
  | { readonly step: "answered" };

/** What an Authentication message of the server's leads to. */
export type LoginMove =
  | { readonly type: "send"; readonly login: BackendLogin; readonly bytes: Uint8Array }
  | { readonly type: "wait"; readonly login: BackendLogin }
  | { readonly type: "authenticated" }
  /** The server accepted without asking. */
  | { readonly type: "trusted" }
  /** The credentials do not open this server, and will not in a moment either. */
  | { readonly type: "unfit"; readonly because: string }
  /** The server has another verifier for the role: it, or the router, is behind. */
  | { readonly type: "stale"; readonly because: string }
  | { readonly type: "violation"; readonly because: string };

/** Takes the payload of an Authentication message. */
export function answerBackend(
  login: BackendLogin,
  credentials: Credentials,
  payload: Uint8Array,
): LoginMove {
  const step = parseAuthentication(payload);
  switch (step) {
    case "ok":
      if (login.step === "greeting") return { type: "trusted" };
      return login.step === "answered"
        ? { type: "authenticated" }
        : violation("AuthenticationOk before the exchange was over");
    case "sasl": {
      if (login.step !== "greeting") return violation("a second challenge");
      if (parseMechanismList(payload)?.includes("SCRAM-SHA-256") !== true) {
        return unfit("it does not offer SCRAM-SHA-256");
      }
      if (credentials.type !== "scram") {
        return unfit("it asks for SCRAM, and the role's stored password is md5: set it anew");
      }
      const { client, clientFirst } = startScramClient(credentials.keys, newNonce());
      return {
        type: "send",
        login: { step: "first_sent", scram: client },
        bytes: saslInitialBytes("SCRAM-SHA-256", clientFirst),
      };
    }
    case "sasl_continue": {
      const text = textOf(payload.subarray(4));
      if (login.step !== "first_sent" || text === null) return violation("an unfit challenge");
      const answer = answerServerFirst(HASHES, login.scram, text);
      if (!answer.ok) {
        return answer.failure === "unproven"
          ? { type: "stale", because: answer.because }
          : violation(answer.because);
      }
      return {
        type: "send",
        login: { step: "proof_sent", signature: answer.value.signature },
        bytes: saslResponseBytes(answer.value.clientFinal),
      };
    }
    case "sasl_final": {
      const text = textOf(payload.subarray(4));
      if (login.step !== "proof_sent" || text === null) return violation("an unfit last message");
      const checked = checkServerFinal(text, login.signature);
      return checked.ok
        ? { type: "wait", login: { step: "answered" } }
        : violation(checked.because);
    }
    case "md5_password":
      if (login.step !== "greeting" || payload.length < 8) return violation("an unfit challenge");
      if (credentials.type !== "md5") {
        return { type: "stale", because: "it has an md5 password for the role" };
      }
      return {
        type: "send",
        login: { step: "answered" },
        bytes: passwordBytes(md5Answer(HASHES, credentials.digest, payload.subarray(4, 8))),
      };
    case "cleartext_password":
    case "kerberos":
    case "scm_credential":
    case "gss":
    case "gss_continue":
    case "sspi":
      return unfit("its pg_hba.conf asks for something else than scram-sha-256 or md5");
    case null:
      return violation("an Authentication message of an unknown kind");
  }
}

function unfit(because: string): LoginMove {
  return { type: "unfit", because };
}

function violation(what: string): LoginMove {
  return { type: "violation", because: `the server broke the protocol: ${what}` };
}
