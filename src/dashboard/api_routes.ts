/**
 * The dashboard's routes, for the description of the API.
 *
 * @module
 */
import { z } from "zod";
import type { ApiRoute } from "../coordination/openapi.ts";
import { PAGE_PATH } from "./assets.ts";
import { EVENTS_PATH, NAMES_PATH } from "./serve.ts";

const namesSchema = z.object({ node: z.string(), cluster: z.string() });

/** Every route that {@link ./serve.ts} adds; the page's own files are one row. */
export const DASHBOARD_ROUTES: readonly ApiRoute[] = [
  {
    method: "get",
    path: PAGE_PATH,
    summary: "The dashboard",
    audience: "anybody",
    answers: {
      200: { when: "The page.", body: { type: "text/html", description: "For a browser" } },
    },
  },
  {
    method: "get",
    path: `${PAGE_PATH}/`,
    summary: "Leads to the dashboard",
    audience: "anybody",
    answers: { 308: { when: `It is at ${PAGE_PATH}.`, body: null } },
  },
  {
    method: "get",
    path: `${PAGE_PATH}/{file}`,
    summary: "The dashboard's scripts and styles",
    audience: "anybody",
    answers: {
      200: { when: "The file.", body: { type: "text/*", description: "For a browser" } },
    },
  },
  {
    method: "get",
    path: NAMES_PATH,
    summary: "The names of this node and its cluster, which a signature covers",
    audience: "anybody",
    answers: {
      200: { when: "They do not change.", body: { name: "Names", schema: namesSchema } },
    },
  },
  {
    method: "get",
    path: EVENTS_PATH,
    summary: "What the dashboard shows, live",
    audience: "readers",
    answers: {
      200: {
        when: "Server-sent events until the client leaves.",
        body: {
          type: "text/event-stream",
          description:
            "Each with JSON as its data: hello, once; samples, then sample, every 10 s; " +
            "history, after each change; cluster, every second, as metako status --json prints it",
        },
      },
    },
  },
];
