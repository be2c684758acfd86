/**
 * From the startup packet to a client that proved who it is: may it come in from where it is, which
 * protocol is spoken, and does it know the role's password.
 *
 * Where the node is not to check passwords, the client goes on unproven with its own exchange still to
 * come, which the server then judges.
 *
 * @module
 */
import { negotiateProtocolVersionBytes } from "../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import { type BackendKey, plainStartup, protocolOptions } from "../wire/startup.ts";
import { mockVerifier, parseVerifier } from "../wire/verifier.ts";
import { isLoopback, judgeAccess, nameAsServerSeesIt } from "./access.ts";
import { askRole } from "./ask_role.ts";
import { authenticateClient, type Credentials } from "./authenticate.ts";
import { type Card, countOfUser } from "./card.ts";
import { newCancelKey } from "./cancel_key.ts";
import type { Context } from "./context.ts";
import type { Ear } from "./ear.ts";
import type { Introduction } from "./greet.ts";
import { HASHES } from "./hashes.ts";
import type { RoleAnswer } from "./options.ts";
import { within, write } from "./socket.ts";

/** How {@linkcode admit} ended. */
export type Admission =
  | {
    readonly type: "admitted";
    readonly user: string;
    /** Null where the client's own exchange is to be handed through. */
    readonly credentials: Credentials | null;
    /** The cancel key that the client gets; null where that is the server's own. */
    readonly clientKey: BackendKey | null;
    /** The startup packet for the servers. */
    readonly startup: Uint8Array;
  }
  | { readonly type: "refused"; readonly complaint: Complaint }
  | { readonly type: "gone" };

/** A client at the door. */
export interface Applicant {
  readonly client: Deno.Conn;
  readonly ear: Ear;
  readonly introduction: Introduction;
  readonly card: Card;
  /** Ends the admission. */
  readonly signal: AbortSignal;
}

/**
 * Takes as long as a session may wait for a server where nobody can be asked about the role, and at
 * most twice `startupTimeoutMs` besides.
 */
export async function admit(context: Context, applicant: Applicant): Promise<Admission> {
  const admission = await judge(context, applicant);
  if (admission.type !== "admitted") return admission;
  const { card } = applicant;
  // Counted now and not before, so that nobody who proves nothing keeps others out.
  const complaint = tooManyOfUser(context, card.user);
  if (complaint !== null) return { type: "refused", complaint };
  card.admitted = true;
  return admission;
}

function tooManyOfUser({ options, sessions }: Context, user: string): Complaint | null {
  const limit = options.maximumConnectionsPerUser;
  const cards = [...sessions].map(({ card }) => card);
  return limit === null || countOfUser(cards, user) < limit ? null : {
    sqlstate: SQLSTATE.tooManyConnections,
    message: `Cannot start a session: too many connections for role "${user}" ` +
      `(router.maximum_connections_per_user is ${limit}).`,
    hint: "Close idle sessions, use a connection pool, or raise the limit.",
  };
}

async function judge(context: Context, applicant: Applicant): Promise<Admission> {
  const { options, ports } = context;
  const { packet, raw } = applicant.introduction;
  const { address, purpose } = applicant.card;
  const loopback = (ports.isLoopback ?? isLoopback)(address);
  const access = judgeAccess({ startup: packet, address, loopback, allowed: context.allowed });
  if (access.type === "refused") return access;
  const user = nameAsServerSeesIt(packet.userBytes!) ?? "";
  const relays = ports.roles.mockSecret === null;
  if (relays && access.type === "open") {
    return relayed(user, raw);
  }
  const found = await askRole(context, {
    user,
    limitMs: purpose === "read_only" ? options.readTimeoutMs : options.writeTimeoutMs,
    signal: applicant.signal,
    onWait: (because) => applicant.card.waitsBecause = because,
  });
  if (!found.ok) return { type: "refused", complaint: unknownRole(found) };
  if (access.type === "unprivileged" && found.privileged) {
    return { type: "refused", complaint: access.otherwise };
  }
  return relays ? relayed(user, raw) : await prove(context, applicant, user, found.stored);
}

function relayed(user: string, startup: Uint8Array): Admission {
  return { type: "admitted", user, credentials: null, clientKey: null, startup };
}

async function prove(
  { options, ports: { roles } }: Context,
  { client, ear, introduction: { packet, raw, channel }, signal }: Applicant,
  user: string,
  stored: string | null,
): Promise<Admission> {
  const unknownOptions = protocolOptions(packet.parameters);
  // What 3.2 adds, a longer cancel key, is between client and router; servers are spoken to in 3.0.
  const minor = packet.minor >= 2 ? 2 : 0;
  if (packet.minor !== minor || unknownOptions.length > 0) {
    const offer = negotiateProtocolVersionBytes({ minor, unknownOptions });
    if (!await write(client, offer)) return { type: "gone" };
  }
  const verifier = (stored === null ? null : parseVerifier(stored)) ??
    mockVerifier(HASHES, roles.mockSecret!, user);
  const outcome = await within(
    authenticateClient({ client, ear, user, verifier, binding: channel?.binding ?? null }),
    options.startupTimeoutMs,
    signal,
  );
  switch (outcome?.type) {
    case "proven":
      return {
        type: "admitted",
        user,
        credentials: outcome.credentials,
        clientKey: newCancelKey(options.node, minor),
        startup: plainStartup(raw),
      };
    case "unproven":
      roles.forget(user);
      return { type: "refused", complaint: outcome.complaint };
    case "broken":
      return { type: "refused", complaint: outcome.complaint };
    case "gone":
    case undefined:
      return { type: "gone" };
  }
}

function unknownRole(
  { because, remedy }: Extract<RoleAnswer, { readonly ok: false }>,
): Complaint {
  return {
    // Drivers try again after 57P03, which makes sense where time alone can help.
    sqlstate: remedy === null ? SQLSTATE.cannotConnectNow : SQLSTATE.invalidAuthorization,
    message: `Cannot start a session: nothing can be learnt of the role: ${because}.`,
    hint: remedy ?? "Try again; `metako status` shows what the cluster is waiting for.",
  };
}
