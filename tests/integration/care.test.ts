/** The regular care of real servers: what somebody changed behind metako, and the slots. */
import assert from "node:assert/strict";
import { parseLsn } from "../../src/core/lsn.ts";
import type { CareReport, Siblings } from "../../src/postgres/server.ts";
import { must, type Node, observed, postmasterPid, sql, withNodes } from "./postgres_world.ts";

const NOBODY: Siblings = new Map();

async function care(node: Node, siblings: Siblings = NOBODY): Promise<CareReport> {
  const report = await node.server.care(siblings);
  assert.ok(report !== null);
  return report;
}

async function value(node: Node, expression: string): Promise<string> {
  const [row] = await sql(node, `select (${expression})::text as value`) as { value: string }[];
  return row!.value;
}

/** Two nodes, the second of which follows the first and holds its commits. */
async function follow([a, b]: readonly Node[]): Promise<void> {
  const nobody = { names: [], required: 0 };
  await must(a!, { type: "initialise", incarnation: "0000000a", sync: nobody }, "started_primary");
  await must(b!, { type: "clone", incarnation: "0000000b", upstream: a!.upstream }, "done");
  await must(b!, { type: "follow", upstream: a!.upstream }, "done");
  await observed(b!, "standby", ({ streamingFrom }) => streamingFrom !== null);
  const sync = { names: [{ node: "b", incarnation: "0000000b" }], required: 1 };
  await must(a!, { type: "set_sync", sync }, "sync_in_force");
}

async function append(node: Node, text: string): Promise<void> {
  await Deno.writeTextFile(`${node.options.dataDir}/postgresql.conf`, text, { append: true });
}

/** Cares until the setting has the value again, since a reload takes a moment. */
async function comesBack(node: Node, name: string, wanted: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (await value(node, `current_setting('${name}')`) !== wanted) {
    assert.ok(performance.now() < deadlineMs, `${name} did not come back`);
    await care(node);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("care() takes back what a failover rests on, and names what it leaves alone", async () => {
  const lines: Readonly<Record<string, unknown>>[] = [];
  await withNodes(["a", "b"], async ([a, b]) => {
    await follow([a!, b!]);
    assert.deepEqual((await care(a!)).problems, []);
    assert.deepEqual((await care(b!)).problems, []);

    const names = await value(a!, "current_setting('synchronous_standby_names')");
    assert.match(names, /b-0000000b/);
    await sql(a!, "alter system set synchronous_standby_names = ''");
    await sql(a!, "select pg_reload_conf()");
    await comesBack(a!, "synchronous_standby_names", names);
    await append(a!, "synchronous_standby_names = ''\nsynchronous_commit = off\n");
    await sql(a!, "select pg_reload_conf()");
    await comesBack(a!, "synchronous_standby_names", names);
    const taken = lines.filter(({ event }) => event === "setting_overridden");
    assert.ok(taken.some(({ source }) => /postgresql\.auto\.conf:\d+$/.test(`${source}`)));
    assert.ok(
      taken.some(({ source, found }) =>
        /postgresql\.conf:\d+$/.test(`${source}`) && found === "off"
      ),
    );

    await sql(a!, "alter system set wal_sender_timeout = '1h'");
    await sql(a!, "create role careless login");
    await sql(a!, "alter role careless in database app set synchronous_commit = local");
    const { problems } = await care(a!);
    assert.equal(problems.length, 2, problems.join("\n"));
    assert.match(problems[0]!, /wal_sender_timeout is '1h' by .*auto\.conf:\d+ and should be '5s'/);
    assert.match(problems[1]!, /synchronous_commit = local for role careless in database app/);
    assert.match(await value(a!, "pg_read_file('postgresql.auto.conf')"), /wal_sender_timeout/);
    await sql(a!, "alter system reset wal_sender_timeout");
    await sql(a!, "drop role careless");
    assert.deepEqual((await care(a!)).problems, []);

    // On a standby it would lead the WAL receiver elsewhere.
    const conninfo = await value(b!, "current_setting('primary_conninfo')");
    await sql(b!, "alter system set primary_conninfo = 'host=127.0.0.1 port=1'");
    await sql(b!, "select pg_reload_conf()");
    await comesBack(b!, "primary_conninfo", conninfo);
    await observed(b!, "standby", ({ streamingFrom }) => streamingFrom === "a");
  }, (options) => ({ ...options, log: (_, event, fields) => lines.push({ event, ...fields }) }));
});

Deno.test("care() keeps the members' slots on a standby, and moves them on with them", async () => {
  await withNodes(["a", "b", "c"], async ([a, b]) => {
    await follow([a!, b!]);
    const slots = async (node: Node, siblings: Siblings = NOBODY) => {
      await care(node, siblings);
      const { slots: found } = await care(node, siblings);
      return new Map(found.map((slot) => [slot.name, slot]));
    };
    const restart = (node: Node, slot: string) =>
      value(node, `select restart_lsn from pg_replication_slots where slot_name = '${slot}'`);
    const kept = await slots(b!);
    assert.deepEqual([...kept.keys()].sort(), ["metako_a", "metako_c"]);
    assert.equal(kept.get("metako_c")!.member, "c");
    assert.equal(kept.get("metako_c")!.walStatus, "reserved");
    const before = parseLsn(await restart(b!, "metako_c"))!;

    await sql(a!, "create table public.t as select generate_series(1, 50000) n");
    await sql(a!, "checkpoint");
    const end = parseLsn(await value(a!, "pg_current_wal_flush_lsn()"))!;
    await observed(b!, "standby", ({ replayedLsn }) => replayedLsn >= end);
    await slots(b!);
    assert.equal(parseLsn(await restart(b!, "metako_c")), before, "nobody knows where c is");
    const retained = (await care(b!)).slots.find(({ name }) => name === "metako_c")!.retainedBytes!;
    assert.ok(retained > 1_000_000, `${retained}`);
    await slots(b!, new Map<string, bigint | "leader">([["c", end], ["a", "leader"]]));
    assert.equal(parseLsn(await restart(b!, "metako_c")), end);
    await slots(b!, new Map([["c", end + 1_000_000_000n]]));
    assert.ok(
      parseLsn(await restart(b!, "metako_c"))! <= end + 1_000_000n,
      "past what is replayed",
    );

    // The promoted standby has them at once, with the WAL that c lacks.
    await must(b!, { type: "revoke" }, "revoked");
    await must(a!, { type: "fence" }, "done");
    const sync = { names: [], required: 0 };
    await must(b!, { type: "promote", sync }, "started_primary");
    const after = await slots(b!);
    assert.deepEqual([...after.keys()].sort(), ["metako_a", "metako_c"]);
    assert.equal(after.get("metako_a")!.walStatus, "reserved");
  });
});

Deno.test("care() makes a slot anew whose WAL was removed at the limit", async () => {
  const lines: string[] = [];
  await withNodes(["a", "b"], async ([a]) => {
    const sync = { names: [], required: 0 };
    await must(a!, { type: "initialise", incarnation: "0000000a", sync }, "started_primary");
    assert.equal((await care(a!)).slots[0]!.walStatus, "reserved");
    // Segments of 16 MiB: the limit is passed with a few of them.
    for (let segment = 0; segment < 6; segment++) {
      await sql(a!, "select pg_logical_emit_message(false, 'x', repeat('x', 1000000))");
      await sql(a!, "select pg_switch_wal()");
    }
    await sql(a!, "checkpoint");
    const lost = await care(a!);
    assert.match(lost.problems.join(), /metako_b held was removed at the limit/);
    const found = await care(a!);
    assert.equal(found.slots[0]!.walStatus, "reserved");
    assert.deepEqual(found.problems, []);
    assert.ok(lines.includes("remake metako_b"), lines.join());
  }, (options) => ({
    ...options,
    maxSlotWalKeepMiB: 32,
    walKeepMiB: 0,
    log: (_, event, fields) =>
      void (event === "slot" && lines.push(`${fields?.action} ${fields?.slot}`)),
  }));
});

Deno.test("a standby that is started has no less than its primary, and one that runs says so", async () => {
  await withNodes(["a", "b"], async ([a, b]) => {
    await follow([a!, b!]);
    await append(a!, "max_connections = 130\nmax_locks_per_transaction = 80\n");
    await must(a!, { type: "stop" }, "stopped");
    const sync = { names: [], required: 0 };
    await must(a!, { type: "start_primary", sync }, "started_primary");
    await observed(b!, "standby", ({ replayPaused }) => replayPaused);
    const { problems } = await care(b!);
    assert.match(
      problems.join(),
      /max_connections 100 instead of 130, max_locks_per_transaction 64 instead of 80/,
    );
    const pid = await postmasterPid(b!);
    await must(b!, { type: "stop" }, "stopped");
    await must(b!, { type: "start_standby" }, "done");
    assert.notEqual(await postmasterPid(b!), pid);
    assert.equal(await value(b!, "current_setting('max_connections')"), "130");
    await must(b!, { type: "follow", upstream: a!.upstream }, "done");
    await observed(b!, "standby", ({ streamingFrom }) => streamingFrom !== null);
    assert.deepEqual((await care(b!)).problems, []);
  });
});

Deno.test("care() lets a member in again whose name has got another address", async () => {
  await withNodes(["a"], async ([a]) => {
    const sync = { names: [], required: 0 };
    await must(a!, { type: "initialise", incarnation: "0000000a", sync }, "started_primary");
    const path = `${a!.options.dataDir}/pg_hba.conf`;
    const right = await Deno.readTextFile(path);
    const [own] = /^host replication,all \S+ 127\.0\.0\.1\/32.*$/m.exec(right)!;
    await Deno.writeTextFile(path, right.replace(own, own.replace("127.0.0.1", "10.9.9.9")));
    await care(a!);
    assert.equal(await Deno.readTextFile(path), right);
  });
});
