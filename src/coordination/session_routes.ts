/**
 * The sessions of one node's router, for operators: who is in, and ending one of them.
 *
 * Names and addresses of clients are nobody else's business, so reading is signed too.
 *
 * @module
 */
import { zValidator } from "@hono/zod-validator";
import { z } from "zod";
import type { Log } from "../core/log.ts";
import type { CoordinationApp } from "./app.ts";
import { demandSignature, type Gate, takeBody } from "./gate.ts";
import { onInvalid } from "./invalid.ts";
import { reply, sourceOf } from "./reply.ts";
import { nodeName } from "./schemas.ts";

/** One session, as an operator reads it. */
export const sessionSchema = z.object({
  /** Counts from 1 since the router's start; `metako router kill` takes it as `node/id`. */
  id: z.int().positive(),
  user: z.string(),
  database: z.string(),
  /** What the client calls itself; may be empty. */
  application: z.string(),
  address: z.string(),
  port: z.enum(["primary", "primary_only", "read_only"]),
  encrypted: z.boolean(),
  age_ms: z.number().min(0),
  /** The member whose server it has, or is trying to get; null while it has none. */
  server: nodeName.nullable(),
  /** Why it waits for a server at this moment, or for one that knows its role; null while it does not. */
  waits_because: z.string().nullable(),
});

/** One session. */
export type SessionDocument = z.output<typeof sessionSchema>;

/** The oldest sessions of a node's router. */
export const sessionsSchema = z.object({
  node: nodeName,
  /** How many there are; the list may be shorter. */
  total: z.int().min(0),
  sessions: z.array(sessionSchema).readonly(),
});

/** What a node answers about its sessions. */
export type SessionsDocument = z.output<typeof sessionsSchema>;

/** How many may be asked for at once: their text stays below what a client reads. */
export const MAXIMUM_SESSIONS = 2000;

/** Which sessions are wanted. */
export const sessionsWishSchema = z.strictObject({
  limit: z.int().min(1).max(MAXIMUM_SESSIONS).default(MAXIMUM_SESSIONS),
});

/** Which session is to end. */
export const killSchema = z.strictObject({ id: z.int().positive() });

/** Whether there was such a session. */
export const killAnswerSchema = z.strictObject({ ended: z.boolean() });

/** What the paths need from the agent. */
export interface SessionPorts {
  /** The oldest sessions, at most `limit`. */
  readonly sessions: (limit: number) => SessionsDocument;
  /** Ends one. @returns false where there is none of that number */
  readonly killSession: (id: number) => boolean;
  readonly log: Log;
}

/** Serves `POST /operator/sessions` and `POST /operator/sessions/kill`. */
export function serveSessions(app: CoordinationApp, gate: Gate, ports: SessionPorts): void {
  app.post(
    "/operator/sessions",
    demandSignature(gate, "operator"),
    takeBody(gate),
    zValidator("json", sessionsWishSchema, onInvalid),
    (c) => reply(c, 200, JSON.stringify(ports.sessions(c.req.valid("json").limit))),
  );
  app.post(
    "/operator/sessions/kill",
    demandSignature(gate, "operator"),
    takeBody(gate),
    zValidator("json", killSchema, onInvalid),
    (c) => {
      const { id } = c.req.valid("json");
      const ended = ports.killSession(id);
      const outcome = ended ? "done" : "failed";
      ports.log("info", "operator_request", { outcome, action: "kill", id, source: sourceOf(c) });
      return reply(c, 200, JSON.stringify({ ended }));
    },
  );
}
