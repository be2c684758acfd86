/**
 * The HTTP API of an agent. Handlers parse, check, enqueue, and answer from the latest snapshot;
 * they decide nothing.
 *
 * | path | method | who | what |
 * | --- | --- | --- | --- |
 * | `/peer` | POST | members | one message of the consensus, answered by one |
 * | `/peer/cancel` | POST | members | {@link ./cancel_route.ts} |
 * | `/status` `/cluster` | GET | {@link ./readers.ts} | JSON of {@link ./status.ts} |
 * | `/history` `/metrics` | GET | the same | {@link ./watch_routes.ts} |
 * | `/dashboard` … | GET | its files: anybody; its events: the same | {@link ../dashboard/serve.ts} |
 * | `/health` `/primary` `/replica` … | GET, OPTIONS | anybody | {@link ./health_paths.ts} |
 * | `/operator/sessions` … | POST | operators | {@link ./session_routes.ts} |
 * | `/operator/failover` | POST | operators | `{"to": node, "force": …}`; NDJSON of {@link ./progress.ts} |
 * | `/operator/pause` … | POST | operators | {@link ./operations.ts}; answered the same way |
 *
 * Every error is JSON `{error, remedy}`. What answers a verified request is signed, errors too.
 *
 * @module
 */
import { zValidator } from "@hono/zod-validator";
import { Hono, type MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { z } from "zod";
import type { Force } from "../core/force.ts";
import type { Answer, Request as PeerRequest } from "../core/message.ts";
import type { NodeName } from "../core/record.ts";
import { type CancelPorts, serveCancels } from "./cancel_route.ts";
import { boundRequests, callerOf, demandSignature, type Gate, identify, takeBody } from "./gate.ts";
import { PATHS } from "./health_paths.ts";
import { HEALTH_METHODS, type HealthPorts, serveHealthPaths } from "./health_routes.ts";
import { onInvalid } from "./invalid.ts";
import type { ClusterKeys } from "./keys.ts";
import { createFailureCounter, DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { encodeAnswer } from "./messages.ts";
import { type OperationPorts, serveOperations } from "./operations.ts";
import type { OperatorStep } from "./progress.ts";
import { admitReaders, type ReadAccess } from "./readers.ts";
import { type ApiContext, type ApiEnv, type Asker, askerOf, fail, reply } from "./reply.ts";
import { nodeName, requestSchema } from "./schemas.ts";
import { serveSessions, type SessionPorts } from "./session_routes.ts";
import { createSessions } from "./sessions.ts";
import type { ClusterStatus, NodeStatus } from "./status.ts";
import { streamSteps } from "./stream.ts";
import { serveWatchPaths, WATCH_PATHS, type WatchPorts } from "./watch_routes.ts";

/** A wish of an operator, and where it came from, for the history. */
export interface FailoverWish extends Asker {
  readonly to: NodeName;
  readonly force: Force;
}

/** What the API needs from the agent, and how it is set up. */
export interface CoordinationPorts
  extends HealthPorts, WatchPorts, OperationPorts, CancelPorts, SessionPorts {
  readonly self: NodeName;
  readonly keys: ClusterKeys;
  /** True for every member of the cluster. */
  readonly isMember: (name: string) => boolean;
  /** Hands a member's message to the core; resolves with the core's answer, perhaps later. */
  readonly request: (from: NodeName, message: PeerRequest) => Promise<Answer>;
  /** The longest that a member waits for an answer. */
  readonly answerTimeoutMs: number;
  readonly status: () => NodeStatus;
  readonly cluster: () => ClusterStatus;
  /** Hands an operator's wish to the core; ends after the first step that is not "running". */
  readonly failover: (wish: FailoverWish) => AsyncIterable<OperatorStep>;
  /** Who may read what is not a health path. */
  readonly readers: ReadAccess;
  readonly limits?: Partial<Limits>;
  /** Adds the paths of other rooms; what they tell is for those only whom `read` lets through. */
  readonly extend?: (app: CoordinationApp, read: MiddlewareHandler<ApiEnv>) => void;
}

/** Anything with a fetch function, as `Deno.serve` and tests call it. */
export type CoordinationApp = Hono<ApiEnv>;

const SIGNED_PATHS = [
  "/peer",
  "/peer/cancel",
  "/operator/failover",
  "/operator/sessions",
  "/operator/sessions/kill",
];

/** What an operator asks for. */
export const failoverSchema = z.strictObject({
  to: nodeName,
  force: z.enum(["none", "ask", "accepted"]).default("none"),
});

/**
 * Builds the API. It holds the sessions of its senders, so one app serves one listener for the
 * life of the process.
 */
export function createCoordinationApp(ports: CoordinationPorts): CoordinationApp {
  const limits = { ...DEFAULT_LIMITS, ...ports.limits };
  const gate: Gate = {
    receiver: { ...ports, sessions: createSessions() },
    limits,
    countFailure: createFailureCounter(limits, ports.nowMs),
    log: ports.log,
  };
  const app: CoordinationApp = new Hono<ApiEnv>();
  app.use(boundRequests(limits, ports.nowMs));

  const read = admitReaders(gate, ports.readers);
  serveHealthPaths(app, identify(gate.receiver), ports);
  serveWatchPaths(app, read, ports);
  ports.extend?.(app, read);
  app.get("/status", read, (c) => reply(c, 200, JSON.stringify(ports.status())));
  app.get("/cluster", read, (c) => reply(c, 200, JSON.stringify(ports.cluster())));

  app.post(
    "/peer",
    demandSignature(gate, "peer"),
    takeBody(gate),
    zValidator("json", requestSchema, onInvalid),
    async (c) => {
      const from = callerOf(c).envelope.sender;
      const answer = await within(ports.answerTimeoutMs, ports.request(from, c.req.valid("json")));
      if (answer !== null) return reply(c, 200, encodeAnswer(answer));
      return fail(c, 503, {
        error: `${ports.self} had no answer within ${ports.answerTimeoutMs}ms`,
        remedy: "It is tried again; if this goes on, look at that node's log.",
      });
    },
  );
  serveCancels(app, gate, ports);
  serveSessions(app, gate, ports);
  app.post(
    "/operator/failover",
    demandSignature(gate, "operator"),
    takeBody(gate),
    zValidator("json", failoverSchema, onInvalid),
    (c) => {
      const { to, force } = c.req.valid("json");
      const wish = { to, force, ...askerOf(c) };
      ports.log("info", "operator_request", { outcome: "started", action: "failover", ...wish });
      return streamSteps(c, callerOf(c), ports.failover(wish), ports);
    },
  );
  serveOperations(app, gate, ports);

  for (const path of ["/status", "/cluster", ...WATCH_PATHS]) app.all(path, allow("GET, HEAD"));
  for (const path of ["/health", ...Object.keys(PATHS)]) app.all(path, allow(HEALTH_METHODS));
  for (const path of SIGNED_PATHS) app.all(path, allow("POST"));
  app.notFound((c) =>
    fail(c, 404, {
      error: "there is nothing at this path",
      remedy:
        "Paths are /dashboard, /status, /cluster, /health, /primary, /replica and the other health " +
        "paths; " +
        "the rest is for members and operators.",
    })
  );
  app.onError((error, c) => {
    if (error instanceof HTTPException && error.status === 400) {
      return fail(c, 400, { error: "the body is not JSON", remedy: "Send one JSON object." });
    }
    const because = error.message.slice(0, 300);
    ports.log("error", "request_failed", { outcome: "failed", path: c.req.path, because });
    return fail(c, 500, {
      error: "the agent failed to handle this request",
      remedy: `Look for "request_failed" in the log of ${ports.self}.`,
    });
  });
  return app;
}

function allow(methods: string): (c: ApiContext) => Response {
  return (c) =>
    fail(c, 405, {
      error: `${c.req.method} is not possible here`,
      remedy: `Use ${methods}.`,
    }, { allow: methods });
}

/** The promise's value, or null when time is up first. */
async function within<Value>(timeoutMs: number, promise: Promise<Value>): Promise<Value | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timeoutMs);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}
