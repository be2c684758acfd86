import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { deriveKeys, type KeySources } from "../../src/coordination/keys.ts";

const SOURCES: KeySources = {
  clusterName: "orders",
  clusterSecret: null,
  previousClusterSecret: null,
  database: { username: "postgres", password: "password" },
};
const SECRET = "0123456789abcdef0123456789abcdef";

const hex = (keys: readonly KeyObject[]) => keys.map((key) => key.export().toString("hex"));

Deno.test("deriveKeys() gives every member the same keys for the same sources", () => {
  for (const sources of [SOURCES, { ...SOURCES, clusterSecret: SECRET }]) {
    const [a, b] = [deriveKeys(sources).keys, deriveKeys({ ...sources }).keys];
    assert.deepEqual(hex(a.peer), hex(b.peer));
    assert.deepEqual(hex(a.operator), hex(b.operator));
  }
});

Deno.test("deriveKeys() gives different keys for another purpose, cluster, secret or user", () => {
  const variants: KeySources[] = [
    SOURCES,
    { ...SOURCES, clusterName: "invoices" },
    { ...SOURCES, database: { username: "postgres", password: "Password" } },
    { ...SOURCES, database: { username: "postgresp", password: "assword" } },
    { ...SOURCES, clusterSecret: SECRET },
    { ...SOURCES, clusterSecret: SECRET, clusterName: "invoices" },
    { ...SOURCES, clusterSecret: `${SECRET}0` },
  ];
  const keys = variants.flatMap((sources) => {
    const { peer, operator } = deriveKeys(sources).keys;
    return [...hex(peer), ...hex(operator)];
  });
  assert.equal(new Set(keys).size, 2 * variants.length);
  assert.ok(keys.every((key) => /^[0-9a-f]{64}$/.test(key)));
});

Deno.test("deriveKeys() puts the current key first and the previous one after it", () => {
  const current = deriveKeys({ ...SOURCES, clusterSecret: SECRET }).keys;
  const derived = deriveKeys(SOURCES).keys;
  const other = deriveKeys({ ...SOURCES, clusterSecret: "x".repeat(32) }).keys;
  for (
    const [sources, expected] of [
      [{ previousClusterSecret: "x".repeat(32) }, [current, other]],
      [{ previousDatabase: SOURCES.database }, [current, derived]],
      [{ previousClusterSecret: "x".repeat(32), previousDatabase: SOURCES.database }, [
        current,
        other,
      ]],
      [{ previousDatabase: null }, [current]],
    ] as const
  ) {
    const { keys } = deriveKeys({ ...SOURCES, clusterSecret: SECRET, ...sources });
    assert.deepEqual(hex(keys.peer), expected.flatMap(({ peer }) => hex(peer)));
    assert.deepEqual(hex(keys.operator), expected.flatMap(({ operator }) => hex(operator)));
  }
});

Deno.test("deriveKeys() names the weakness of a key, without a secret in it", () => {
  const weak = deriveKeys(SOURCES).weakness ?? "";
  assert.match(weak, /only as good as the database password/);
  assert.doesNotMatch(weak, /postgres/);
  const short = deriveKeys({ ...SOURCES, clusterSecret: "hunter2" }).weakness ?? "";
  assert.match(short, /≥ 20 characters.*has 7/);
  assert.doesNotMatch(short, /hunter2/);
  assert.equal(deriveKeys({ ...SOURCES, clusterSecret: SECRET }).weakness, null);
});

Deno.test("a key shows nothing of itself when it is printed", () => {
  const { keys } = deriveKeys({ ...SOURCES, clusterSecret: SECRET });
  const [secret] = hex(keys.peer);
  for (const text of [Deno.inspect(keys), JSON.stringify(keys), String(keys.peer)]) {
    assert.ok(!text.includes(secret!.slice(0, 8)));
    assert.ok(!text.includes(SECRET.slice(0, 8)));
  }
});
