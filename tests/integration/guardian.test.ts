/**
 * An agent that is restarted, one that hangs, and the guardian that makes the difference; as real
 * processes.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { listProcesses, postmasterOf, sendSignal, worksIn } from "../../src/cli/demo/processes.ts";
import {
  assertNoStackTrace,
  configOf,
  eventually,
  inFolder,
  look,
  type Member,
  members,
  PASSWORD,
  settled,
  startAgent,
  statusOf,
  writeConfig,
} from "./agent_world.ts";

/** Longer than the lease and its margin, and shorter than the patience that is set below. */
const AWAY_MS = 5000;

function connect(port: number) {
  return postgres({
    host: "127.0.0.1",
    port,
    username: "postgres",
    password: PASSWORD,
    database: "postgres",
    max: 1,
    connect_timeout: 5,
  });
}

/** Writes a row every 50 ms through a router until it is told to end. */
function startWriter(port: number) {
  const sql = connect(port);
  let ended = false;
  let rows = 0;
  let longestMs = 0;
  const failures: string[] = [];
  const done = (async () => {
    while (!ended) {
      const startMs = performance.now();
      await sql`insert into written values (${++rows})`.catch((error) => failures.push(`${error}`));
      longestMs = Math.max(longestMs, performance.now() - startMs);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await sql.end({ timeout: 1 });
  })();
  return {
    async end() {
      ended = true;
      await done;
      return { rows, failures, longestMs };
    },
  };
}

function guardiansOf(dataDir: string): readonly number[] {
  return listProcesses().filter(({ args }) => args.includes("guardian") && args.includes(dataDir))
    .map(({ pid }) => pid);
}

Deno.test("a primary outlives its agent for a while, and never for longer", async () => {
  await inFolder(async (folder) => {
    const all = members("node1", "node2", "node3");
    const files = await Promise.all(all.map((member) => {
      const config = configOf(member, all, folder);
      const cluster = { agent_silence_timeout: "10s" };
      return writeConfig(folder, { ...config, coordination: { cluster_mode: cluster } });
    }));
    const dataDir = (member: Member) => `${folder}/${member.name}-data`;
    const agents = await Promise.all(files.map(startAgent));
    assert.equal(await settled(files[1]!, 3), "node1");
    const [first, second] = [all[0]!, all[1]!];
    const postmaster = postmasterOf(dataDir(first), listProcesses());
    const { term } = await statusOf(first);
    const setup = connect(second.routerPort);
    await setup`create table written (number int)`;
    await setup.end({ timeout: 1 });

    const guardians = guardiansOf(dataDir(first));
    assert.equal(guardians.length, 1);
    assert.deepEqual(all.slice(1).flatMap((member) => guardiansOf(dataDir(member))), []);

    // Killed, and back while the others still ask PostgreSQL itself.
    const writer = startWriter(second.routerPort);
    sendSignal(agents[0]!.pid, "SIGKILL");
    await agents[0]!.stop();
    await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
    agents[0] = await startAgent(files[0]!);
    await eventually("the primary's agent to lead on", async () => {
      const status = await statusOf(first);
      return status.role === "primary" && status.has_majority;
    });
    await eventually("the first guardian to be replaced", () => {
      const now = guardiansOf(dataDir(first));
      return Promise.resolve(now.length === 1 && now[0] !== guardians[0]);
    });
    await settled(files[1]!, 3);
    const written = await writer.end();
    assert.deepEqual(written.failures, []);
    assert.ok(written.rows > 20 && written.longestMs < 2500, JSON.stringify(written));
    assert.equal((await statusOf(first)).term, term);
    assert.equal(postmasterOf(dataDir(first), listProcesses()), postmaster);

    // A guardian that is killed is replaced.
    const [guardian] = guardiansOf(dataDir(first));
    sendSignal(guardian!, "SIGKILL");
    await eventually("another guardian", () => {
      const now = guardiansOf(dataDir(first));
      return Promise.resolve(now.length === 1 && now[0] !== guardian);
    });
    assert.match(agents[0]!.out(), /"event":"guardian".*another one is started/);

    // One that hangs is not waited for: its server is ended, with all its backends.
    const session = connect(first.databasePort);
    await session`select 1`;
    sendSignal(agents[0]!.pid, "SIGSTOP");
    const startMs = performance.now();
    await eventually(
      "the server of a hung agent to be gone",
      () => Promise.resolve(!listProcesses().some((process) => worksIn(process, dataDir(first)))),
    );
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 7000 && tookMs < 12_000, `it took ${tookMs} ms`);
    await session.end({ timeout: 1 });
    await eventually("another primary", async () => {
      const { view } = await look(files[1]!);
      return view.primary !== null && view.primary !== "node1";
    });
    sendSignal(agents[0]!.pid, "SIGCONT");
    await eventually("the old primary to be a standby", async () => {
      const status = await statusOf(first);
      return status.role === "standby" && status.streaming;
    });
    await eventually(
      "its guardian to be sent away",
      () => Promise.resolve(guardiansOf(dataDir(first)).length === 0),
    );
    await settled(files[1]!, 3);
    assert.match(await Deno.readTextFile(`${folder}/node1-state/guardian.log`), /are gone/);
    for (const agent of agents) {
      assert.equal(await agent.stop(), 0);
      assertNoStackTrace(agent.out() + agent.err());
    }
  });
});
