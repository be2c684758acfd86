/**
 * Every way in which a node can come back, one after the other on one pair of real servers.
 *
 * In each round the standby becomes the primary, something happens to the old one, and that has to
 * end in streaming or in a refusal that says why. Then the roles are swapped.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { SyncSetting } from "../../src/core/server.ts";
import type { Session } from "../../src/postgres/connection.ts";
import type { PostgresOptions, Rejoin } from "../../src/postgres/server.ts";
import { seeStreaming } from "../../src/postgres/verify.ts";
import {
  must,
  type Node,
  observed,
  openNode,
  sql,
  superuser,
  withNodes,
} from "./postgres_world.ts";

const NONE: SyncSetting = { names: [], required: 0 };

interface Pair {
  readonly lost: Node;
  readonly leader: Node;
}

/** What the log said, by event. */
type Lines = {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}[];

interface Round {
  readonly name: string;
  /** What happens to the old primary, which has left the history of the new one. */
  readonly happens: (pair: Pair) => Promise<void>;
  readonly after?: (pair: Pair) => Promise<void>;
  readonly rejoin?: Rejoin;
  /** The outcomes of `rewind` in the log, with their rules or reasons. */
  readonly expect: RegExp;
}

/** What that commit inserts. */
const HANGING = 7777;

/** A commit that hangs while its round is played. */
let waiting: ReturnType<Session["query"]> | null = null;

const kill = async ({ lost }: Pair) => void await must(lost, { type: "fence" }, "done");

const ROUNDS: readonly Round[] = [
  {
    name: "crashed, and its WAL left the history: rewound",
    happens: async (pair) => {
      const { lost } = pair;
      await Deno.writeTextFile(
        join(lost.options.dataDir!, "postgresql.conf"),
        `work_mem = '5MB' # of node ${lost.name}\n`,
        { append: true },
      );
      await kill(pair);
    },
    expect: /^started rewind; done it streams from the leader$/,
  },
  {
    name: "shut down in order, and its WAL left the history: rewound",
    happens: async ({ lost }) => void await must(lost, { type: "stop" }, "stopped"),
    expect: /^started rewind; done it streams from the leader$/,
  },
  {
    name: "the leader's commits wait for the very node that has to be rewound: rewound",
    happens: async (pair) => {
      const { lost, leader } = pair;
      const names = [{ node: lost.name, incarnation: "0000dead" }];
      const sync = { names, required: 1 };
      await must(leader, { type: "set_sync", sync }, "sync_in_force");
      const session = await superuser(leader);
      await session.query("set synchronous_commit = on");
      waiting = session.query(`insert into public.t values (${HANGING})`, 120_000)
        .finally(() => session.close());
      await kill(pair);
    },
    after: async ({ leader }) => {
      await must(leader, { type: "set_sync", sync: NONE }, "sync_in_force");
      const outcome = await waiting;
      assert.ok(outcome?.ok, JSON.stringify(outcome));
    },
    expect: /^started rewind; done it streams from the leader$/,
  },
  {
    name: "its WAL back to the fork is in the archive alone: rewound",
    happens: async (pair) => {
      const { lost } = pair;
      const wal = join(lost.options.dataDir!, "pg_wal");
      const archive = join(lost.options.stateDir, "archive");
      await sql(lost, "select pg_switch_wal()");
      await sql(lost, "insert into public.t values (-3)");
      await sql(lost, "checkpoint");
      const [redo] = await sql(lost, "select redo_wal_file as file from pg_control_checkpoint()");
      const { file } = redo as { file: string };
      await kill(pair);
      await Deno.mkdir(archive);
      for await (const { name } of Deno.readDir(wal)) {
        if (!/^[0-9A-F]{24}$/.test(name)) continue;
        await Deno.copyFile(join(wal, name), join(archive, name));
        await Deno.chmod(join(archive, name), 0o644);
        if (name < file) await Deno.remove(join(wal, name));
      }
      await Deno.writeTextFile(
        join(lost.options.dataDir!, "postgresql.conf"),
        `restore_command = 'cp ${archive}/%f %p'\n`,
        { append: true },
      );
    },
    expect: /^started rewind; done it streams from the leader$/,
  },
  {
    name: "has a timeline of the same number: copied",
    happens: async ({ lost, leader }) => {
      await must(lost, { type: "stop" }, "stopped");
      await must(lost, { type: "start_standby" }, "done");
      const promoted = await must(lost, { type: "promote", sync: NONE }, "started_primary");
      assert.equal(promoted.timeline, (await observed(leader, "primary")).timeline);
      await sql(lost, "insert into public.t values (-2)");
      await must(lost, { type: "fence" }, "done");
    },
    expect: /^not_possible same-number$/,
  },
  {
    name: "pg_rewind fails: copied in the same breath",
    happens: async (pair) => {
      await sql(pair.leader, "alter system set full_page_writes = off");
      await sql(pair.leader, "select pg_reload_conf()");
      await kill(pair);
    },
    after: async ({ lost, leader }) => {
      for (const node of [lost, leader]) {
        await sql(node, "alter system reset full_page_writes");
        await sql(node, "select pg_reload_conf()");
      }
    },
    expect:
      /^started rewind; failed pg_rewind from .*full_page_writes.*The leader is copied instead$/,
  },
  {
    name: "replication.rejoin is clone: copied",
    happens: kill,
    rejoin: "clone",
    expect: /^not_possible not-wanted$/,
  },
];

Deno.test("every node whose WAL left the history comes back by a rewind or a copy", async (t) => {
  const lines: Lines = [];
  await withNodes(["a", "b"], async ([a, b]) => {
    await attached(a!, b!);
    await sql(a!, "create table public.t (n int); insert into public.t values (1)");
    let pair: Pair = { lost: a!, leader: b! };
    for (const [index, round] of ROUNDS.entries()) {
      const ok = await t.step(round.name, () => play(round, pair, lines, index + 16));
      if (!ok) return;
      pair = { lost: pair.leader, leader: pair.lost };
    }
    await t.step("replication.rejoin is refuse: left alone, and named", async () => {
      await part(pair);
      await kill(pair);
      await refusedFollow(pair);
      const outcome = await withRejoin(
        pair.lost,
        "refuse",
        (node) =>
          node.server.run({
            type: "clone",
            incarnation: "0000abcd",
            upstream: pair.leader.upstream,
          }),
      );
      assert.ok(!outcome.ok && outcome.failure === "unsupported", JSON.stringify(outcome));
      assert.match(
        outcome.because,
        /replication\.rejoin is refuse\. Keep what you need of it, move/,
      );
      const left = await observed(pair.lost, "stopped");
      assert.notEqual(left.incarnation, "0000abcd");
    });
  }, collecting(lines));
});

Deno.test("a standby that replayed beyond the switch point is rewound", async () => {
  const lines: Lines = [];
  await withNodes(["a", "b", "c"], async ([a, b, c]) => {
    await attached(a!, b!);
    await must(c!, { type: "clone", incarnation: "0000000c", upstream: a!.upstream }, "done");
    await observed(c!, "standby", ({ streamingFrom }) => streamingFrom === "a");
    await must(b!, { type: "revoke" }, "revoked");
    await sql(a!, "create table public.lost (n int)");
    await caughtUp(c!, a!);
    await must(a!, { type: "fence" }, "done");
    await must(b!, { type: "promote", sync: NONE }, "started_primary");
    await refusedFollow({ lost: c!, leader: b! });
    const clone = { type: "clone", incarnation: "0000001c", upstream: b!.upstream } as const;
    await must(c!, clone, "done");
    await caughtUp(c!, b!);
    assert.deepEqual(await sql(c!, "select to_regclass('public.lost') as lost"), [{ lost: null }]);
    assert.match(outcomes(lines), /^started rewind; done it streams/);
  }, collecting(lines));
});

Deno.test("a rewind that was interrupted is never started, and copied over", async () => {
  const lines: Lines = [];
  await withNodes(["a", "b"], async ([a, b]) => {
    await attached(a!, b!);
    await sql(a!, "create table public.t (n int)");
    const pair = { lost: a!, leader: b! };
    await part(pair);
    await kill(pair);
    await refusedFollow(pair);
    const clone = { type: "clone", incarnation: "0000001a", upstream: b!.upstream } as const;
    const abort = new AbortController();
    const cut = await a!.server.run(clone, {
      signal: abort.signal,
      onProgress: ({ doing }) => doing === "rewind" && abort.abort(),
    });
    assert.equal(cut.ok, false);
    assert.deepEqual(await a!.server.observe(), { state: "absent" });
    const started = await a!.server.run({ type: "start_standby" });
    assert.match(started.ok ? "" : started.because, /There is no data directory/);
    await must(a!, clone, "done");
    await caughtUp(a!, b!);
    assert.equal(lines.filter(({ event }) => event === "diverged_wal_kept").length, 1);
  }, collecting(lines));
});

Deno.test("a standby whose WAL the leader removed is copied, and so is a slot that lost it", async () => {
  const lines: Lines = [];
  await withNodes(["a", "b"], async ([a, b]) => {
    await attached(a!, b!);
    const follow = { type: "follow", upstream: a!.upstream } as const;
    await must(b!, { type: "stop" }, "stopped");
    // The leader's slot holds WAL back, so it is only lost beyond the limit.
    await sql(a!, "alter system set max_slot_wal_keep_size = '16MB'");
    await sql(a!, "alter system set wal_keep_size = '0'");
    await sql(a!, "select pg_reload_conf()");
    for (let round = 0; round < 4; round++) {
      await sql(a!, "select pg_switch_wal() from txid_current()");
    }
    await sql(a!, "checkpoint");
    const [slot] = await sql(a!, "select wal_status from pg_replication_slots") as {
      wal_status: string;
    }[];
    assert.equal(slot?.wal_status, "lost");
    const refused = await b!.server.run(follow);
    assert.ok(!refused.ok && refused.failure === "diverged", JSON.stringify(refused));
    assert.match(refused.because, /a cannot send WAL: it has removed the WAL from 0\/3/);
    const session = await superuser(b!);
    const wanted = { incarnation: "0000000b", upstream: a!.upstream };
    const seen = await seeStreaming(b!.options, session, wanted, { stillMs: 60_000 });
    session.close();
    assert.match(seen.ok ? "" : seen.because, /a cannot send it WAL: it has removed/);
    await must(b!, { type: "fence" }, "done");
    const clone = { type: "clone", incarnation: "0000001b", upstream: a!.upstream } as const;
    await must(b!, clone, "done");
    await caughtUp(b!, a!);
    assert.equal(outcomes(lines), "not_possible wal-missing");
  }, collecting(lines));
});

Deno.test("a node whose leader cannot be reached waits, and says for whom", async () => {
  await withNodes(["a", "b"], async ([a, b]) => {
    await attached(a!, b!);
    await must(a!, { type: "fence" }, "done");
    for (const type of ["follow", "clone"] as const) {
      if (type === "clone") await must(b!, { type: "fence" }, "done");
      const outcome = await b!.server.run({ type, incarnation: "0000001b", upstream: a!.upstream });
      assert.ok(!outcome.ok && outcome.failure === "failed", JSON.stringify(outcome));
      assert.match(outcome.because, /Cannot ask a for its history: .*nothing listens/);
    }
    assert.equal((await observed(b!, "stopped")).incarnation, "0000000b");
  });
});

/** One round; ends with the old primary as the new one's standby. */
async function play(round: Round, pair: Pair, lines: Lines, number: number): Promise<void> {
  const { lost, leader } = pair;
  const incarnation = number.toString(16).padStart(8, "0");
  lines.length = 0;
  await part(pair);
  await round.happens(pair);
  await refusedFollow(pair);
  const clone = { type: "clone", incarnation, upstream: leader.upstream } as const;
  if (round.rejoin === undefined) await must(lost, clone, "done");
  else await withRejoin(lost, round.rejoin, (node) => must(node, clone, "done"));
  const back = await observed(
    lost,
    "standby",
    ({ streamingFrom }) => streamingFrom === leader.name,
  );
  assert.equal(back.incarnation, incarnation);
  await caughtUp(lost, leader);
  // A commit that still waits is seen on the standby alone.
  const all = `select n from public.t where n <> ${HANGING} order by n`;
  assert.deepEqual(await sql(lost, all), await sql(leader, all));
  assert.match(outcomes(lines), round.expect);
  assert.equal(lines.filter(({ event }) => event === "diverged_wal_kept").length, 1);
  if (outcomes(lines).includes("done")) {
    // Its own files are its own still, and no slot of its time as a primary holds WAL back.
    const conf = await Deno.readTextFile(join(lost.options.dataDir!, "postgresql.conf"));
    assert.ok(!conf.includes(`# of node ${leader.name}`), conf.slice(-200));
    assert.deepEqual(await sql(lost, "select slot_name from pg_replication_slots"), []);
  }
  await round.after?.(pair);
}

/** The standby becomes the primary, and the old primary writes on for a moment. */
async function part({ lost, leader }: Pair): Promise<void> {
  await caughtUp(leader, lost);
  await must(leader, { type: "revoke" }, "revoked");
  await sql(lost, "insert into public.t values (-1)");
  await must(leader, { type: "promote", sync: NONE }, "started_primary");
  await sql(leader, "insert into public.t select max(n) + 1 from public.t");
}

async function refusedFollow({ lost, leader }: Pair): Promise<void> {
  const refused = await lost.server.run({ type: "follow", upstream: leader.upstream });
  assert.ok(!refused.ok && refused.failure === "diverged", JSON.stringify(refused));
  await must(lost, { type: "fence" }, "done");
}

async function attached(primary: Node, standby: Node): Promise<void> {
  const [a, b] = ["0000000a", "0000000b"];
  await must(primary, { type: "initialise", incarnation: a!, sync: NONE }, "started_primary");
  await must(standby, { type: "clone", incarnation: b!, upstream: primary.upstream }, "done");
  await observed(standby, "standby", ({ streamingFrom }) => streamingFrom === primary.name);
}

async function caughtUp(standby: Node, primary: Node): Promise<void> {
  // At a segment's very start the insert position stands behind a header that is not replayed.
  await sql(primary, "select txid_current()");
  const { insertLsn } = await observed(primary, "primary");
  await observed(standby, "standby", ({ replayedLsn }) => replayedLsn >= insertLsn);
}

/** The same node under another configuration. */
async function withRejoin<T>(
  node: Node,
  rejoin: Rejoin,
  use: (node: Node) => Promise<T>,
): Promise<T> {
  const other = await openNode({ ...node.options, rejoin });
  try {
    return await use(other);
  } finally {
    await other.server.close();
  }
}

function outcomes(lines: Lines): string {
  return lines.filter(({ event }) => event === "rewind").map(({ fields }) => {
    const { outcome, rule, because } = fields;
    return `${outcome} ${outcome === "done" || outcome === "failed" ? because : rule}`;
  }).join("; ");
}

function collecting(lines: Lines): (options: PostgresOptions) => PostgresOptions {
  return (options) => ({
    ...options,
    log: (_, event, fields = {}) => void lines.push({ event, fields }),
  });
}
