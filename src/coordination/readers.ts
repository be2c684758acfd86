/**
 * Who may read the pages: `/status`, `/cluster`, `/history`, `/metrics`.
 *
 * They hold no secret, and they tell whom to attack and when: names, addresses and versions, who the
 * primary is, how far the standbys are behind, who steered what from where. So by default they are
 * read without a credential on the node's own host only, and from elsewhere by whoever signs with the
 * cluster's key, as the command line and the members do, or sends the token that was made for
 * readers. A signature that is the credential has to be fresh, since a replay would read what is true
 * later. The health paths are outside of all this: a load balancer has no secrets.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { demandSignature, type Gate, identify, refuse } from "./gate.ts";
import { isLoopback } from "./loopback.ts";
import { type ApiEnv, sourceOf } from "./reply.ts";

/** From where pages are read without a credential. */
export type OpenTo = "nobody" | "this_host" | "everybody";

/** Who may read. */
export interface ReadAccess {
  readonly openTo: OpenTo;
  /** What `authorization: Bearer …` must say; null where no token is accepted. */
  readonly token: string | null;
}

/** Lets through who may read; answers are signed for whoever signed. */
export function admitReaders(gate: Gate, access: ReadAccess): MiddlewareHandler<ApiEnv> {
  const freely = identify(gate.receiver);
  const signed = demandSignature(gate, "anyone with a key");
  const wanted = access.token === null ? null : digestOf(access.token);
  return async (c, next) => {
    const source = sourceOf(c);
    if (access.openTo === "everybody" || access.openTo === "this_host" && isLoopback(source)) {
      return await freely(c, next);
    }
    if (c.req.header("metako-signature") !== undefined) return await signed(c, next);
    const given = /^Bearer +(.+?) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
    if (wanted !== null && given !== undefined && timingSafeEqual(digestOf(given), wanted)) {
      return await next();
    }
    const refusal = {
      status: 401,
      error: given === undefined
        ? `${c.req.path} is not open to ${source}`
        : "the token is not this cluster's",
      remedy: "Ask on the node's own host, use the metako command line, send security.read_token " +
        "as a bearer token, or open the pages with security.pages_open_to: everybody.",
    } as const;
    return refuse(gate, c, refusal, { "www-authenticate": 'Bearer realm="metako"' });
  };
}

/** Of equal length whatever the text's is, so that comparing tells nothing about it. */
function digestOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
