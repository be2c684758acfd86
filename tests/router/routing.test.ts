import assert from "node:assert/strict";
import { pickStandby } from "../../src/router/balance.ts";
import type { RouteTarget, StandbyTarget } from "../../src/router/options.ts";
import { type Choice, chooseRoute, type Route, routeProblem } from "../../src/router/route.ts";
import { createWaitingRoom } from "../../src/router/waiting.ts";

const at = (node: string): RouteTarget => ({ node, host: "127.0.0.1", port: 5432 });
const standby = (node: string, change: Partial<StandbyTarget> = {}): StandbyTarget => ({
  ...at(node),
  local: false,
  healthy: true,
  lagBytes: 0,
  ...change,
});
const BALANCE = {
  algorithm: "round_robin",
  localNodePreference: 0,
  connections: {},
  turn: 0,
  random: 0,
} as const;

Deno.test("pickStandby() goes round the healthy ones in turn", () => {
  const standbys = [standby("a"), standby("b", { healthy: false }), standby("c")];
  const picked = [0, 1, 2, 3].map((turn) => pickStandby(standbys, { ...BALANCE, turn })?.node);
  assert.deepEqual(picked, ["a", "c", "a", "c"]);
});

Deno.test("pickStandby() takes the least loaded, and of equals the one in turn", () => {
  const standbys = [standby("a"), standby("b"), standby("c")];
  const input = { ...BALANCE, algorithm: "least_connected" } as const;
  assert.equal(pickStandby(standbys, { ...input, connections: { a: 2, b: 1, c: 3 } })?.node, "b");
  assert.equal(pickStandby(standbys, { ...input, turn: 2 })?.node, "c");
});

Deno.test("pickStandby() takes the local one as often as it is preferred, if healthy", () => {
  const standbys = [standby("a"), standby("b", { local: true })];
  const share = (localNodePreference: number) =>
    Array.from({ length: 100 }, (_, i) => i / 100).filter((random) =>
      pickStandby(standbys, { ...BALANCE, localNodePreference, random })?.node === "b"
    ).length;
  assert.equal(share(0), 0);
  assert.equal(share(0.8), 80);
  assert.equal(share(1), 100);
  const sick = [standby("a"), standby("b", { local: true, healthy: false })];
  assert.equal(pickStandby(sick, { ...BALANCE, localNodePreference: 1 })?.node, "a");
});

Deno.test("pickStandby() gives null where none is healthy", () => {
  assert.equal(pickStandby([standby("a", { healthy: false })], BALANCE), null);
});

function choose(change: Partial<Parameters<typeof chooseRoute>[0]>): Choice {
  return chooseRoute({
    view: { term: 3, primary: at("a"), because: "", yielding: null, standbys: [standby("b")] },
    purpose: "primary",
    held: null,
    excluded: new Set(),
    balance: BALANCE,
    ...change,
  });
}

Deno.test("chooseRoute() leads writes to the primary and reads to a standby", () => {
  const primary: Choice = { type: "route", route: { to: "primary", target: at("a"), term: 3 } };
  assert.deepEqual(choose({}), primary);
  assert.deepEqual(choose({ purpose: "read_only" }), {
    type: "route",
    route: { to: "standby", target: standby("b") },
  });
  assert.deepEqual(choose({ purpose: "read_only", excluded: new Set(["b"]) }), primary);
});

Deno.test("chooseRoute() says why there is nowhere to go", () => {
  const view = {
    term: 3,
    primary: null,
    because: "the lease ran out",
    yielding: null,
    standbys: [],
  };
  assert.deepEqual(choose({ view }), { type: "none", because: "the lease ran out" });
  assert.deepEqual(choose({ held: "switchover to b" }), {
    type: "none",
    because: "switchover to b",
  });
  assert.equal(choose({ held: "switchover to b", purpose: "read_only" }).type, "route");
});

Deno.test("routeProblem() holds a session to its server, term and role", () => {
  const view = {
    term: 3,
    primary: at("a"),
    because: "none",
    yielding: null,
    standbys: [standby("b")],
  };
  const onPrimary: Route = { to: "primary", target: at("a"), term: 3 };
  const onStandby: Route = { to: "standby", target: at("b") };
  assert.equal(routeProblem(onPrimary, view), null);
  assert.equal(routeProblem(onStandby, view), null);
  assert.equal(routeProblem(onPrimary, { ...view, primary: null, because: "lapsed" }), "lapsed");
  assert.match(routeProblem(onPrimary, { ...view, term: 4 })!, /term 4 began/);
  assert.match(routeProblem(onPrimary, { ...view, primary: at("b") })!, /the primary is b/);
  const moved = { ...view, primary: { ...at("a"), port: 5433 } };
  assert.notEqual(routeProblem(onPrimary, moved), null);
  assert.equal(routeProblem(onStandby, { ...view, primary: null, term: 9 }), null);
  const sick = [standby("b", { healthy: false })];
  assert.equal(routeProblem(onStandby, { ...view, standbys: sick }), null);
  assert.match(routeProblem(onStandby, { ...view, primary: at("b"), standbys: [] })!, /promoted/);
  assert.match(routeProblem(onStandby, { ...view, standbys: [] })!, /no longer a standby/);
});

Deno.test("createWaitingRoom() wakes in order of arrival, also after an earlier wake-up", async () => {
  const room = createWaitingRoom(3, () => 0);
  const { signal } = new AbortController();
  const places = [room.enter()!, room.enter()!, room.enter()!];
  assert.equal(room.enter(), null);
  const order: number[] = [];
  const wait = (n: number) => places[n]!.next(10_000, signal).then(() => order.push(n));
  const waits = [wait(2), wait(0), wait(1)];
  room.wake();
  await Promise.all(waits);
  assert.deepEqual(order, [0, 1, 2]);
  const again = [wait(1), wait(0)];
  room.wake();
  await Promise.all(again);
  assert.deepEqual(order.slice(3), [0, 1]);
  for (const place of places) place.leave();
  assert.equal(room.size(), 0);
});

Deno.test("createWaitingRoom() lets go after the time limit and at an abort", async () => {
  const room = createWaitingRoom(1, () => 0);
  const place = room.enter()!;
  await place.next(1, new AbortController().signal);
  const controller = new AbortController();
  const waiting = place.next(10_000, controller.signal);
  controller.abort();
  await waiting;
  await place.next(10_000, controller.signal);
});

Deno.test("totals() counts each place once, from entering to leaving", () => {
  let clockMs = 0;
  const room = createWaitingRoom(2, () => clockMs);
  const [first, second] = [room.enter(), room.enter()];
  clockMs = 100;
  first!.leave();
  assert.deepEqual(room.totals(), { waits: 1, waitedMs: 100 });
  clockMs = 250;
  first!.leave();
  second!.leave();
  assert.deepEqual(room.totals(), { waits: 2, waitedMs: 350 });
  assert.equal(room.enter() !== null && room.totals().waits, 2);
});
