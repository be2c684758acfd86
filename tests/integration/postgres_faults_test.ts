/** What goes wrong around a server: src/postgres against real servers and real signals. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { SyncSetting } from "../../src/core/server.ts";
import { findPostgres } from "../../src/postgres/discover.ts";
import { allProcesses, commandLine } from "../../src/postgres/process.ts";
import { openLocalServer } from "../../src/postgres/server.ts";
import { reloaded } from "../../src/postgres/in_force.ts";
import {
  freePort,
  must,
  type Node,
  observed,
  openNode,
  optionsFor,
  postmasterPid,
  sql,
  superuser,
  withNodes,
} from "./postgres_world.ts";

const NONE: SyncSetting = { names: [], required: 0 };

async function initialise(node: Node, incarnation = "0000000a"): Promise<void> {
  await must(node, { type: "initialise", incarnation, sync: NONE }, "started_primary");
}

/** The reason why something cannot be opened. */
async function refusal(options: Node["options"]): Promise<string> {
  const opened = await openLocalServer(options);
  if (opened.ok) await opened.server.close();
  assert.ok(!opened.ok, "it was opened");
  return opened.because;
}

Deno.test("onExit() is called at once when the postmaster is killed, also one it did not start", async () => {
  await withNodes(["a"], async ([first]) => {
    await initialise(first!);
    await first!.server.close();
    const again = await openNode(first!.options);
    try {
      await observed(again, "primary");
      let exitedAtMs = 0;
      again.server.onExit(() => exitedAtMs = performance.now());
      const killedAtMs = performance.now();
      Deno.kill(await postmasterPid(again), "SIGKILL");
      while (exitedAtMs === 0 && performance.now() - killedAtMs < 3_000) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.ok(exitedAtMs > 0 && exitedAtMs - killedAtMs < 1_000, `${exitedAtMs - killedAtMs}ms`);
      await must(again, { type: "fence" }, "done");
      const down = await observed(again, "stopped");
      assert.deepEqual([down.cleanly, down.wasPrimary, down.incarnation], [
        false,
        true,
        "0000000a",
      ]);
      // The killed process left its pid file, and in a container without an init a zombie.
      await must(again, { type: "start_primary", sync: NONE }, "started_primary");
      await must(again, { type: "fence" }, "done");
    } finally {
      await again.server.close();
    }
  });
});

Deno.test("an agent that goes leaves PostgreSQL running, and the next one finds it", async () => {
  await withNodes(["a"], async ([first]) => {
    await initialise(first!);
    const pid = await postmasterPid(first!);
    await first!.server.close();
    const again = await openNode(first!.options);
    const seen = await observed(again, "primary");
    assert.deepEqual([seen.incarnation, seen.timeline], ["0000000a", 1]);
    assert.equal(await postmasterPid(again), pid);
    await again.server.close();
  });
});

Deno.test("a frozen postmaster is unresponsive, and a fence ends it with every backend", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    const session = await superuser(a!);
    const told = await session.query("select pg_backend_pid()::text as pid");
    const backend = told.ok ? Number(told.rows[0]?.pid) : 0;
    const pid = await postmasterPid(a!);
    Deno.kill(pid, "SIGSTOP");
    Deno.kill(backend, "SIGSTOP");
    assert.equal((await a!.server.observe()).state, "unresponsive");
    await must(a!, { type: "fence" }, "done");
    for (const gone of [pid, backend]) {
      const stat = await Deno.readTextFile(`/proc/${gone}/stat`).catch(() => "gone");
      assert.match(stat, /gone|\) Z /);
    }
    await observed(a!, "stopped");
    session.close();
  });
});

Deno.test("a postmaster whose data directory is gone is refused, and fenced all the same", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    await observed(a!, "primary");
    const pid = await postmasterPid(a!);
    // The checkpoint that follows a start would find its files gone, and end the server with PANIC.
    await sql(a!, "checkpoint");
    await Deno.rename(a!.options.dataDir!, `${a!.options.dataDir}-moved`);
    const refused = await observed(a!, "refused");
    assert.match(refused.because, new RegExp(`process ${pid} runs on`));
    await must(a!, { type: "fence" }, "done");
    assert.match(await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "gone"), /gone|\) Z /);
    assert.deepEqual(await a!.server.observe(), { state: "absent" });
  });
});

Deno.test("a fence preempts an action that waits, and that one says so", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    // A frozen postmaster keeps the shutdown waiting.
    Deno.kill(await postmasterPid(a!), "SIGSTOP");
    const stop = a!.server.run({ type: "stop" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const busy = await a!.server.run({ type: "prepare" });
    assert.ok(!busy.ok && /stop is under way/.test(busy.because), JSON.stringify(busy));
    await must(a!, { type: "fence" }, "done");
    const stopped = await stop;
    assert.ok(!stopped.ok && /preempted by a fence/.test(stopped.because), JSON.stringify(stopped));
  });
});

Deno.test("openLocalServer() refuses a wrong password and names the remedy", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    const because = await refusal({ ...a!.options, password: "not it" });
    assert.match(because, /refuses the password\. Correct it in the configuration file/);
    assert.doesNotMatch(because, /not it/);
    const unasked = await a!.server.roles.find("postgres", null);
    assert.ok(!unasked.ok && unasked.remedy === null, "nothing is connected yet");
    assert.match(unasked.because, /PostgreSQL is not connected/);
    await observed(a!, "primary");
    await sql(a!, "create role plain login");
    const privileged = async (role: string) => {
      const found = await a!.server.roles.find(role, null);
      assert.ok(found.ok, JSON.stringify(found));
      return found.privileged;
    };
    assert.equal(await privileged("postgres"), true);
    assert.equal(await privileged("metako_replication"), true);
    assert.equal(await privileged("plain"), false);
    assert.equal(await privileged("nobody'; --"), false);
  });
});

Deno.test("openLocalServer() refuses missing programs, unknown users and root", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const options = optionsFor("a", ["a"], folder);
    assert.match(await refusal({ ...options, binDir: folder }), /it has no postgres\. Set it/);
    assert.match(
      await refusal({ ...options, osUser: "nobody-here" }),
      /no system user "nobody-here"/,
    );
    if (Deno.uid() === 0) {
      assert.match(await refusal({ ...options, osUser: "root" }), /refuses to run as root/);
      await Deno.chmod(folder, 0o700);
      assert.match(await refusal(options), /cannot reach it\. Give the folders above it mode 0711/);
    }
    const missing = await findPostgres(null, 99);
    assert.ok(!missing.ok && /made by 99|Cannot find PostgreSQL 99/.test(missing.because));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("prepare() refuses a candidate whose disk is almost full", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    await must(a!, { type: "stop" }, "stopped");
    await must(a!, { type: "start_standby" }, "done");
    await must(a!, { type: "prepare" }, "done");
    const strict = await openNode({ ...a!.options, diskFloorMiB: 1_000_000_000 });
    const outcome = await strict.server.run({ type: "prepare" });
    assert.ok(!outcome.ok);
    assert.match(outcome.because, /MiB left, a primary needs at least 1000000000 MiB/);
    await strict.server.close();
  });
});

Deno.test("a start on a port that is taken fails and says which", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    await must(a!, { type: "stop" }, "stopped");
    const { port } = a!.options;
    const thief = Deno.listen({ hostname: "127.0.0.1", port });
    try {
      const outcome = await a!.server.run({ type: "start_primary", sync: NONE });
      assert.ok(!outcome.ok);
      assert.match(outcome.because, new RegExp(`listens on port ${port}: end it, or change`));
    } finally {
      thief.close();
    }
    await must(a!, { type: "start_primary", sync: NONE }, "started_primary");
    // Asked again it is running already, and reports the same.
    const again = await must(a!, { type: "start_primary", sync: NONE }, "started_primary");
    assert.equal(again.timeline, 1);
  });
});

Deno.test("a data directory of another cluster is neither followed nor wiped", async () => {
  await withNodes(["a", "b"], async ([a, b]) => {
    await Promise.all([initialise(a!), initialise(b!, "0000000b")]);
    await must(b!, { type: "stop" }, "stopped");
    const followed = await b!.server.run({ type: "follow", upstream: a!.upstream });
    assert.ok(!followed.ok && followed.failure === "foreign", JSON.stringify(followed));
    const cloned = await b!.server.run({
      type: "clone",
      incarnation: "0000001b",
      upstream: a!.upstream,
    });
    assert.ok(!cloned.ok && cloned.failure === "foreign", JSON.stringify(cloned));
    assert.equal((await observed(b!, "stopped")).incarnation, "0000000b");

    const mark = join(b!.options.dataDir!, "metako.incarnation");
    await Deno.copyFile(join(a!.options.dataDir!, "metako.incarnation"), mark);
    const refused = await observed(b!, "refused");
    assert.match(refused.because, /was replaced behind metako's back/);
  });
});

Deno.test("an interrupted clone is absent, and the next one succeeds", async () => {
  await withNodes(["a", "b"], async ([a, b]) => {
    await initialise(a!);
    const clone = { type: "clone", incarnation: "0000000b", upstream: a!.upstream } as const;
    const abort = new AbortController();
    const cut = b!.server.run(clone, { signal: abort.signal });
    const data = b!.options.dataDir!;
    while (await Deno.stat(`${data}/base`).then(() => false, () => true)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    abort.abort();
    assert.equal((await cut).ok, false);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const { pid, name } of await allProcesses()) {
      assert.ok(name !== "pg_basebackup" || !(await commandLine(pid)).includes(data), `${pid}`);
    }
    assert.ok((await Array.fromAsync(Deno.readDir(data))).length > 0, "something was copied");
    assert.deepEqual(await b!.server.observe(), { state: "absent" });
    await must(b!, clone, "done");
    await observed(b!, "standby", ({ streamingFrom }) => streamingFrom === "a");
  });
});

Deno.test("a folder that is no data directory is refused and left alone", async () => {
  await withNodes(["a"], async ([a]) => {
    const data = a!.options.dataDir!;
    await Deno.mkdir(data);
    await Deno.writeTextFile(`${data}/letter.txt`, "dear");
    const refused = await observed(a!, "refused");
    assert.match(refused.because, /holds something other than .*\(letter\.txt\)\. Empty it/);
    const outcome = await a!.server.run({
      type: "initialise",
      incarnation: "0000000a",
      sync: NONE,
    });
    assert.equal(outcome.ok, false);
    assert.equal(await Deno.readTextFile(`${data}/letter.txt`), "dear");
  });
});

Deno.test("a change takes back what ALTER SYSTEM set of the names", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    await sql(a!, "alter system set synchronous_standby_names = 'elsewhere'");
    const sync = { names: [{ node: "b", incarnation: null }], required: 1 };
    await must(a!, { type: "set_sync", sync }, "sync_in_force");
    assert.deepEqual((await observed(a!, "primary")).sync, sync);
  });
});

Deno.test("reloaded() names a setting that something else overrides, and the remedy", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    const { host, port, username: user, password } = a!.options;
    const target = { host, port, user, password, database: "postgres" };
    const outcome = await reloaded({ target, timeoutMs: 5_000 }, "before", {
      synchronous_standby_names: "as wanted",
    });
    assert.ok(!outcome.ok);
    assert.match(outcome.because, /overrides metako\.conf.*ALTER SYSTEM RESET/);
  });
});

Deno.test("without a data directory the server is asked for it, and managed", async () => {
  await withNodes(["a"], async ([a]) => {
    await initialise(a!);
    const asked = await openNode({ ...a!.options, dataDir: null });
    try {
      assert.deepEqual(asked.server.limitations, []);
      await observed(asked, "primary", ({ incarnation }) => incarnation === "0000000a");
      await must(asked, { type: "fence" }, "done");
      await observed(asked, "stopped");
    } finally {
      await asked.server.close();
    }
    const nobody = await refusal({ ...a!.options, dataDir: null, port: freePort() });
    assert.match(nobody, /nothing listens there\. Start the server, or set local_db\.data_dir/);
  });
});
