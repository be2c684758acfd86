import assert from "node:assert/strict";
import {
  type KnownStandby,
  reachableContact,
  routesDiffer,
  routeView,
} from "../../src/agent/route_view.ts";
import type { View } from "../../src/core/view.ts";

const VIEW: View = {
  role: "standby",
  phase: "streaming",
  term: 3,
  leader: "n1",
  route: { node: "n1", contact: { host: "10.0.0.1", port: 5432 }, validUntilMs: 100 },
  routeBecause: "",
  hasMajority: true,
  leaseHolder: "n1",
  leaseUntilMs: 100,
  electabilities: null,
  possibleLossBytes: null,
  durability: "",
  problems: [],
};
const LOCAL = { host: "localhost", port: 5433 };
const STANDBY: KnownStandby = {
  node: "n2",
  contact: LOCAL,
  healthy: true,
  following: "n1",
  streaming: true,
  lagBytes: 0,
};

function view(change: Partial<View>, standbys: readonly KnownStandby[] = [STANDBY]) {
  return routeView({ self: "n2", view: { ...VIEW, ...change }, local: LOCAL, standbys, nowMs: 50 });
}

Deno.test("routeView() leads to the leader's contact, and marks the local standby", () => {
  assert.deepEqual(view({}), {
    term: 3,
    primary: { node: "n1", host: "10.0.0.1", port: 5432 },
    because: "n1 is the primary",
    yielding: null,
    standbys: [{
      node: "n2",
      host: "localhost",
      port: 5433,
      local: true,
      healthy: true,
      lagBytes: 0,
    }],
  });
});

Deno.test("routeView() uses the local connection where this node is the primary", () => {
  const route = { node: "n2", contact: null, validUntilMs: 100 };
  const routes = view({ leader: "n2", route });
  assert.deepEqual(routes.primary, { node: "n2", ...LOCAL });
  assert.deepEqual(routes.standbys, [], "the primary is no standby");
});

Deno.test("routeView() leads nowhere, and says why, when the view is stale", () => {
  const routes = view({ route: null, routeBecause: "an election is under way" });
  assert.equal(routes.primary, null);
  assert.equal(routes.because, "an election is under way");
});

for (
  const [what, change] of [
    ["whose agent is silent", { healthy: false }],
    ["that does not stream", { streaming: false }],
    ["that follows another node", { following: "n9" }],
  ] as const
) {
  Deno.test(`routeView() takes a standby ${what} out of the balance`, () => {
    assert.equal(view({}, [{ ...STANDBY, ...change }]).standbys[0]!.healthy, false);
  });
}

Deno.test("routesDiffer() sees a change of term although the address stays", () => {
  assert.ok(!routesDiffer(view({}), view({})));
  assert.ok(routesDiffer(view({}), view({ term: 4 })));
});

Deno.test("reachableContact() replaces names that mean nothing on another host", () => {
  for (const host of ["localhost", "127.0.0.1", "::1", "0.0.0.0", "/var/run/postgresql"]) {
    const contact = reachableContact({ host, port: 5432 }, "10.0.0.7");
    assert.deepEqual(contact, { host: "10.0.0.7", port: 5432 });
  }
  const named = { host: "db1.example", port: 5432 };
  assert.deepEqual(reachableContact(named, "10.0.0.7"), named);
});

Deno.test("routeView() tells of a leader that gives way, as long as its lease holds", () => {
  const gone = { route: null, routeBecause: "n1 was elected and is not writable yet" };
  assert.equal(view(gone).yielding, "n1");
  assert.equal(view({ ...gone, leaseUntilMs: 50 }).yielding, null);
  assert.equal(view({ ...gone, leader: null }).yielding, null);
  assert.equal(view({ ...gone, leader: "n2", phase: "switching" }).yielding, "n2");
  assert.equal(view({ ...gone, leader: "n2", phase: "promoting" }).yielding, null);
  assert.equal(view({}).yielding, null);
});
