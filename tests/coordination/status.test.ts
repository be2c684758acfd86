import assert from "node:assert/strict";
import {
  clusterStatusSchema,
  healthSchema,
  nodeStatusSchema,
  summariseStatus,
  unknownNode,
} from "../../src/coordination/status.ts";
import { CLUSTER, HEALTH, STATUS } from "./support.ts";

Deno.test("the schemas give back the documents that they describe", () => {
  assert.deepEqual(nodeStatusSchema.parse(JSON.parse(JSON.stringify(STATUS))), STATUS);
  assert.deepEqual(healthSchema.parse(HEALTH), HEALTH);
  const nodes = [
    summariseStatus(STATUS, { agent: "ok", last_seen_ms_ago: 3 }),
    unknownNode("node3", { agent: "unhealthy", last_seen_ms_ago: null }),
  ];
  assert.deepEqual(clusterStatusSchema.parse({ ...CLUSTER, nodes }), { ...CLUSTER, nodes });
});

Deno.test("nodeStatusSchema ignores keys of a newer version, but keeps the router's counters", () => {
  const parsed = nodeStatusSchema.parse({
    ...STATUS,
    invented_later: true,
    router: { ...STATUS.router, held_ms: 4 },
  });
  assert.equal("invented_later" in parsed, false);
  assert.deepEqual(parsed.router, { ...STATUS.router, held_ms: 4 });
});

Deno.test("nodeStatusSchema refuses an LSN that is a number and a role that is unknown", () => {
  assert.equal(nodeStatusSchema.safeParse({ ...STATUS, lsn: 1234 }).success, false);
  assert.equal(nodeStatusSchema.safeParse({ ...STATUS, role: "boss" }).success, false);
});
