import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "yaml";
import { effectiveConfig, formatProblem } from "../../src/config/mod.ts";
import { formatDuration, parseDuration } from "../../src/config/duration.ts";
import { knownKeys } from "../../src/config/schema.ts";
import { formatSize, parseSize } from "../../src/config/size.ts";
import { config, parse, VALID } from "./support.ts";

/** A result that can be used: one of the two, with problems that can be printed. */
function wellFormed(text: string): void {
  const result = parse(text);
  const found = result.ok ? result.warnings : [...result.problems, ...result.warnings];
  if (!result.ok) assert.ok(result.problems.length > 0);
  for (const problem of found) {
    assert.ok(problem.line >= 1 && problem.column >= 1, formatProblem(problem));
    assert.match(formatProblem(problem), /^etc\/node\.yaml:\d+:\d+: .+\.? ./);
    assert.notEqual(problem.remedy, "");
  }
}

/** Words of the file, so that arbitrary structures go deeper than the first key. */
const word = fc.oneof(
  fc.constantFrom(...knownKeys().flatMap((key) => key.split(/\.|\[\]\.?/)).filter(Boolean)),
  fc.string(),
);
const scalar = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom("10s", "primary", "${X}", "16MB", "node2", "0.0.0.0"),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(word, tie("tree"), { maxKeys: 8 }),
  ),
}));

Deno.test("parseConfig() never throws over arbitrary text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), wellFormed), {
    numRuns: 500,
  });
  const yamlish = fc.array(
    fc.oneof(
      word,
      fc.constantFrom(..."[]{}:-*&!|>'\"#%@,?~\n\t ", ": ", "\n  ", "- ", "---\n", "<<: "),
    ),
    { maxLength: 40 },
  ).map((parts) => parts.join(""));
  fc.assert(fc.property(yamlish, wellFormed), { numRuns: 1000 });
});

Deno.test("parseConfig() never throws over arbitrary structures", () => {
  fc.assert(
    fc.property(fc.dictionary(word, tree, { maxKeys: 8 }), (root) => wellFormed(stringify(root))),
    { numRuns: 500 },
  );
});

Deno.test("parseConfig() never throws over a valid file with one value replaced", () => {
  const lines = VALID.split("\n");
  fc.assert(
    fc.property(fc.nat(lines.length - 1), tree, (index, value) => {
      const line = lines[index]!.replace(/: .*$/, `: ${JSON.stringify(value)}`);
      wellFormed(lines.with(index, line).join("\n"));
    }),
    { numRuns: 500 },
  );
});

Deno.test("effectiveConfig() reads back as the same configuration, secrets put back", () => {
  const durationMs = fc.integer({ min: 1000, max: 3_600_000 });
  const settings = fc.record({
    log: fc.record({ level: fc.constantFrom("debug", "info", "warning", "error") }),
    load_balancer: fc.record({ write_timeout: durationMs.map(formatDuration) }),
    replication: fc.record({
      durability: fc.constantFrom("strict", "quorum", "async"),
      synchronous_standbys: fc.integer({ min: 1, max: 2 }),
      rejoin: fc.constantFrom("rewind", "clone", "refuse"),
      maximum_lag_on_failover: fc.nat().map((bytes) => formatSize(bytes)),
      slot_retention: fc.integer({ min: 64 }).map((mib) => formatSize(mib * 1024 ** 2)),
    }),
    router: fc.record({
      port: fc.integer({ min: 10_000, max: 20_000 }),
      read_only_port: fc.integer({ min: 20_001, max: 30_000 }),
    }),
    watchdog: fc.record({
      device: fc.constantFrom("/dev/watchdog", "/dev/watchdog1"),
      required: fc.boolean(),
    }),
    state_dir: fc.constantFrom("/a", "/b c", "/d: e"),
  }, { requiredKeys: [] });
  fc.assert(fc.property(settings, (extra) => {
    const first = config(VALID + (Object.keys(extra).length === 0 ? "" : stringify(extra)));
    const text = effectiveConfig(first)
      .replace(/ password: .*/, " password: hunter2")
      .replace(/cluster_secret: .*/, "cluster_secret: correct-horse-battery");
    assert.deepEqual(config(text), first);
  }));
});

Deno.test("formatDuration() and formatSize() are read back", () => {
  fc.assert(fc.property(fc.nat(), (amount) => {
    assert.equal(parseDuration(formatDuration(amount)), amount);
    assert.equal(parseSize(formatSize(amount)), amount);
  }));
});
