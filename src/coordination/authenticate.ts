/**
 * Who sent a request, decided from its headers alone, before its body is read.
 *
 * The order matters: form, signature, recipient, sender, freshness. Only what passed one step can
 * reach the next, so a forgery moves no counter, and a body is buffered for members only.
 *
 * @module
 */
import type { ClusterKeys, KeyRing } from "./keys.ts";
import { admit, type Sessions } from "./sessions.ts";
import { OPERATOR, readEnvelope, type RequestEnvelope, verifyRequest } from "./signature.ts";

/** A sender whose signature was verified, and the keys that sign the answer. */
export interface Caller {
  readonly envelope: RequestEnvelope;
  readonly keys: KeyRing;
}

/** Who may call. */
export type Audience = "peer" | "operator" | "anyone with a key";

/** What the headers proved. */
export type Authentication =
  | { readonly type: "authentic"; readonly caller: Caller }
  /** Authentic, but not fresh: answered with the challenge to use, signed. */
  | { readonly type: "stale"; readonly caller: Caller; readonly challenge: string }
  | {
    readonly type: "refused";
    readonly status: 400 | 401 | 403 | 421;
    readonly error: string;
    readonly remedy: string;
  };

/** What a receiver knows. */
export interface Receiver {
  readonly self: string;
  readonly keys: ClusterKeys;
  readonly isMember: (name: string) => boolean;
  readonly sessions: Sessions;
  /** A monotonic clock, in milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Decides who sent a request.
 *
 * @param options.freshness "ignored" where a replay is harmless: a read that is open to all anyway,
 *   signed only so that its answer is
 */
export function authenticate(
  receiver: Receiver,
  request: { readonly method: string; readonly path: string; readonly headers: Headers },
  options: { readonly audience: Audience; readonly freshness: "required" | "ignored" },
): Authentication {
  const read = readEnvelope(request.headers);
  switch (read.type) {
    case "unsigned":
      return {
        type: "refused",
        status: 401,
        error: "the request is not signed",
        remedy: "Use the metako command line with this cluster's configuration.",
      };
    case "garbled":
      return {
        type: "refused",
        status: 400,
        error: `the header ${read.header} is missing or garbled`,
        remedy: "Run the same version of metako on every member.",
      };
    case "signed":
      break;
  }
  const { envelope, signatures } = read;
  const keys = keysOf(receiver, envelope.sender, options.audience);
  if (keys === null) {
    return {
      type: "refused",
      status: 403,
      error: `${envelope.sender} may not ask for ${request.path}`,
      remedy: `Requests to it are signed by ${options.audience}.`,
    };
  }
  if (!verifyRequest(keys, request, envelope, signatures)) {
    return {
      type: "refused",
      status: 401,
      error: `the signature of ${envelope.sender} does not fit`,
      remedy: "Give every member the same cluster_name and security.cluster_secret (or, where " +
        "there is none, the same database credentials).",
    };
  }
  if (envelope.recipient !== receiver.self) {
    return {
      type: "refused",
      status: 421,
      error: `this is ${receiver.self}, and the request is for ${envelope.recipient}`,
      remedy: `Correct api_host and api_port of ${envelope.recipient} on ${envelope.sender}.`,
    };
  }
  if (envelope.sender !== OPERATOR && !isOtherMember(receiver, envelope.sender)) {
    return {
      type: "refused",
      status: 403,
      error: `${envelope.sender} is not another member of ${receiver.self}'s cluster`,
      remedy: `Add it to cluster_members of ${receiver.self}, or correct its identity.node_name.`,
    };
  }
  const caller = { envelope, keys };
  if (options.freshness === "ignored") return { type: "authentic", caller };
  const freshness = admit(receiver.sessions, envelope, receiver.nowMs());
  return freshness.type === "fresh"
    ? { type: "authentic", caller }
    : { type: "stale", caller, challenge: freshness.challenge };
}

/** The keys that a sender signs with; null where the audience excludes it. */
function keysOf({ keys }: Receiver, sender: string, audience: Audience): KeyRing | null {
  const purpose = sender === OPERATOR ? "operator" : "peer";
  return audience === "anyone with a key" || audience === purpose ? keys[purpose] : null;
}

function isOtherMember(receiver: Receiver, name: string): boolean {
  return name !== receiver.self && receiver.isMember(name);
}
