/**
 * What operators ask of one node: the actions, the bodies that they come with, and their paths.
 *
 * Each is `POST /operator/ACTION`, signed with the operator's key, and answered step by step
 * ({@link ./progress.ts}). A failover has a path of its own, since the core carries it out.
 *
 * @module
 */
import { zValidator } from "@hono/zod-validator";
import type { Hono } from "hono";
import { z } from "zod";
import type { Log } from "../core/log.ts";
import { callerOf, demandSignature, type Gate, takeBody } from "./gate.ts";
import { describeIssues } from "./messages.ts";
import { nodeName } from "./schemas.ts";
import type { OperatorStep } from "./progress.ts";
import { type ApiContext, type ApiEnv, type Asker, askerOf, fail } from "./reply.ts";
import { streamSteps } from "./stream.ts";

/** Words of a person, on one line: they are shown by `status` and written to logs. */
const words = (most: number) => z.string().max(most).regex(/^\P{Cc}*$/u, "must be one line");

/** The actions, and the body that each is asked with. */
export const OPERATIONS = {
  pause: {
    summary: "Maintenance begins: from now on the agent leaves its PostgreSQL alone",
    body: z.strictObject({
      /** The same on every node, so that one pause is told from the next. */
      id: z.uuid(),
      reason: words(200),
      /** Who asks, as `user@host`. */
      by: words(200).min(1),
    }),
  },
  resume: {
    summary: "Maintenance ends; by force although another node may run a primary unfenced",
    body: z.strictObject({ force: z.boolean().default(false) }),
  },
  restart: {
    summary: "PostgreSQL of this node is restarted; in place although it is the primary",
    body: z.strictObject({ in_place: z.boolean().default(false) }),
  },
  reinit: {
    summary: "This node's data directory is given up, and copied anew from the primary",
    body: z.strictObject({}),
  },
  reload: {
    summary: "The node reads its configuration file again",
    body: z.strictObject({}),
  },
  members: {
    summary: "A member is to be added or removed: written down in the history, and nothing else",
    body: z.strictObject({ change: z.enum(["add", "remove"]), node: nodeName }),
  },
} as const;

/** The name of an action. */
export type Action = keyof typeof OPERATIONS;

/** An action with its body. */
export type Operation = {
  readonly [A in Action]: { readonly action: A } & Named<z.output<typeof OPERATIONS[A]["body"]>>;
}[Action];

/** The named keys alone: an empty object's type has an index signature of zod's. */
type Named<T> = { readonly [K in keyof T as string extends K ? never : K]: T[K] };

/** The path of an action. */
export function operationPath(action: Action): `/operator/${Action}` {
  return `/operator/${action}`;
}

/** What carries operations out. */
export interface OperationPorts {
  /** Begins an operation; ends after the first step that is not "running". */
  readonly operate: (operation: Operation, asker: Asker) => AsyncIterable<OperatorStep>;
  /** A monotonic clock, in milliseconds. */
  readonly nowMs: () => number;
  readonly log: Log;
}

/** Adds the path of each action to the API; another method there is answered with 405. */
export function serveOperations(app: Hono<ApiEnv>, gate: Gate, ports: OperationPorts): void {
  for (const [name, { body }] of Object.entries(OPERATIONS)) {
    const action = name as Action;
    const path = operationPath(action);
    const validator = zValidator(
      "json",
      body,
      (result, c) =>
        result.success ? undefined : fail(c as ApiContext, 400, {
          error: `the message is malformed: ${describeIssues(result.error.issues)}`,
          remedy: "Run the same version of metako here and on the node.",
        }),
    );
    app.post(path, demandSignature(gate, "operator"), takeBody(gate), validator, (c) => {
      const operation = { action, ...c.req.valid("json") } as Operation;
      const asker = askerOf(c);
      ports.log("info", "operator_request", { outcome: "started", action, ...asker });
      return streamSteps(c, callerOf(c), ports.operate(operation, asker), ports);
    });
    app.all(path, (c) =>
      fail(c, 405, {
        error: `${c.req.method} is not possible here`,
        remedy: "Use POST.",
      }, { allow: "POST" }));
  }
}
