/**
 * From the startup packet to a client that proved who it is: agrees on the protocol, finds the
 * role's verifier, and runs the exchange.
 *
 * Where the node has no way to read verifiers, the client goes on unproven with its own exchange
 * still to come, which the server then judges.
 *
 * @module
 */
import { negotiateProtocolVersionBytes } from "../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import { plainStartup, protocolOptions } from "../wire/startup.ts";
import { mockVerifier, parseVerifier } from "../wire/verifier.ts";
import { nameAsServerSeesIt } from "./access.ts";
import { authenticateClient, type Credentials } from "./authenticate.ts";
import type { Context } from "./context.ts";
import type { Introduction } from "./greet.ts";
import { HASHES } from "./hashes.ts";
import { within, write } from "./socket.ts";

/** How {@linkcode admit} ended. */
export type Admission =
  | {
    readonly type: "admitted";
    readonly user: string;
    /** Null where the client's own exchange is to be handed through. */
    readonly credentials: Credentials | null;
    /** The startup packet for the servers. */
    readonly startup: Uint8Array;
    /** What the client sent already that is for the server. */
    readonly rest: Uint8Array;
  }
  | { readonly type: "refused"; readonly complaint: Complaint }
  | { readonly type: "gone" };

/** Takes at most twice `startupTimeoutMs`. */
export async function admit(
  { options, ports }: Context,
  client: Deno.Conn,
  { packet, raw, rest, channel }: Introduction,
  signal: AbortSignal,
): Promise<Admission> {
  const user = nameAsServerSeesIt(packet.userBytes ?? new Uint8Array(0)) ?? "";
  const verifiers = ports.verifiers ?? null;
  if (verifiers === null) {
    return { type: "admitted", user, credentials: null, startup: raw, rest };
  }
  const unknownOptions = protocolOptions(packet.parameters);
  if (packet.minor > 0 || unknownOptions.length > 0) {
    const offer = negotiateProtocolVersionBytes({ minor: 0, unknownOptions });
    if (!await write(client, offer)) return { type: "gone" };
  }
  const found = await within(verifiers.find(user), options.startupTimeoutMs, signal);
  if (found === null || !found.ok) {
    return {
      type: "refused",
      complaint: {
        sqlstate: SQLSTATE.cannotConnectNow,
        message: "Cannot start a session: no server can be asked for the role's password: " +
          (found?.because ?? "no answer in time"),
        hint: "Try again; `metako status` shows what the cluster is waiting for.",
      },
    };
  }
  const verifier = (found.stored === null ? null : parseVerifier(found.stored)) ??
    mockVerifier(HASHES, verifiers.mockSecret, user);
  const outcome = await within(
    authenticateClient({ client, user, rest, verifier, binding: channel?.binding ?? null }),
    options.startupTimeoutMs,
    signal,
  );
  switch (outcome?.type) {
    case "proven":
      return {
        type: "admitted",
        user,
        credentials: outcome.credentials,
        startup: plainStartup(raw),
        rest: outcome.rest,
      };
    case "unproven":
      verifiers.forget(user);
      return { type: "refused", complaint: outcome.complaint };
    case "broken":
      return { type: "refused", complaint: outcome.complaint };
    case "gone":
    case undefined:
      return { type: "gone" };
  }
}
