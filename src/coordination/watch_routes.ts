/**
 * Serves what is collected: `/metrics` for Prometheus, and `/history`.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { CoordinationApp } from "./app.ts";
import type { History } from "./history.ts";
import { type ApiEnv, COMMON, fail, reply } from "./reply.ts";

/** Where it comes from. */
export interface WatchPorts {
  /** The newest entries, at most `limit`. */
  readonly history: (limit: number) => History;
  /** The metrics in Prometheus' text format, and its media type. */
  readonly metrics: () => Promise<{ readonly text: string; readonly type: string }>;
}

/** The paths that are served here. */
export const WATCH_PATHS = ["/metrics", "/history"] as const;

/** Entries of a history where the query does not say how many. */
export const DEFAULT_ENTRIES = 100;
/** The most entries that are told. */
export const MAXIMUM_ENTRIES = 1000;

/** Adds the paths; `read` decides who may ask. */
export function serveWatchPaths(
  app: CoordinationApp,
  read: MiddlewareHandler<ApiEnv>,
  ports: WatchPorts,
): void {
  app.get("/metrics", read, async () => {
    const { text, type } = await ports.metrics();
    return new Response(text, { headers: { ...COMMON, "content-type": type } });
  });
  app.get("/history", read, (c) => {
    const limit = Number(c.req.query("limit") ?? DEFAULT_ENTRIES);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAXIMUM_ENTRIES) {
      return fail(c, 400, {
        error: `limit must be a whole number from 1 to ${MAXIMUM_ENTRIES}`,
        remedy: "Write limit=100, for instance.",
      });
    }
    return reply(c, 200, JSON.stringify(ports.history(limit)));
  });
}
