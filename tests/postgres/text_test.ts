/** The texts that go into PostgreSQL's files and come out of its programs. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseProgress } from "../../src/postgres/progress.ts";
import { lastLines } from "../../src/postgres/command.ts";
import { identifier, literal } from "../../src/postgres/connection.ts";
import { parseControlData, wasShutDown } from "../../src/postgres/controldata.ts";
import { parseMajor } from "../../src/postgres/discover.ts";
import { renderAccess } from "../../src/postgres/hba.ts";
import { parseProcStat, parsePsLine } from "../../src/postgres/process.ts";
import { rememberingResolver, soleAddress } from "../../src/postgres/resolve.ts";
import { connectionString, quoteSetting, renderSettings } from "../../src/postgres/settings.ts";
import { isOwnSlot, slotName } from "../../src/postgres/slot_name.ts";
import { NOBODY, parseSyncNames, renderSyncNames } from "../../src/postgres/sync_names.ts";
import { optionsOf, placeOf } from "./support.ts";

const options = optionsOf([{ name: "a", addresses: ["127.0.0.1"] }, {
  name: "b",
  addresses: ["localhost"],
}]);
const place = placeOf(options);

Deno.test("parseSyncNames() reads back every setting that renderSyncNames() writes", () => {
  const name = fc.record({
    node: fc.stringMatching(/^[A-Za-z0-9 "._,()*-]{1,20}$/),
    incarnation: fc.option(fc.stringMatching(/^[0-9a-f]{8}$/)),
  });
  const usable = name.filter(({ node, incarnation }) =>
    incarnation !== null || !/-[0-9a-f]{8}$/.test(node)
  );
  const setting = fc.array(usable, { minLength: 1, maxLength: 5 }).chain((names) =>
    fc.record({ names: fc.constant(names), required: fc.integer({ min: 1, max: names.length }) })
  );
  fc.assert(fc.property(setting, (sync) => {
    // fast-check's records have no prototype, which deepEqual minds.
    assert.deepEqual(parseSyncNames(renderSyncNames(sync)), structuredClone(sync));
  }));
});

Deno.test("parseSyncNames() reads forms that others write", () => {
  const names = [{ node: "b", incarnation: null }, { node: "c", incarnation: null }];
  assert.deepEqual(parseSyncNames("b, c"), { names, required: 1 });
  assert.deepEqual(parseSyncNames("2 (b, c)"), { names, required: 2 });
  assert.deepEqual(parseSyncNames('first 1 (b,"c")'), { names, required: 1 });
  assert.equal(parseSyncNames("*").names[0]?.node, "*");
});

Deno.test("renderSettings() gives a standby a name that nobody bears", () => {
  const text = renderSettings(place, { role: "standby", following: null }, "0000000a");
  assert.ok(text.includes(`synchronous_standby_names = '${NOBODY}'`));
  assert.ok(text.includes("primary_conninfo = ''\n"));
  assert.ok(text.includes("primary_slot_name = ''\n"));
});

Deno.test("renderSettings() names the upstream, the slot and the passfile, never a password", () => {
  const following = { node: "b", host: "10.0.0.2", port: 5432 };
  const text = renderSettings(place, { role: "standby", following }, "0000000a");
  assert.match(text, /primary_conninfo = 'host=10\.0\.0\.2 port=5432 user=repl passfile=\/state/);
  assert.match(text, /application_name=a-0000000a/);
  assert.match(text, /primary_slot_name = 'metako_a'/);
  assert.doesNotMatch(text, /hidden/);
});

Deno.test("renderSettings() gives the upstream's address beside its name", () => {
  const following = { node: "b", host: "db2", port: 5432 };
  const around = { theirs: [], control: null, address: "10.0.0.2" };
  const text = renderSettings(place, { role: "standby", following }, "0000000a", around);
  assert.match(text, /primary_conninfo = 'host=db2 hostaddr=10\.0\.0\.2 port=5432 /);
});

Deno.test("rememberingResolver() waits little for a name that it knows, and learns what comes late", async () => {
  let answer: (found: readonly string[]) => void = () => {};
  const ask = () => new Promise<readonly string[]>((resolve) => answer = resolve);
  const resolve = rememberingResolver(ask, { firstMs: 60_000, againMs: 1 });
  const first = resolve("db2");
  answer(["10.0.0.3", "10.0.0.2"]);
  assert.deepEqual(await first, ["10.0.0.2", "10.0.0.3"]);
  assert.deepEqual(await resolve("db2"), ["10.0.0.2", "10.0.0.3"]);
  answer(["10.0.0.9"]);
  const again = resolve("db2");
  answer([]);
  assert.deepEqual(await again, ["10.0.0.9"]);
});

Deno.test("soleAddress() is of names that have one", async () => {
  assert.equal(await soleAddress("10.0.0.2"), null);
  assert.equal(await soleAddress("localhost"), null);
  assert.equal(await soleAddress("/var/run/postgresql"), null);
  assert.equal(await soleAddress("no-such-host.invalid"), "unknown");
});

Deno.test("renderSettings() listens everywhere exactly where a member is elsewhere", () => {
  const settings = { role: "standby", following: null } as const;
  assert.match(renderSettings(place, settings, "0000000a"), /listen_addresses = 'localhost'/);
  const members = [...options.members, { name: "c", addresses: ["10.0.0.3"] }];
  const wide = { ...place, options: { ...options, members } };
  assert.match(renderSettings(wide, settings, "0000000a"), /listen_addresses = '\*'/);
});

Deno.test("renderSettings() gives up the socket where its path would be too long", () => {
  const deep = { ...place, privateDir: `/${"d".repeat(100)}` };
  const settings = { role: "standby", following: null } as const;
  assert.match(renderSettings(deep, settings, "0000000a"), /unix_socket_directories = ''/);
});

Deno.test("quoteSetting() keeps a value on one line and in one piece", () => {
  fc.assert(fc.property(fc.stringMatching(/^[\x20-\x7e]*$/), (value) => {
    const quoted = quoteSetting(value);
    const inner = quoted.slice(1, -1).replaceAll("''", "'").replace(/\\(.)/g, "$1");
    assert.equal(inner, value);
  }));
});

Deno.test("connectionString() quotes what libpq would misread", () => {
  const following = { node: "b", host: "h", port: 1 };
  const names = { user: "o'neil \\", passfile: null, applicationName: "a b" };
  const text = connectionString(following, names);
  assert.match(text, /user='o\\'neil \\\\' application_name='a b'/);
});

Deno.test("literal() and identifier() cannot be left by what they quote", () => {
  assert.equal(literal("it's"), "'it''s'");
  assert.equal(literal("a\\'b"), " E'a\\\\''b'");
  assert.equal(identifier('a"b'), '"a""b"');
});

Deno.test("renderAccess() keeps foreign lines in their order between its blocks", () => {
  const addresses = { members: ["10.0.0.2/32", "db2"], witnesses: ["10.0.0.9/32"] };
  const text = renderAccess("# mine\nhost all all all reject\n", 'r"x', addresses);
  assert.deepEqual(text.split("\n"), [
    "# metako: replication, begin",
    'host replication,all "r""x" 10.0.0.2/32 scram-sha-256',
    'host replication,all "r""x" db2 scram-sha-256',
    "# metako: replication, end",
    "# mine",
    "host all all all reject",
    "# metako: routers, begin",
    "host all all 10.0.0.2/32 scram-sha-256",
    "host all all db2 scram-sha-256",
    "host all all 10.0.0.9/32 scram-sha-256",
    "# metako: routers, end",
    "",
  ]);
});

Deno.test("renderAccess() replaces its own lines and trusts nobody", () => {
  const lines = fc.array(fc.stringMatching(/^[a-z #/.0-9]{0,20}$/));
  fc.assert(fc.property(lines, (foreign) => {
    const at = (address: string) => ({ members: [address], witnesses: [] });
    const once = renderAccess(foreign.join("\n"), "repl", at("10.0.0.1/32"));
    assert.equal(renderAccess(once, "repl", at("10.0.0.1/32")), once);
    const other = renderAccess(once, "repl", at("10.0.0.9/32"));
    assert.ok(!other.includes("10.0.0.1/32") || foreign.join("\n").includes("10.0.0.1/32"));
    assert.ok(!/\btrust\b/.test(other) || /\btrust\b/.test(foreign.join("\n")));
  }));
});

Deno.test("slotName() is valid, recognised, and different for different names", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,80}$/);
  fc.assert(fc.property(name, name, (a, b) => {
    assert.match(slotName(a), /^[a-z0-9_]{1,63}$/);
    assert.ok(isOwnSlot(slotName(a)));
    assert.equal(slotName(a) === slotName(b), a === b);
  }));
});

Deno.test("parseControlData() refuses an output with a part missing", () => {
  const full = [
    "Database system identifier:           7420000000000000001",
    "Database cluster state:               in production",
    "Latest checkpoint location:           0/3000028",
    "Latest checkpoint's TimeLineID:       2",
  ];
  const control = parseControlData(full.join("\n"));
  assert.equal(control?.checkpointTimeline, 2);
  assert.equal(control && wasShutDown(control), false);
  for (const line of full) {
    assert.equal(parseControlData(full.filter((each) => each !== line).join("\n")), null, line);
  }
});

Deno.test("wasShutDown() is true for both kinds of an orderly end", () => {
  const base = { systemIdentifier: "1", checkpointLsn: 1n, checkpointTimeline: 1 };
  assert.equal(wasShutDown({ ...base, clusterState: "shut down" }), true);
  assert.equal(wasShutDown({ ...base, clusterState: "shut down in recovery" }), true);
  assert.equal(wasShutDown({ ...base, clusterState: "shutting down" }), false);
});

Deno.test("parseProcStat() and parsePsLine() never throw and never see a zombie", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    assert.ok(parseProcStat(text) === null || text.includes("("));
    parsePsLine(text);
  }));
  assert.equal(parsePsLine("1 0 1 Z Tue Nov 24 21:37:26 2026 postgres"), null);
});

Deno.test("parseProgress() takes the latest of several lines", () => {
  assert.deepEqual(parseProgress(" 1/20 kB (5%), 0/1\r 10/20 kB (50%), 0/1"), {
    doneBytes: 10_240,
    totalBytes: 20_480,
  });
});

Deno.test("parseMajor() reads releases and betas", () => {
  assert.equal(parseMajor("postgres (PostgreSQL) 13.4"), 13);
  assert.equal(parseMajor("postgres (EnterpriseDB) x"), null);
});

Deno.test("lastLines() keeps the end of a complaint in one line", () => {
  assert.equal(lastLines("a\nb\r\n\nc\nd\n"), "b | c | d");
});
