/**
 * Cancel requests that arrived at one member's router with a key of another's.
 *
 * Bearing the key is what entitles to cancel, as in PostgreSQL; the signature keeps everybody but
 * members from using this path as a shortcut around the routers' own limits.
 *
 * @module
 */
import { zValidator } from "@hono/zod-validator";
import { z } from "zod";
import type { CoordinationApp } from "./app.ts";
import { demandSignature, type Gate, takeBody } from "./gate.ts";
import { onInvalid } from "./invalid.ts";
import { reply } from "./reply.ts";

/** A cancel key as JSON. */
export const cancelSchema = z.strictObject({
  processId: z.int32(),
  /** Hexadecimal digits; 4 to 256 bytes. */
  secretKey: z.string().regex(/^(?:[0-9a-f]{2}){4,256}$/, "is not 4 to 256 bytes in hexadecimal"),
});

/** Whether a session with the key was found, and its server took the request. */
export const cancelAnswerSchema = z.strictObject({ delivered: z.boolean() });

/** A cancel key, whose secret is hexadecimal digits. */
export type CancelWish = z.output<typeof cancelSchema>;

/** What the path needs from the agent. */
export interface CancelPorts {
  /** Hands a request to this node's router; bounded in time. @returns whether it was delivered */
  readonly cancel: (wish: CancelWish) => Promise<boolean>;
}

/** Serves `POST /peer/cancel`. */
export function serveCancels(app: CoordinationApp, gate: Gate, ports: CancelPorts): void {
  app.post(
    "/peer/cancel",
    demandSignature(gate, "peer"),
    takeBody(gate),
    zValidator("json", cancelSchema, onInvalid),
    async (c) => {
      const delivered = await ports.cancel(c.req.valid("json"));
      return reply(c, 200, JSON.stringify({ delivered }));
    },
  );
}
