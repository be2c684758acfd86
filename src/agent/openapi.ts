/**
 * The description of the whole API, of all rooms that add paths to it.
 *
 * @module
 */
import { COORDINATION_ROUTES } from "../coordination/api_routes.ts";
import type { CoordinationApp } from "../coordination/app.ts";
import { type ApiRoute, describeApi } from "../coordination/openapi.ts";
import { reply } from "../coordination/reply.ts";
import { DASHBOARD_ROUTES } from "../dashboard/api_routes.ts";

/** Where an agent serves it. */
export const OPENAPI_PATH = "/openapi.json";

/** Every route of an agent's API. */
export const API_ROUTES: readonly ApiRoute[] = [
  ...COORDINATION_ROUTES,
  ...DASHBOARD_ROUTES,
  {
    method: "get",
    path: OPENAPI_PATH,
    summary: "This document",
    audience: "anybody",
    answers: {
      200: {
        when: "OpenAPI 3.1.",
        body: { type: "application/json", description: "An OpenAPI document" },
      },
    },
  },
];

/** The document as text. @param version metako's */
export function openApiText(version: string): string {
  return `${JSON.stringify(describeApi(API_ROUTES, version), null, 2)}\n`;
}

/** Serves the document to anybody: it tells nothing about the cluster. */
export function serveOpenApi(app: CoordinationApp, version: string): void {
  const text = openApiText(version);
  app.get(OPENAPI_PATH, (c) => reply(c, 200, text));
}
