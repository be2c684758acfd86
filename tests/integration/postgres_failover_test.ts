/** A standby is made, promoted and followed again: src/postgres against real servers. */
import assert from "node:assert/strict";
import { formatLsn, type Lsn, parseLsn } from "../../src/core/lsn.ts";
import type { SyncSetting } from "../../src/core/server.ts";
import { findPostgres } from "../../src/postgres/server.ts";
import { must, type Node, observed, openNode, sql, withNodes } from "./postgres_world.ts";

const A = "0000000a";
const B = "0000000b";
const onlyOn = (node: string, incarnation: string): SyncSetting => ({
  names: [{ node, incarnation }],
  required: 1,
});

Deno.test("a promoted standby has every commit, and the old primary comes back by a rewind", async () => {
  await withNodes(["a", "pg-b"], async (nodes) => {
    const [a, b] = [nodes[0]!, nodes[1]!];
    assert.deepEqual(await a.server.observe(), { state: "absent" });

    const first = await must(a, {
      type: "initialise",
      incarnation: A,
      sync: onlyOn("pg-b", B),
    }, "started_primary");
    assert.equal(first.timeline, 1);
    assert.equal(first.startLsn, 0n);
    assert.equal(first.incarnation, A);

    const progress: number[] = [];
    const cloned = await b.server.run({
      type: "clone",
      incarnation: B,
      upstream: a.upstream,
    }, { onProgress: ({ doneBytes }) => progress.push(doneBytes) });
    assert.deepEqual(cloned, { ok: true, result: { type: "done" } });
    assert.ok(progress.length > 0 && progress.at(-1)! > 1_000_000);

    const standby = await observed(b, "standby", ({ streamingFrom }) => streamingFrom === "a");
    assert.equal(standby.following, "a");
    assert.equal(standby.incarnation, B);
    assert.equal(standby.systemIdentifier, first.systemIdentifier);
    const primary = await observed(
      a,
      "primary",
      ({ standbys }) =>
        standbys.some(({ node, incarnation, state }) =>
          node === "pg-b" && incarnation === B && state === "streaming"
        ),
    );
    assert.deepEqual(primary.sync, onlyOn("pg-b", B));

    // A commit waits for the standby by name, and comes back because it is there.
    await sql(a, "set synchronous_commit = on; create table public.t (n int)");
    await sql(a, "set synchronous_commit = on; insert into public.t values (1)");

    const revoked = await must(b, { type: "revoke" }, "revoked");
    assert.equal(revoked.position.timeline, 1);
    const detached = await observed(b, "standby");
    assert.equal(detached.following, null);
    assert.equal(detached.streamingFrom, null);

    // Written after the revocation: local to the old primary, never acknowledged, to be discarded.
    await sql(a, "insert into public.t values (2)");
    const beforeLsn = await observed(a, "primary");
    await must(b, { type: "prepare" }, "done");
    const beganMs = performance.now();
    const promoted = await must(b, { type: "promote", sync: onlyOn("a", A) }, "started_primary");
    const promoteMs = performance.now() - beganMs;
    assert.ok(promoteMs < 2_000, `the promotion took ${promoteMs}ms`);
    assert.equal(promoted.timeline, 2);
    assert.ok(promoted.startLsn >= revoked.position.lsn - 8192n);
    assert.ok(promoted.barrierLsn >= promoted.startLsn);
    assert.deepEqual((await observed(b, "primary")).sync, onlyOn("a", A));

    await must(a, { type: "fence" }, "done");
    const down = await observed(a, "stopped");
    assert.equal(down.wasPrimary, true);
    assert.equal(down.cleanly, false);

    const refused = await a.server.run({ type: "follow", upstream: b.upstream });
    assert.equal(refused.ok, false);
    assert.equal(!refused.ok && refused.failure, "diverged", JSON.stringify(refused));

    await must(a, { type: "fence" }, "done");
    const clone = { type: "clone", incarnation: "0000001a", upstream: b.upstream } as const;
    const full = await openNode({ ...a.options, diskFloorMiB: 1e9 });
    const waits = await full.server.run(clone);
    await full.server.close();
    assert.match(waits.ok ? "" : waits.because, /MiB left\. Free some, or move older folders away/);
    assert.equal((await observed(a, "stopped")).incarnation, A, "nothing was replaced");
    await must(a, clone, "done");
    await observed(a, "standby", ({ streamingFrom }) => streamingFrom === "pg-b");
    await checkKept(a, promoted.startLsn, beforeLsn.insertLsn);
    await must(b, { type: "set_sync", sync: onlyOn("a", "0000001a") }, "sync_in_force");
    await sql(b, "set synchronous_commit = on; insert into public.t values (3)");
    assert.deepEqual(await sql(b, "select n from public.t order by n"), [{ n: "1" }, { n: "3" }]);
  });
});

/** The WAL that was to be discarded is kept, says what it is, and can be read. */
async function checkKept(node: Node, forkLsn: Lsn, writtenLsn: Lsn): Promise<void> {
  const root = `${node.options.stateDir}/diverged`;
  const folders = (await Array.fromAsync(Deno.readDir(root))).map(({ name }) => name);
  assert.equal(folders.length, 1, folders.join(", "));
  const folder = `${root}/${folders[0]}`;
  assert.match(folder, /\d{4}-\d\d-\d\dT\d{6}Z-tl1-0_[0-9A-F]+-0_[0-9A-F]+$/);
  const about = JSON.parse(await Deno.readTextFile(`${folder}/about.json`));
  assert.equal(about.incarnation, A);
  assert.deepEqual(about.fork, { timeline: 1, lsn: formatLsn(forkLsn) });
  const endLsn = parseLsn(about.end.lsn)!;
  assert.ok(endLsn >= writtenLsn && endLsn < writtenLsn + 8192n, about.end.lsn);
  assert.ok(about.bytes > 0 && about.segments.length > 0);
  const programs = await findPostgres(null, null);
  assert.ok(programs.ok);
  const dump = await new Deno.Command(`${programs.value.binDir}/pg_waldump`, {
    args: ["--path", folder, "--start", about.fork.lsn, "--rmgr", "Transaction", about.segments[0]],
  }).output();
  assert.match(new TextDecoder().decode(dump.stdout), /COMMIT/);
}

Deno.test("after a planned handover the old primary follows without a clone", async () => {
  await withNodes(["a", "b"], async (nodes) => {
    const [a, b] = [nodes[0]!, nodes[1]!];
    const none: SyncSetting = { names: [], required: 0 };
    await must(a, { type: "initialise", incarnation: A, sync: none }, "started_primary");
    await must(b, { type: "clone", incarnation: B, upstream: a.upstream }, "done");
    await observed(b, "standby", ({ streamingFrom }) => streamingFrom === "a");
    const forced = await must(a, { type: "set_sync", sync: onlyOn("b", B) }, "sync_in_force");
    assert.ok(forced.barrierLsn > 0n);
    await sql(a, "set synchronous_commit = on; create table public.t (n int)");

    const stopped = await must(a, { type: "stop" }, "stopped");
    await observed(b, "standby", ({ position }) => position.lsn > stopped.checkpoint.lsn);
    const down = await observed(a, "stopped");
    assert.deepEqual([down.cleanly, down.checkpoint], [true, stopped.checkpoint]);

    const revoked = await must(b, { type: "revoke" }, "revoked");
    assert.ok(revoked.position.lsn > stopped.checkpoint.lsn);
    await must(b, { type: "prepare" }, "done");
    await must(b, { type: "promote", sync: onlyOn("a", A) }, "started_primary");

    await must(a, { type: "follow", upstream: b.upstream }, "done");
    const back = await observed(a, "standby", ({ streamingFrom }) => streamingFrom === "b");
    assert.equal(back.incarnation, A);
    await observed(a, "standby", ({ position }) => position.timeline === 2);
    await sql(b, "set synchronous_commit = on; insert into public.t values (1)");
    // Asking again where it streams already changes nothing.
    await must(a, { type: "follow", upstream: b.upstream }, "done");
  });
});

Deno.test("a promotion beyond a timeline skips its number, and a standby follows across the gap", async () => {
  await withNodes(["a", "b"], async (nodes) => {
    const [a, b] = [nodes[0]!, nodes[1]!];
    const none: SyncSetting = { names: [], required: 0 };
    await must(a, { type: "initialise", incarnation: A, sync: none }, "started_primary");
    await must(b, { type: "clone", incarnation: B, upstream: a.upstream }, "done");
    await observed(b, "standby", ({ streamingFrom }) => streamingFrom === "a");
    const stopped = await must(a, { type: "stop" }, "stopped");
    await observed(b, "standby", ({ position }) => position.lsn > stopped.checkpoint.lsn);
    await must(b, { type: "revoke" }, "revoked");
    const promote = { type: "promote", sync: none, beyondTimeline: 3 } as const;
    const promoted = await must(b, promote, "started_primary");
    assert.equal(promoted.timeline, 4);
    await must(a, { type: "follow", upstream: b.upstream }, "done");
    await sql(b, "create table public.t (n int)");
    await observed(
      a,
      "standby",
      ({ position, streamingFrom }) => position.timeline === 4 && streamingFrom === "b",
    );
  });
});

Deno.test("a crashed primary that had sent everything follows without a clone", async () => {
  await withNodes(["a", "b"], async (nodes) => {
    const [a, b] = [nodes[0]!, nodes[1]!];
    await must(a, { type: "initialise", incarnation: A, sync: onlyOn("b", B) }, "started_primary");
    await must(b, { type: "clone", incarnation: B, upstream: a.upstream }, "done");
    await observed(b, "standby", ({ streamingFrom }) => streamingFrom === "a");
    await sql(a, "set synchronous_commit = on; create table public.t (n int)");
    const { insertLsn } = await observed(a, "primary");
    await observed(b, "standby", ({ replayedLsn }) => replayedLsn >= insertLsn);
    await must(a, { type: "fence" }, "done");

    await must(b, { type: "revoke" }, "revoked");
    await must(b, { type: "promote", sync: onlyOn("a", A) }, "started_primary");
    await must(a, { type: "follow", upstream: b.upstream }, "done");
    await observed(a, "standby", ({ streamingFrom }) => streamingFrom === "b");
  });
});

Deno.test("a primary starts again on its own timeline", async () => {
  await withNodes(["a"], async ([node]) => {
    const a = node!;
    const none: SyncSetting = { names: [], required: 0 };
    const first = await must(
      a,
      { type: "initialise", incarnation: A, sync: none },
      "started_primary",
    );
    await must(a, { type: "fence" }, "done");
    const again = await must(a, { type: "start_primary", sync: none }, "started_primary");
    assert.equal(again.timeline, 1);
    assert.equal(again.systemIdentifier, first.systemIdentifier);
    assert.ok(again.barrierLsn > first.barrierLsn);
    await must(a, { type: "stop" }, "stopped");
    await must(a, { type: "start_standby" }, "done");
    const standby = await observed(a, "standby");
    assert.deepEqual([standby.following, standby.streamingFrom], [null, null]);
    const revoked = await must(a, { type: "revoke" }, "revoked");
    assert.ok(revoked.position.lsn >= again.barrierLsn);
  });
});
