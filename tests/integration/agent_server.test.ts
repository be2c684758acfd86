/**
 * Agents and what they find where their server should be: a port that is taken, and a data directory
 * of another cluster. They run, say what is wrong and what to do, and take it up once it is done.
 */
import assert from "node:assert/strict";
import { listProcesses, postmasterOf } from "../../src/cli/demo/processes.ts";
import {
  assertNoStackTrace,
  configOf,
  eventually,
  inFolder,
  look,
  members,
  metako,
  postgresProgram,
  serverFolder,
  settled,
  startAgent,
  statusOf,
  writeConfig,
} from "./agent_world.ts";

Deno.test("an agent says in status which port keeps its PostgreSQL from starting", async () => {
  await inFolder(async (folder) => {
    const [node1] = members("node1");
    const file = await writeConfig(folder, configOf(node1!, [node1!], folder));
    const squatter = Deno.listen({ hostname: "127.0.0.1", port: node1!.databasePort });
    const agent = await startAgent(file);
    try {
      await eventually("status to name the port", async () => {
        const { problems } = await statusOf(node1!);
        return problems.some((text: string) =>
          text.includes(
            `Another program listens on port ${
              node1!.databasePort
            }: end it, or change local_db.port`,
          )
        );
      });
      const plain = await metako("status", "--config", file);
      assert.equal(plain.code, 5, plain.out);
      assert.match(plain.out, new RegExp(`! node1: .*listens on port ${node1!.databasePort}`));
      assert.ok(agent.alive());
    } finally {
      squatter.close();
    }
    // The remedy works without touching the agent.
    await eventually("the server to come up", async () => (await look(file)).code === 0);
    assert.equal(await agent.stop(), 0);
    assertNoStackTrace(agent.out() + agent.err());
  });
});

Deno.test("an agent leaves a data directory of another cluster alone, and says what to do", async () => {
  await inFolder(async (folder) => {
    const all = members("node1", "node2", "witness1");
    const files = await Promise.all(
      all.map((member) => writeConfig(folder, configOf(member, all, folder))),
    );
    const agents = await Promise.all(files.map(startAgent));
    await settled(files[0]!, 3);
    await agents[1]!.stop();
    const data = `${folder}/node2-data`;
    await postgresProgram("pg_ctl", "stop", "-w", "-m", "fast", "-D", data);
    const own = `${folder}/node2-own`;
    await Deno.rename(data, own);
    await serverFolder(`${folder}/foreign`);
    await postgresProgram("initdb", "-D", `${folder}/foreign/data`, "-U", "postgres", "-N");
    await Deno.rename(`${folder}/foreign/data`, data);
    const before = await contents(data);
    const node2 = await startAgent(files[1]!);
    await eventually("status to name the other cluster", async () => {
      const { view } = await look(files[0]!);
      return view.problems.some((text: string) =>
        /^node2: the local data directory belongs to another cluster.*move the directory away/
          .test(text)
      );
    });
    // Long enough for several heartbeats, each a chance to do harm.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    assert.deepEqual(await contents(data), before);
    assert.equal(postmasterOf(data, listProcesses()), null);
    const { code, view } = await look(files[0]!);
    assert.equal(code, 0, "the rest of the cluster works on");
    assert.equal(view.primary, "node1");
    // What status tells the operator to do.
    assert.equal(await node2.stop(), 0);
    await Deno.rename(data, `${folder}/moved-away`);
    agents[1] = await startAgent(files[1]!);
    await settled(files[0]!, 3);
    for (const agent of agents) {
      await agent.stop();
      assertNoStackTrace(agent.out() + agent.err());
    }
  });
});

/** Every file under a folder with its size and time of change. */
async function contents(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...await contents(path));
    else {
      const { size, mtime } = await Deno.stat(path);
      found.push(`${path} ${size} ${mtime?.getTime()}`);
    }
  }
  return found.sort();
}
