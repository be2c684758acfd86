import assert from "node:assert/strict";
import { parseDuration } from "../../src/config/duration.ts";
import { childPath, isWithin, parentPath } from "../../src/config/path.ts";
import { parseSize } from "../../src/config/size.ts";
import { editDistance, nearest } from "../../src/config/suggest.ts";
import { config, problems, VALID } from "./support.ts";

Deno.test("parseDuration() adds the parts of a duration", () => {
  const table: readonly (readonly [string, number | null])[] = [
    ["500ms", 500],
    ["10s", 10_000],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["1h2m3s4ms", 3_723_004],
    ["0.1s", 100],
    ["0s", 0],
    ["", null],
    ["10", null],
    ["s", null],
    ["-1s", null],
    ["1 s", null],
    ["1S", null],
    ["1d", null],
    ["0.5ms", null],
    ["1e3s", null],
    ["9999999999999999h", null],
  ];
  for (const [text, expected] of table) assert.equal(parseDuration(text), expected, text);
});

Deno.test("parseSize() counts in steps of 1024", () => {
  const table: readonly (readonly [string, number | null])[] = [
    ["0B", 0],
    ["1B", 1],
    ["1kB", 1024],
    ["1KB", 1024],
    ["16MB", 16 * 1024 ** 2],
    ["2GB", 2 * 1024 ** 3],
    ["1TB", 1024 ** 4],
    ["16", null],
    ["16mb", null],
    ["1.5GB", null],
    ["99999999TB", null],
  ];
  for (const [text, expected] of table) assert.equal(parseSize(text), expected, text);
});

Deno.test("editDistance() counts a swap of neighbours as one edit", () => {
  assert.equal(editDistance("port", "port"), 0);
  assert.equal(editDistance("prot", "port"), 1);
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("abc", ""), 3);
});

Deno.test("nearest() gives up where more than a third of the word differs", () => {
  assert.equal(nearest("prot", ["port", "host"]), "port");
  assert.equal(nearest("HOST", ["port", "host"]), "host");
  assert.equal(nearest("failover", ["port", "failover_timeout"]), "failover_timeout");
  assert.equal(nearest("xyz", ["port", "host"]), null);
  assert.equal(nearest("x".repeat(100_000), ["port"]), null);
});

Deno.test("parentPath() takes one part off, whatever it is", () => {
  assert.equal(parentPath(childPath("a.b", "c d")), "a.b");
  assert.equal(parentPath(childPath("a", 'x"]')), "a");
  assert.equal(parentPath("a[0]"), "a");
  assert.equal(parentPath("a"), "");
  assert.equal(parentPath(""), null);
});

Deno.test("isWithin() tells a key inside a section from one that begins alike", () => {
  assert.equal(isWithin("a.b", "a"), true);
  assert.equal(isWithin("a[0].b", "a"), true);
  assert.equal(isWithin("ab", "a"), false);
  assert.equal(isWithin("a", "a.b"), false);
  assert.equal(isWithin("a", ""), true);
});

/** [key below a section, value, what is said of it; null where it is accepted] */
const VALUES: readonly (readonly [section: string, line: string, expected: RegExp | null])[] = [
  ["router", "port: 0", /must be a whole number from 1 to 65535, is 0\./],
  ["router", "port: 65536", /from 1 to 65535/],
  ["router", "port: 6432.5", /from 1 to 65535/],
  ["router", "port: [6432]", /must be a whole number from 1 to 65535, is a list\./],
  ["router", "host: a b", /must be a host name or an address, is "a b"\./],
  ["router", 'host: "http://a"', /must be a host name or an address/],
  ["router", "host: a:5432", /must be a host name or an address/],
  ["router", 'host: "::1"', null],
  ["router", "host: fe80::1%eth0", null],
  ["router", 'host: ""', /must not be empty, is ""\./],
  ["router", "authentication: none", /must be one of verify, relay, is none/],
  ["router", "allow_trusted_backend: yes", /must be true or false, is yes\./],
  ["router", "maximum_waiting: 0", null],
  ["router", "allow: []", /allow must have an entry with action: allow/],
  ["router", "allow: [{ action: reject }]", /allow must have an entry with action: allow/],
  ["router", "allow: [{ networks: [loopback, 10.0.0.0/8, 192.168.1.7] }]", null],
  ["load_balancer", "write_timeout: 10", /must be a duration with its unit, is 10\. Write "10s"/],
  ["load_balancer", 'write_timeout: "10"', /must be a duration with its unit/],
  ["load_balancer", "write_timeout: soon", /must be a duration, is soon\./],
  ["load_balancer", "write_timeout: 0s", /must be from 1ms to 24h, is 0s\. Raise it\./],
  ["load_balancer", "write_timeout: 25h", /must be from 1ms to 24h, is 25h\. Lower it\./],
  ["load_balancer", "algorithm: round-robin", /Did you mean round_robin\?/],
  ["load_balancer", "algorithm: random", /must be one of round_robin, least_connected/],
  ["replication", "maximum_lag_on_failover: 16", /must be a size with its unit/],
  [
    "replication",
    "durability: sync",
    /must be one of strict, quorum, async, is sync\. Did you mean/,
  ],
  ["replication", "durability: async", null],
  ["replication", "synchronous_standbys: 0", /must be a whole number from 1 to 30/],
  ["replication", "synchronous_standbys: 2", null],
  ["replication", "durability: quorum", null],
  ["replication", "durability: strict", null],
  ["replication", "rejoin: refuse", null],
  ["replication", "rejoin: re-wind", /must be one of rewind, clone, refuse, is re-wind\. Did you/],
  ["replication", `user: ${"é".repeat(32)}`, /must be at most 63 bytes long/],
  ["log", "level: warn", /must be one of .* Did you mean warning\?/],
  ["log", "colour: red", /is not a known key\. Remove it; the keys here are level\./],
];

for (const [section, line, expected] of VALUES) {
  Deno.test(`parseConfig() ${expected === null ? "accepts" : "refuses"} ${section}.${line}`, () => {
    const text = `${VALID}${section}:\n  ${line}\n`;
    if (expected === null) return void config(text);
    const found = problems(text);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, expected);
    assert.match(found[0]!, /^etc\/node\.yaml:16:3: /);
  });
}

Deno.test("parseConfig() refuses folders that depend on the working directory", () => {
  assert.match(problems(`${VALID}state_dir: state\n`)[0]!, /state_dir must be an absolute path/);
  const text = VALID.replace("local_db:", "local_db:\n  data_dir: data");
  assert.match(problems(text)[0]!, /local_db.data_dir must be an absolute path, is data\./);
});

Deno.test("a hook is a list of words, the first an absolute path", () => {
  const read = config(`${VALID}hooks: { after_failover: ["/bin/true", "x y"], timeout: 2s }\n`);
  assert.deepEqual(read.hooks.afterFailover, ["/bin/true", "x y"]);
  assert.deepEqual([read.hooks.beforePromotion, read.hooks.timeoutMs], [null, 2000]);
  for (const wrong of ["/bin/true", '["true"]', "[]", "[1]", '["/bin/true", ""]']) {
    const [problem] = problems(`${VALID}hooks: { after_failover: ${wrong} }\n`);
    assert.match(problem ?? "", /hooks\.after_failover.*list of words/);
  }
});

Deno.test("parseConfig() makes fence_margin a quarter of a short lease, where nothing is set", () => {
  const marginMs = (mode: string) =>
    config(`${VALID}coordination:\n  cluster_mode:\n    heartbeat_interval: 200ms\n${mode}`)
      .coordination.fenceMarginMs;
  assert.equal(marginMs(""), 500);
  assert.equal(marginMs("    failover_timeout: 10s\n"), 500);
  assert.equal(marginMs("    failover_timeout: 1s\n"), 250);
  assert.equal(marginMs("    failover_timeout: 1s\n    fence_margin: 400ms\n"), 400);
});
