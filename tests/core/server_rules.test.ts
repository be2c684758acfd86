import assert from "node:assert/strict";
import {
  SERVER_FACTS,
  SERVER_RULES,
  type ServerFacts,
  serverFacts,
  serverRule,
} from "../../src/core/server_rules.ts";
import {
  actionsIn,
  heartbeatOf,
  leaderState,
  primaryServer,
  recordOf,
  request,
  standbyServer,
  stateOf,
  stoppedServer,
  take,
} from "./fixtures.ts";

function everyCell(): ServerFacts[] {
  let cells: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(SERVER_FACTS)) {
    cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value })));
  }
  return cells as unknown as ServerFacts[];
}

const CELLS = everyCell();

Deno.test("SERVER_RULES has no row that no facts reach, and one answer for all of them", () => {
  const reached = new Set(CELLS.map((facts) => serverRule(facts).id));
  assert.deepEqual([...reached].sort(), SERVER_RULES.map(({ id }) => id).sort());
  assert.equal(new Set(SERVER_RULES.map(({ id }) => id)).size, SERVER_RULES.length);
  assert.equal(SERVER_RULES.at(-1)!.then, "hold");
});

Deno.test("SERVER_RULES lists no value that an earlier row has taken away already", () => {
  const dead: string[] = [];
  const reached = Map.groupBy(CELLS, (facts) => serverRule(facts).id);
  for (const { id, when } of SERVER_RULES) {
    for (const [fact, values] of Object.entries(when) as [keyof ServerFacts, string[]][]) {
      for (const value of values) {
        if (!reached.get(id)!.some((facts) => facts[fact] === value)) dead.push(`${id}: ${value}`);
      }
    }
  }
  assert.deepEqual(dead, []);
});

Deno.test("serverRule() never acts for a witness, a leader, or before the first start", () => {
  for (const facts of CELLS) {
    if (!["none", "lead", "first_start"].includes(facts.duty)) continue;
    assert.equal(serverRule(facts).then, "hold", JSON.stringify(facts));
  }
});

Deno.test("serverRule() fences only a primary, or a standby that makes room for a clone", () => {
  for (const facts of CELLS) {
    const { id, then } = serverRule(facts);
    if (then !== "fence") continue;
    assert.ok(
      facts.server === "primary" ? id === "fence-primary" : id === "stop-to-clone" &&
        facts.server.startsWith("standby") && facts.duty === "attach" && facts.rejoin === "clone",
      JSON.stringify(facts),
    );
  }
});

Deno.test("serverRule() fences every primary without leadership, whatever else is going on", () => {
  for (const facts of CELLS) {
    if (facts.server !== "primary" || !["campaign", "attach", "wait"].includes(facts.duty)) {
      continue;
    }
    const { then } = serverRule(facts);
    if (facts.busy !== "fencing" && facts.waiting === "no") {
      assert.equal(then, "fence", JSON.stringify(facts));
    } else assert.equal(then, "hold", JSON.stringify(facts));
  }
});

Deno.test("serverRule() clones only for a writable leader, and never what is foreign or blocked", () => {
  for (const facts of CELLS) {
    if (serverRule(facts).then !== "clone") continue;
    assert.equal(facts.duty, "attach");
    assert.equal(facts.cluster, "same");
    assert.notEqual(facts.rejoin, "blocked");
    assert.equal(facts.busy, "no");
    assert.ok(facts.server === "absent" || facts.rejoin === "clone", JSON.stringify(facts));
    assert.ok(!facts.server.startsWith("standby") && facts.server !== "primary");
  }
});

Deno.test("serverRule() starts nothing beside another action, a campaign or an unknown server", () => {
  for (const facts of CELLS) {
    const { then } = serverRule(facts);
    const unclear = ["unknown", "refused", "starting", "unresponsive"].includes(facts.server);
    if (facts.busy === "no" && facts.duty !== "campaign" && !unclear) continue;
    assert.ok(then === "hold" || facts.server === "primary", JSON.stringify(facts));
  }
});

Deno.test("serverRule() follows nobody while no leader is writable", () => {
  for (const facts of CELLS) {
    if (serverRule(facts).then === "follow") assert.equal(facts.duty, "attach");
    if (serverRule(facts).then === "start_standby") assert.match(facts.duty, /^(wait|force)$/);
  }
});

function actionsOfHeartbeat(state: Parameters<typeof take>[0], writable: boolean) {
  return actionsIn(take(state, request("a", heartbeatOf({ writable }))).effects);
}

Deno.test("tendServer() attaches only when the heartbeat says that the leader is writable", () => {
  const state = stateOf("b");
  assert.deepEqual(actionsOfHeartbeat(state, false), []);
  assert.deepEqual(actionsOfHeartbeat(state, true), [
    { type: "follow", upstream: { node: "a", host: "a", port: 5432 } },
  ]);
});

Deno.test("tendServer() fences a primary that finds itself without leadership", () => {
  const server = primaryServer("a");
  const state = stateOf("a", { server: null });
  const { effects } = take(state, { type: "observed", nowMs: 100_001, server });
  assert.deepEqual(actionsIn(effects), [{ type: "fence" }]);
});

Deno.test("tendServer() clones into an absent data directory under a new incarnation", () => {
  const [action] = actionsOfHeartbeat(stateOf("b", { server: { state: "absent" } }), true);
  assert.equal(action?.type, "clone");
  assert.ok(action?.type === "clone" && /^[0-9a-f]{8}$/.test(action.incarnation));
});

Deno.test("tendServer() leaves a data directory of another cluster alone", () => {
  const server = stoppedServer("b", { systemIdentifier: "8" });
  assert.deepEqual(actionsOfHeartbeat(stateOf("b", { server }), true), []);
});

Deno.test("tendServer() makes a stopped standby show its position while there is no leader", () => {
  const { effects } = take(stateOf("b", { server: null }), {
    type: "observed",
    nowMs: 100_001,
    server: stoppedServer("b"),
  });
  assert.deepEqual(actionsIn(effects), [{ type: "start_standby" }]);
});

Deno.test("serverFacts() reads each fact off the state", () => {
  const facts = (state: Parameters<typeof serverFacts>[0]) => serverFacts(state, 100_000);
  assert.equal(facts(leaderState()).duty, "lead");
  assert.equal(facts(stateOf("b")).duty, "wait");
  assert.equal(
    facts(stateOf("b", { durable: { ...stateOf("b").durable, record: null } })).duty,
    "first_start",
  );
  assert.equal(facts(stateOf("b", { server: stoppedServer("b") })).server, "stopped_standby");
  const crashed = stoppedServer("a", { wasPrimary: true });
  assert.equal(facts(stateOf("a", { server: crashed })).server, "stopped_primary");
  const promoting = { ...stateOf("a").durable, record: recordOf({ timeline: 0 }) };
  assert.equal(
    facts(stateOf("a", { server: crashed, durable: promoting })).server,
    "stopped_leader",
  );
  assert.equal(facts(stateOf("b", { operateAtMs: 100_001 })).waiting, "backoff");
  const following = standbyServer("b", { following: "a" });
  const { state } = take(stateOf("b", { server: following }), request("a", heartbeatOf()));
  assert.equal(facts(state).server, "standby_attached");
  assert.equal(facts({ ...state, streamedAtMs: 85_000 }).server, "standby_silent");
  const other = { ...state, server: standbyServer("b", { following: "c" }) };
  assert.equal(facts(other).server, "standby_elsewhere");
  assert.equal(facts(stateOf("b", { server: stoppedServer("b") })).cluster, "same");
});
