import assert from "node:assert/strict";
import {
  FACTS,
  HEALTH_PATHS,
  type HealthFacts,
  type HealthPath,
  judgeHealth,
  parseLag,
  PATHS,
  RULES,
} from "../../src/coordination/health_paths.ts";

/** Every combination of the facts. */
function everyFacts(): HealthFacts[] {
  return Object.entries(FACTS).reduce<Record<string, string>[]>(
    (made, [name, values]) =>
      made.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  ) as unknown as HealthFacts[];
}

const ALL = HEALTH_PATHS.flatMap((path) => everyFacts().map((facts) => ({ path, facts })));

/** Asserts that `path` is answered 200 exactly where `expected` says so. */
function assertExactly(path: HealthPath, expected: (facts: HealthFacts) => boolean): void {
  for (const facts of everyFacts()) {
    const { status, rule } = judgeHealth(path, facts);
    assert.equal(status === 200, expected(facts), `${path} by ${rule}: ${JSON.stringify(facts)}`);
  }
}

const serves = ({ lease, server, loop }: HealthFacts) =>
  loop === "turning" && lease === "serving" && (server === "primary" || server === "unresponsive");
const stands = ({ server, loop, lag }: HealthFacts) =>
  loop === "turning" && server === "standby" && (lag === "unlimited" || lag === "within");

Deno.test("judgeHealth() decides by every rule somewhere", () => {
  const used = new Set(ALL.map(({ path, facts }) => judgeHealth(path, facts).rule));
  assert.deepEqual(RULES.map(({ id }) => id).filter((id) => !used.has(id as never)), []);
  assert.equal(new Set(RULES.map(({ id }) => id)).size, RULES.length);
});

Deno.test("judgeHealth() calls nobody primary without a current lease and a serving leader", () => {
  assertExactly("primary", serves);
});

Deno.test("judgeHealth() calls the holder of the lease leader while PostgreSQL gets ready", () => {
  assertExactly("leader", (facts) => facts.loop === "turning" && facts.lease !== "none");
});

Deno.test("judgeHealth() calls running standbys replicas, within the lag asked for", () => {
  assertExactly("replica", stands);
  assertExactly("read-only", (facts) => serves(facts) || stands(facts));
});

Deno.test("judgeHealth() tells standbys apart by what commits wait for", () => {
  const sync = (facts: HealthFacts) => stands(facts) && facts.commits === "every";
  const quorum = (facts: HealthFacts) => stands(facts) && facts.commits !== "unknown";
  assertExactly("sync", sync);
  assertExactly("quorum", quorum);
  assertExactly("async", (facts) => stands(facts) && facts.commits === "unknown");
  assertExactly("read-only-sync", (facts) => serves(facts) || sync(facts));
  assertExactly("read-only-quorum", (facts) => serves(facts) || quorum(facts));
});

Deno.test("judgeHealth() calls a running PostgreSQL healthy, and a witness without one", () => {
  assertExactly(
    "health",
    ({ server, loop }) =>
      loop === "turning" && (server === "primary" || server === "standby" || server === "none"),
  );
});

Deno.test("judgeHealth() calls ready who serves, streams, or only votes", () => {
  assertExactly(
    "readiness",
    (facts) =>
      serves(facts) || stands(facts) && facts.stream === "streaming" ||
      facts.loop === "turning" && facts.server === "none",
  );
});

Deno.test("judgeHealth() calls an agent alive exactly while it decides", () => {
  assertExactly("liveness", ({ loop }) => loop === "turning");
});

Deno.test("PATHS serves every path but /health, which has a document", () => {
  const served = new Set<string>([...Object.values(PATHS), "health"]);
  assert.deepEqual(HEALTH_PATHS.filter((path) => !served.has(path)), []);
});

Deno.test("parseLag() reads bytes and PostgreSQL's units, and nothing else", () => {
  const cases: [string, number | null][] = [
    ["0", 0],
    ["1024", 1024],
    ["16kB", 16_384],
    ["64MB", 67_108_864],
    ["1GB", 1_073_741_824],
    ["1 mb", 1_048_576],
    ["", null],
    ["-1", null],
    ["1e3", null],
    ["1MiB", null],
    ["999999999999999TB", null],
  ];
  for (const [text, bytes] of cases) assert.equal(parseLag(text), bytes, text);
});
