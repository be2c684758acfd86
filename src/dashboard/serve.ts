/**
 * Serves the dashboard: the page's files to anybody, since they tell nothing, and the stream of
 * events to whoever may read.
 *
 * The page may load scripts and styles from here and talk to this node; nothing else: no inline
 * script, no other origin, no frame around it, and no way to turn a text into markup
 * (`require-trusted-types-for`), so that a name from a server cannot become code.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { CoordinationApp } from "../coordination/app.ts";
import { type ApiEnv, COMMON, fail, reply } from "../coordination/reply.ts";
import { ASSETS, PAGE_PATH } from "./assets.ts";
import { type Feed, MAXIMUM_VIEWERS } from "./feed.ts";
import { streamEvents } from "./stream.ts";

/** The stream of {@link ./feed.ts}, as server-sent events. */
export const EVENTS_PATH = `${PAGE_PATH}/events`;

/** What a browser has to know before it can sign. */
export const NAMES_PATH = `${PAGE_PATH}/names`;

/** Every path that is served here. */
export const DASHBOARD_PATHS: readonly string[] = [
  ...Object.keys(ASSETS),
  NAMES_PATH,
  EVENTS_PATH,
];

/** Headers of the page and of everything that it loads. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  ...COMMON,
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
};

/**
 * Adds the paths; `read` decides who may follow the events. The names of node and cluster are told to
 * anybody, since a signature needs them.
 */
export function serveDashboard(
  app: CoordinationApp,
  read: MiddlewareHandler<ApiEnv>,
  { feed, names }: {
    readonly feed: Pick<Feed, "join">;
    readonly names: { readonly node: string; readonly cluster: string };
  },
): void {
  for (const [path, { text, type }] of Object.entries(ASSETS)) {
    app.get(path, () => new Response(text, { headers: { ...PAGE_HEADERS, "content-type": type } }));
  }
  app.get(`${PAGE_PATH}/`, (c) => c.redirect(`..${PAGE_PATH}`, 308));
  app.get(NAMES_PATH, (c) => reply(c, 200, JSON.stringify(names)));
  app.get(EVENTS_PATH, read, (c) => {
    // HEAD comes here as well, and follows nothing.
    if (c.req.method === "HEAD") return new Response(null, { headers: EVENT_HEADERS });
    const body = streamEvents(feed);
    if (body !== null) return new Response(body, { headers: EVENT_HEADERS });
    return fail(c, 503, {
      error: `${MAXIMUM_VIEWERS} browsers follow this node already`,
      remedy: "Close one of them, or look at another node's page.",
    });
  });
  for (const path of DASHBOARD_PATHS) {
    app.all(
      path,
      (c) =>
        fail(c, 405, { error: `${c.req.method} is not possible here`, remedy: "Use GET." }, {
          allow: "GET, HEAD",
        }),
    );
  }
}

/** Compressed, events would wait for each other. */
const EVENT_HEADERS = {
  ...PAGE_HEADERS,
  "cache-control": `${COMMON["cache-control"]}, no-transform`,
  "content-type": "text/event-stream",
};
