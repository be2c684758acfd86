import assert from "node:assert/strict";
import { monotonicMs } from "../../src/agent/clock.ts";
import { trackRoutes } from "../../src/agent/routes.ts";
import type { RouteView } from "../../src/router/options.ts";

const LED: RouteView = {
  term: 1,
  primary: { node: "a", host: "127.0.0.1", port: 5432 },
  because: "a is the primary",
  yielding: null,
  standbys: [],
};
const LAPSED: RouteView = { ...LED, primary: null, because: "the lease ran out" };

function tracked() {
  let view = LED;
  let calls = 0;
  const routes = trackRoutes(() => view);
  routes.onChange(() => calls++);
  return { routes, show: (next: RouteView) => void (view = next), calls: () => calls };
}

Deno.test("trackRoutes() calls back at changes, and only then", () => {
  const { routes, show, calls } = tracked();
  routes.refresh(null);
  assert.equal(calls(), 0);
  show(LAPSED);
  routes.refresh(null);
  routes.refresh(null);
  assert.equal(calls(), 1);
});

Deno.test("trackRoutes() calls back once more where somebody saw a lease end that was renewed", () => {
  const { routes, show, calls } = tracked();
  show(LAPSED);
  assert.equal(routes.current().primary, null);
  show(LED);
  routes.refresh(null);
  assert.equal(calls(), 1);
  routes.refresh(null);
  assert.equal(calls(), 1);
});

Deno.test("trackRoutes() calls back when the route expires", async () => {
  const { routes, show, calls } = tracked();
  routes.refresh(monotonicMs() + 20);
  show(LAPSED);
  while (calls() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  routes.stop();
  assert.equal(routes.current().because, "the lease ran out");
});
