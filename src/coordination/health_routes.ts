/**
 * Serves the paths of {@link ./health_paths.ts}: GET with a short document, HEAD and OPTIONS with the
 * status alone, as load balancers use them.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { CoordinationApp } from "./app.ts";
import { judgeHealth, parseLag, PATHS } from "./health_paths.ts";
import type { HealthFacts, HealthPath } from "./health_paths.ts";
import { type ApiContext, type ApiEnv, COMMON, fail, reply } from "./reply.ts";
import type { Health } from "./status.ts";

/** What the handlers need to know. */
export interface HealthPorts {
  readonly health: () => Health;
  /** The facts of this moment; a lag beyond `maximumLagBytes` counts, null: no lag does. */
  readonly healthFacts: (maximumLagBytes: number | null) => HealthFacts;
}

/** The methods that every path here answers. */
export const HEALTH_METHODS = "GET, HEAD, OPTIONS";

/** Adds the paths; `read` decides who may ask. */
export function serveHealthPaths(
  app: CoordinationApp,
  read: MiddlewareHandler<ApiEnv>,
  ports: HealthPorts,
): void {
  app.on(["GET", "OPTIONS"], "/health", read, (c) => {
    const health = ports.health();
    return answer(c, health.status === "failing" ? 503 : 200, JSON.stringify(health));
  });
  for (const [path, asked] of Object.entries(PATHS)) {
    app.on(["GET", "OPTIONS"], path, read, (c) => answerPath(c, asked, ports));
  }
}

function answerPath(c: ApiContext, asked: HealthPath, ports: HealthPorts): Response {
  const text = c.req.query("lag");
  const maximumLagBytes = text === undefined ? null : parseLag(text);
  if (text !== undefined && maximumLagBytes === null) {
    return fail(c, 400, {
      error: "lag must be a number of bytes, or one with B, kB, MB, GB or TB",
      remedy: "Write lag=16MB, for instance.",
    });
  }
  const { node, role, state, writable } = ports.health();
  const { rule, status, because } = judgeHealth(asked, ports.healthFacts(maximumLagBytes));
  const body = { ok: status === 200, node, role, state, writable, rule, because };
  return answer(c, status, JSON.stringify(body));
}

function answer(c: ApiContext, status: number, body: string): Response {
  if (c.req.method !== "OPTIONS") return reply(c, status, body);
  return new Response(null, { status, headers: { ...COMMON, allow: HEALTH_METHODS } });
}
