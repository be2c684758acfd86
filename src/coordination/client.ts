/**
 * Sends a member's messages to the others, and believes only signed answers.
 *
 * @module
 */
import type { Answer, Request } from "../core/message.ts";
import type { NodeName } from "../core/record.ts";
import { cancelAnswerSchema, type CancelWish } from "./cancel_route.ts";
import type { ClusterKeys } from "./keys.ts";
import { decode, decodeAnswer, encodeRequest } from "./messages.ts";
import { createReadClient, describeRefusal, type ReadClient } from "./read_client.ts";
import { createSignedClient } from "./signed_client.ts";
import {
  checkCertificates,
  createTransport,
  type Endpoint,
  type TransportOptions,
} from "./transport.ts";

/** How a message ended. */
export type Sent =
  | { readonly type: "answered"; readonly answer: Answer }
  /** The member's port actively refused the connection; its agent is not running. */
  | { readonly type: "refused"; readonly because: string }
  /** Inconclusive: no answer in time, or the member is too busy to give one. */
  | { readonly type: "silent"; readonly because: string }
  /** Something answered, and it is either not that member or it does not accept us as one. */
  | { readonly type: "rejected"; readonly because: string };

/** A member's connections to the others. */
export interface PeerClient extends ReadClient {
  readonly send: (to: NodeName, message: Request) => Promise<Sent>;
  /** Hands a cancel request to a member's router. @returns true where its server took it */
  readonly cancel: (to: NodeName, wish: CancelWish) => Promise<boolean>;
  /** Verifies the others with these certificates from now on; null, or why they cannot be used. */
  readonly trust: (caCerts: readonly string[]) => string | null;
  readonly close: () => void;
}

/**
 * Opens connections to the other members, as they are needed.
 *
 * @param options.timeoutMs the longest that one call may take, retries included
 * @throws {TypeError} where a certificate in `caCerts` is broken: see `checkCertificates()`
 */
export function createPeerClient(
  options: TransportOptions & {
    readonly self: NodeName;
    readonly keys: ClusterKeys;
    readonly members: ReadonlyMap<NodeName, Endpoint>;
    readonly timeoutMs: number;
  },
): PeerClient {
  const { self, keys, members, timeoutMs } = options;
  const transport = createTransport(options);
  const client = createSignedClient({
    sender: self,
    keys: keys.peer,
    endpointOf: (name) => members.get(name) ?? null,
    transport,
  });
  return {
    ...createReadClient(client, timeoutMs),
    close: transport.close,
    async cancel(to, wish) {
      const ask = { method: "POST", path: "/peer/cancel", body: JSON.stringify(wish) } as const;
      const result = await client.ask(to, ask, timeoutMs);
      if (result.type !== "answer" || result.status !== 200 || !result.verified) return false;
      const decoded = decode(cancelAnswerSchema, result.text);
      return decoded.ok && decoded.message.delivered;
    },
    trust(caCerts) {
      const fault = caCerts.map(checkCertificates).find((because) => because !== null);
      if (fault !== undefined) return `Cannot use security.ca_file: ${fault}`;
      transport.trust(caCerts);
      return null;
    },
    async send(to, message) {
      const body = encodeRequest(message);
      const result = await client.ask(to, { method: "POST", path: "/peer", body }, timeoutMs);
      if (result.type !== "answer") return result;
      if (result.status >= 500) return { type: "silent", because: describeRefusal(to, result) };
      if (result.status !== 200) return { type: "rejected", because: describeRefusal(to, result) };
      if (!result.verified) {
        return { type: "rejected", because: `the answer is not signed as ${to}'s must be` };
      }
      const decoded = decodeAnswer(result.text);
      return decoded.ok
        ? { type: "answered", answer: decoded.message }
        : { type: "rejected", because: `the answer of ${to} is malformed: ${decoded.because}` };
    },
  };
}
