/** The doctor at a real cluster: content at first, then with what an administrator broke. */
import assert from "node:assert/strict";
import postgres from "postgres";
import {
  configOf,
  eventually,
  inFolder,
  members,
  metako,
  PASSWORD,
  settled,
  startAgent,
  writeConfig,
} from "./agent_world.ts";

Deno.test("metako doctor is content with a healthy cluster, and finds what was broken", async () => {
  await inFolder(async (folder) => {
    const all = members("node1", "node2", "node3");
    const files = await Promise.all(
      all.map((member) => writeConfig(folder, configOf(member, all, folder))),
    );
    const agents = await Promise.all(files.map(startAgent));
    await settled(files[0]!, 3);
    const healthy = await doctor(files[0]!);
    assert.deepEqual(healthy.bad, []);
    assert.equal(healthy.code, 0);

    const hba = `${folder}/node1-data/pg_hba.conf`;
    await Deno.writeTextFile(hba, "host all all 10.0.0.0/8 trust\n", { append: true });
    const sql = postgres({
      host: "127.0.0.1",
      port: all[0]!.databasePort,
      username: "postgres",
      password: PASSWORD,
      database: "postgres",
      max: 1,
    });
    await sql`alter system set full_page_writes = off`;
    await sql`select pg_reload_conf()`;
    await sql.end();
    await agents[2]!.stop();
    await eventually("the doctor to find all of it", async () => {
      const { code, bad } = await doctor(files[0]!);
      return code === 1 && [
        /^pg_hba Line \d+ of pg_hba\.conf trusts whoever comes from 10\.0\.0\.0\.$/,
        /^settings full_page_writes is off\.$/,
        /^members node3 does not answer/,
      ].every((expected) => bad.some((found) => expected.test(found)));
    });
    await Promise.all(agents.map((agent) => agent.stop()));
  });
});

async function doctor(configFile: string): Promise<{ code: number; bad: string[] }> {
  const { code, out } = await metako("doctor", "--json", "--config", configFile);
  const findings: { check: string; gravity: string; finding: string }[] = JSON.parse(out).findings;
  return {
    code,
    bad: findings.filter(({ gravity }) => gravity === "bad")
      .map(({ check, finding }) => `${check} ${finding}`),
  };
}
