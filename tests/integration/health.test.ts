/**
 * What a look at a real server finds when the server hangs, in each way it can.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openSession, type Session } from "../../src/postgres/connection.ts";
import { type Eye, openEye } from "../../src/postgres/eye.ts";
import type { Finding } from "../../src/postgres/server.ts";
import { must, type Node, openNode, postmasterPid, withNodes } from "./postgres_world.ts";

const ALONE = { names: [], required: 0 };

/** Looks until that is found; at most a minute. */
async function finds(node: Node, wanted: Finding): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  for (;;) {
    await node.server.observe();
    if (node.server.finding() === wanted) return;
    assert.ok(performance.now() < deadlineMs, `${node.server.finding()} is found, not ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("observe() tells a stopped postmaster from a dead one, and one that shut down", async () => {
  await withNodes(["a"], async ([a]) => {
    await finds(a!, "absent");
    await must(a!, { type: "initialise", incarnation: "0a0a0a0a", sync: ALONE }, "started_primary");
    await finds(a!, "answers");
    const pid = await postmasterPid(a!);
    Deno.kill(pid, "SIGSTOP");
    await finds(a!, "frozen");
    Deno.kill(pid, "SIGCONT");
    await finds(a!, "answers");
    Deno.kill(pid, "SIGKILL");
    await finds(a!, "crashed");
    await must(a!, { type: "fence" }, "done");
    await must(a!, { type: "start_primary", sync: ALONE }, "started_primary");
    await must(a!, { type: "stop" }, "stopped");
    await finds(a!, "stopped");
  });
});

Deno.test("observe() keeps what it knew of a primary that has too many connections", async () => {
  await withNodes(["a"], async ([a]) => {
    await must(a!, { type: "initialise", incarnation: "0a0a0a0a", sync: ALONE }, "started_primary");
    const { dataDir } = a!.options;
    await Deno.writeTextFile(
      `${dataDir}/postgresql.auto.conf`,
      "max_connections = 6\nsuperuser_reserved_connections = 0\nautovacuum = off\n",
    );
    await must(a!, { type: "stop" }, "stopped");
    await must(a!, { type: "start_primary", sync: ALONE }, "started_primary");
    await finds(a!, "answers");
    const sessions = await takeAll(a!);
    try {
      // The agent's own connection is ended too, and its place taken before it comes back.
      const own = await Promise.all(sessions.map(pidOf));
      const ended = await sessions[0]!.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and pid not in (${own.join(", ")})`,
      );
      assert.ok(ended.ok && ended.rows.length > 0);
      for (let taken = 0; taken === 0;) {
        const more = await takeAll(a!);
        taken = more.length;
        sessions.push(...more);
      }
      await finds(a!, "crowded");
      assert.equal((await a!.server.observe()).state, "primary");
    } finally {
      for (const session of sessions) session.close();
    }
  });
});

Deno.test("a shutdown that would find no room is not begun, and starts in vain are counted", async () => {
  await withNodes(["a"], async ([a]) => {
    await must(a!, { type: "initialise", incarnation: "0a0a0a0a", sync: ALONE }, "started_primary");
    const strict = await openNode({ ...a!.options, shutdownFloorMiB: 1_000_000_000 });
    try {
      const refused = await strict.server.run({ type: "stop" });
      assert.ok(!refused.ok && refused.failure === "unsupported");
      assert.match(refused.because, /MiB left, and its last checkpoint may need 1000000000 MiB/);
      await finds(a!, "answers");
    } finally {
      await strict.server.close();
    }
    await must(a!, { type: "stop" }, "stopped");
    assert.equal(a!.server.setback(), null);
    const { port } = a!.options;
    const thief = Deno.listen({ hostname: "127.0.0.1", port });
    try {
      for (const failures of [1, 2]) {
        assert.ok(!(await a!.server.run({ type: "start_primary", sync: ALONE })).ok);
        assert.equal(a!.server.setback()?.failures, failures);
      }
      assert.match(a!.server.setback()?.because ?? "", new RegExp(`listens on port ${port}`));
    } finally {
      thief.close();
    }
  });
});

Deno.test("an eye calls a server deaf until it answers a new connection again", async () => {
  await withNodes(["a"], async ([a]) => {
    await must(a!, { type: "initialise", incarnation: "0a0a0a0a", sync: ALONE }, "started_primary");
    const door = openDoor(a!.options.port);
    const { username: user, password, database } = a!.options;
    const target = { host: "127.0.0.1", port: door.port, user, password, database };
    const eye = openEye(target, () => {}, { probeEveryMs: 0 });
    try {
      assert.deepEqual(await answers(eye), ["answers", "answers", true]);
      assert.deepEqual(await answers(eye), ["answers", "answers", true]);
      door.shut = true;
      // Not only once: each look asks again.
      for (let time = 0; time < 3; time++) {
        assert.deepEqual(await answers(eye), ["answers", "silent", false]);
      }
      door.shut = false;
      assert.deepEqual(await answers(eye), ["answers", "answers", true]);
    } finally {
      eye.close();
      door.close();
    }
  });
});

async function answers(eye: Eye) {
  const { kept, fresh, sight } = await eye.look(500);
  return [kept, fresh, sight.ok];
}

/** Sessions until the server has no room for another. */
async function takeAll({ options }: Node): Promise<Session[]> {
  const { host, port, username: user, password, database } = options;
  const sessions: Session[] = [];
  for (;;) {
    const opened = await openSession({ host, port, user, password, database }, 5_000);
    if (!opened.ok) {
      assert.equal(opened.code, "53300", opened.because);
      return sessions;
    }
    sessions.push(opened.session);
  }
}

async function pidOf(session: Session): Promise<string> {
  const told = await session.query("select pg_backend_pid()::text as pid");
  assert.ok(told.ok);
  return told.rows[0]!.pid!;
}

/** A way to a port; while it is shut, new connections are taken and lead nowhere. */
function openDoor(to: number): { readonly port: number; shut: boolean; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const door = {
    port: listener.addr.port,
    shut: false,
    close() {
      listener.close();
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // The pipe closed it.
        }
      }
    },
  };
  void (async () => {
    for await (const inside of listener) {
      open.add(inside);
      if (door.shut) continue;
      const outside = await Deno.connect({ hostname: "127.0.0.1", port: to });
      open.add(outside);
      void inside.readable.pipeTo(outside.writable).catch(() => {});
      void outside.readable.pipeTo(inside.writable).catch(() => {});
    }
  })();
  return door;
}
