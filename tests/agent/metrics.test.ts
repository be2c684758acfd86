import assert from "node:assert/strict";
import { createTally, metricSamples, type MetricSources } from "../../src/agent/metrics.ts";
import { METRICS } from "../../src/telemetry/metric_list.ts";
import { renderMetrics } from "../../src/telemetry/metrics.ts";
import { primaryServer } from "../core/fixtures.ts";
import { STATUS } from "../coordination/support.ts";
import { readExposition } from "../operations/exposition.ts";

/** A primary that is busy, measured, and has lived through something. */
function primarySources(): MetricSources {
  const tally = createTally();
  for (const outcome of ["granted", "denied", "denied"] as const) {
    tally.decision({ event: "vote", outcome, because: "" });
  }
  tally.decision({ event: "campaign", outcome: "started", because: "" });
  tally.change("unplanned");
  return {
    status: {
      ...STATUS,
      replay_lsn: "0/16B3748",
      operation: { action: "set_sync", since_ms: 1500, progress: null },
    },
    writable: true,
    peers: [{
      node: "node2",
      agent: "unhealthy",
      consecutiveFailures: 3,
      lastSeenMsAgo: 2500,
      status: null,
      because: "silent",
    }],
    server: primaryServer("a", { insertLsn: 150n }),
    router: {
      sessions: 3,
      waiting: 1,
      waits: 4,
      waitedMs: 2500,
      totalConnections: 9,
      refused: 2,
      cancelled: 1,
      bytesToServer: 10,
      bytesToClient: 20,
      byNode: { node1: 2 },
      moved: 5,
      queries: { node1: { reads: 7, writes: 8, failures: 1 } },
    },
    measured: {
      connections: { active: 1, idle: 4 },
      maximumConnections: 100,
      commits: 50,
      rollbacks: 5,
      databaseBytes: 1024,
      oldestTransactionSeconds: 1.5,
      oldestXidAge: 19,
      slots: [{ name: "metako_node2", active: false, retainedBytes: 4096 }],
    },
    outages: { outages: 2, outageMs: 3500, runningMs: null },
    tally,
    disks: [
      { use: "data", path: "/data", device: 1, freeBytes: 512, totalBytes: 1024 },
      { use: "tablespace", path: "/srv/fast", device: 2, freeBytes: 256, totalBytes: 1024 },
    ],
  };
}

async function scrape(change: Partial<MetricSources> = {}) {
  return readExposition(await renderMetrics(metricSamples({ ...primarySources(), ...change })));
}

/** The only sample of `name` with `labels`. */
function valueOf(
  metrics: Awaited<ReturnType<typeof scrape>>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  return metrics.get(name)?.samples.find((sample) =>
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
  )?.value;
}

Deno.test("metricSamples() gives every metric of the list, between a primary and a standby", async () => {
  const primary = await scrape();
  const standby = await scrape({ status: { ...STATUS, role: "standby", state: "standby" } });
  const names = new Set([...primary.keys(), ...standby.keys()]);
  assert.deepEqual(Object.keys(METRICS).filter((name) => !names.has(name)), []);
  for (const [name, { type, help }] of primary) {
    const definition = METRICS[name as keyof typeof METRICS];
    assert.deepEqual({ type, help }, { type: definition.type, help: definition.help });
  }
});

Deno.test("metricSamples() gives the values that it was given", async () => {
  const metrics = await scrape();
  const cases: [string, number, Record<string, string>?][] = [
    ["metako_primary", 1],
    ["metako_role", 1, { role: "primary" }],
    ["metako_role", 0, { role: "standby" }],
    ["metako_member_up", 1, { member: "node1" }],
    ["metako_member_up", 0, { member: "node2" }],
    ["metako_member_last_seen_seconds", 2.5, { member: "node2" }],
    ["metako_lease_remaining_seconds", 2.5],
    ["metako_votes_total", 1, { answer: "granted" }],
    ["metako_votes_total", 2, { answer: "denied" }],
    ["metako_elections_started_total", 1],
    ["metako_primary_changes_total", 1, { kind: "unplanned" }],
    ["metako_outage_seconds_total", 3.5],
    ["metako_outage_running_seconds", 0],
    ["metako_standby_flush_lag_bytes", 50, { member: "b" }],
    ["metako_wal_position_bytes", 0x16B3748],
    ["metako_router_sessions", 2, { member: "node1" }],
    ["metako_router_queries_total", 7, { member: "node1", kind: "read" }],
    ["metako_router_queries_total", 8, { member: "node1", kind: "write" }],
    ["metako_router_query_failures_total", 1, { member: "node1" }],
    ["metako_router_moved_sessions_total", 5],
    ["metako_router_waits_total", 4],
    ["metako_router_wait_seconds_total", 2.5],
    ["metako_router_bytes_total", 20, { direction: "to_client" }],
    ["metako_postgres_connections", 4, { state: "idle" }],
    ["metako_slot_retained_wal_bytes", 4096, { slot: "metako_node2" }],
    ["metako_disk_free_bytes", 512, { folder: "data" }],
    ["metako_disk_free_bytes", 256, { folder: "/srv/fast" }],
    ["metako_condition", 1, { condition: "running", level: "good" }],
    ["metako_condition", 0, { condition: "hung", level: "bad" }],
    ["metako_operation_seconds", 1.5, { action: "set_sync" }],
  ];
  for (const [name, value, labels] of cases) {
    assert.equal(valueOf(metrics, name, labels), value, `${name} ${JSON.stringify(labels ?? {})}`);
  }
});

Deno.test("metricSamples() leaves out what is not known", async () => {
  const metrics = await scrape({
    measured: null,
    router: null,
    server: null,
    status: { ...STATUS, possible_loss_bytes: null, timeline: null },
  });
  assert.equal(valueOf(metrics, "metako_postgres_up"), 0);
  for (
    const name of [
      "metako_postgres_connections",
      "metako_router_waiting_sessions",
      "metako_standby_flush_lag_bytes",
      "metako_possible_loss_bytes",
      "metako_timeline",
    ]
  ) assert.equal(metrics.has(name), false, name);
});

Deno.test("metricSamples() says nothing of PostgreSQL on a witness", async () => {
  const metrics = await scrape({ measured: null, status: { ...STATUS, role: "witness" } });
  assert.equal(metrics.has("metako_postgres_up"), false);
});

Deno.test("renderMetrics() escapes labels, and refuses one that is not in the list", async () => {
  const text = await renderMetrics([
    { name: "metako_member_up", value: 1, labels: { member: 'a"b\\c\nd' } },
  ]);
  assert.equal(text.includes('{member="a\\"b\\\\c\\nd"} 1'), true);
  await assert.rejects(renderMetrics([{ name: "metako_term", value: 1, labels: { x: "y" } }]));
});

Deno.test("METRICS names begin with metako_, and counters end with _total", () => {
  for (const [name, { type, help }] of Object.entries(METRICS)) {
    assert.match(name, /^metako_[a-z_]+$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    assert.match(help, /[.]$/, name);
  }
});
