import assert from "node:assert/strict";
import { API_ROUTES, openApiText, serveOpenApi } from "../../src/agent/openapi.ts";
import { healthVerdictSchema } from "../../src/coordination/api_routes.ts";
import { healthSchema } from "../../src/coordination/status.ts";
import { ASSETS, PAGE_PATH } from "../../src/dashboard/assets.ts";
import { serveDashboard } from "../../src/dashboard/serve.ts";
import { createTestApp } from "../coordination/support.ts";

const DOCUMENT = JSON.parse(openApiText("1.2.3"));

function wholeApp() {
  return createTestApp({
    extend(app, read) {
      serveDashboard(app, read, {
        feed: { join: () => null },
        names: { node: "node1", cluster: "test" },
      });
      serveOpenApi(app, "1.2.3");
    },
  }).app;
}

/** A route as the description names it: the page's files share one row. */
function described(method: string, path: string): string {
  const isFile = path !== PAGE_PATH && path in ASSETS;
  return `${method.toLowerCase()} ${isFile ? `${PAGE_PATH}/{file}` : path}`;
}

Deno.test("API_ROUTES are the routes that the app has; src/coordination/api_routes.ts has most", () => {
  const served = wholeApp().routes.filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => described(method, path));
  const listed = API_ROUTES.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(listed.toSorted(), [...new Set(served)].sort());
});

Deno.test("describeApi() has an operation for each route, and every reference leads somewhere", () => {
  assert.equal(DOCUMENT.openapi, "3.1.0");
  assert.equal(DOCUMENT.info.version, "1.2.3");
  for (const { method, path, audience } of API_ROUTES) {
    const { security, responses } = DOCUMENT.paths[path][method];
    assert.equal("401" in responses, audience !== "anybody", `${method} ${path}`);
    const schemes = security.flatMap((one: object) => Object.keys(one));
    for (const scheme of schemes) assert.ok(scheme in DOCUMENT.components.securitySchemes);
    assert.equal(schemes.length === 0, audience === "anybody", `${method} ${path}`);
  }
  const references = JSON.stringify(DOCUMENT).match(/"\$ref":"[^"]*"/g) ?? [];
  assert.ok(references.length > 10);
  for (const reference of references) {
    const [, kind = "", name = ""] = /#\/components\/([a-z]+)\/(\w+)"/.exec(reference) ?? [];
    assert.ok(DOCUMENT.components[kind]?.[name] !== undefined, reference);
  }
});

Deno.test("GET /openapi.json answers with the document", async () => {
  const response = await wholeApp().request("/openapi.json");
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), DOCUMENT);
});

Deno.test("health paths answer as they are described", async () => {
  const verdict = await (await wholeApp().request("/primary?lag=16MB")).json();
  assert.deepEqual(healthVerdictSchema.parse(verdict), verdict);
  const health = await (await wholeApp().request("/health")).json();
  assert.deepEqual(healthSchema.parse(health), health);
});
