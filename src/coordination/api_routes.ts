/**
 * The routes of this room, for {@link ./openapi.ts}.
 *
 * @module
 */
import { z } from "zod";
import { failoverSchema } from "./app.ts";
import { cancelAnswerSchema, cancelSchema } from "./cancel_route.ts";
import { PATHS } from "./health_paths.ts";
import { historySchema } from "./history.ts";
import type { ApiBody, ApiRoute } from "./openapi.ts";
import { type Action, operationPath, OPERATIONS } from "./operations.ts";
import { lineSchema } from "./progress.ts";
import { answerSchema, requestSchema } from "./schemas.ts";
import {
  killAnswerSchema,
  killSchema,
  sessionsSchema,
  sessionsWishSchema,
} from "./session_routes.ts";
import { clusterStatusSchema, healthSchema, nodeStatusSchema } from "./status.ts";
import { DEFAULT_ENTRIES, MAXIMUM_ENTRIES } from "./watch_routes.ts";

/** What a health path says beside its HTTP status. */
export const healthVerdictSchema = healthSchema.omit({ status: true }).extend({
  ok: z.boolean(),
  /** The rule that decided, by its name. */
  rule: z.string(),
  because: z.string(),
});

const VERDICT: ApiBody = { name: "HealthVerdict", schema: healthVerdictSchema };
const HEALTH: ApiBody = { name: "Health", schema: healthSchema };

const STEPS: ApiBody = {
  type: "application/x-ndjson",
  description: "One line of JSON per step, signed; the last is the first whose outcome is not " +
    `"running". Keys: ${Object.keys(lineSchema.shape).join(", ")}.`,
};

/** Every route that {@link ./app.ts} has by itself. */
export const COORDINATION_ROUTES: readonly ApiRoute[] = [
  read("/status", "This node, and what it knows of the others", {
    name: "NodeStatus",
    schema: nodeStatusSchema,
  }),
  read("/cluster", "One line per member, as this node sees it", {
    name: "ClusterStatus",
    schema: clusterStatusSchema,
  }),
  {
    ...read("/history", "Changes of the primary as this node saw them, the newest last", {
      name: "History",
      schema: historySchema,
    }),
    query: {
      limit: {
        description: "How many of the newest entries",
        schema: z.int().min(1).max(MAXIMUM_ENTRIES).default(DEFAULT_ENTRIES),
      },
    },
  },
  read("/metrics", "For Prometheus", {
    type: "text/plain",
    description: "Prometheus' text format; docs/operations/metrics.md has the list",
  }),
  ...healthRoutes("/health", HEALTH, {
    200: "PostgreSQL runs, or this is a witness.",
    503: "PostgreSQL does not run.",
  }),
  ...Object.entries(PATHS).flatMap(([path, asked]) =>
    healthRoutes(path, VERDICT, { 200: `It is so: ${asked}.`, 503: "It is not." }, {
      lag: {
        description: "The lag at which a standby does not count any more: bytes, or kB, MB, GB, TB",
        schema: z.string().meta({ examples: ["16MB"] }),
      },
    })
  ),
  {
    method: "post",
    path: "/peer",
    summary: "One message of the consensus, answered by one",
    audience: "members",
    request: { name: "PeerRequest", schema: requestSchema },
    answers: {
      200: { when: "The member's answer.", body: { name: "PeerAnswer", schema: answerSchema } },
    },
  },
  {
    method: "post",
    path: "/peer/cancel",
    summary: "A cancel request that came to another member's router",
    audience: "members",
    request: { name: "CancelRequest", schema: cancelSchema },
    answers: {
      200: {
        when: "Whether a session has that key, and its server took the request.",
        body: { name: "CancelAnswer", schema: cancelAnswerSchema },
      },
    },
  },
  {
    method: "post",
    path: "/operator/failover",
    summary: "Makes another node the primary, step by step",
    audience: "operators",
    query: {
      by: { description: "Who asks, for the history: alice@ops1.", schema: z.string() },
    },
    request: { name: "Failover", schema: failoverSchema },
    answers: { 200: { when: "It is begun, or refused in the last line.", body: STEPS } },
  },
  ...Object.entries(OPERATIONS).map(([action, { summary, body }]): ApiRoute => ({
    method: "post",
    path: operationPath(action as Action),
    summary,
    audience: "operators",
    request: { name: `${action[0]!.toUpperCase()}${action.slice(1)}`, schema: body },
    answers: { 200: { when: "It is begun, or refused in the last line.", body: STEPS } },
  })),
  {
    method: "post",
    path: "/operator/sessions",
    summary: "The sessions of this node's router, the oldest first",
    audience: "operators",
    request: { name: "SessionsWish", schema: sessionsWishSchema },
    answers: {
      200: { when: "As it is now.", body: { name: "Sessions", schema: sessionsSchema } },
    },
  },
  {
    method: "post",
    path: "/operator/sessions/kill",
    summary: "Ends a session of this node's router with 57P01",
    audience: "operators",
    request: { name: "SessionKill", schema: killSchema },
    answers: {
      200: {
        when: "Whether there was such a session.",
        body: { name: "SessionKillAnswer", schema: killAnswerSchema },
      },
    },
  },
];

function read(path: string, summary: string, body: ApiBody): ApiRoute {
  return {
    method: "get",
    path,
    summary,
    audience: "readers",
    answers: { 200: { when: "As it is now.", body } },
  };
}

/** GET with a body, OPTIONS with the status alone. */
function healthRoutes(
  path: string,
  body: ApiBody,
  when: Readonly<Record<200 | 503, string>>,
  query?: NonNullable<ApiRoute["query"]>,
): readonly ApiRoute[] {
  return (["get", "options"] as const).map((method) => {
    const told = method === "get" ? body : null;
    return {
      method,
      path,
      summary: "For load balancers and Kubernetes: the HTTP status is the answer",
      audience: "anybody",
      ...(query === undefined ? {} : { query }),
      answers: { 200: { when: when[200], body: told }, 503: { when: when[503], body: told } },
    };
  });
}
