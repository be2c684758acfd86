/**
 * Operators who add a member to a cluster that serves, and remove another, agent by agent.
 */
import assert from "node:assert/strict";
import { listProcesses, postmasterOf } from "../../src/cli/demo/processes.ts";
import {
  type Agent,
  configOf,
  eventually,
  inFolder,
  type Member,
  members,
  metako,
  settled,
  startAgent,
  statusOf,
  writeConfig,
} from "./agent_world.ts";

Deno.test("agents add a member that all configurations name, and remove one that none does", async () => {
  await inFolder(async (folder) => {
    const all = members("node1", "node2", "node3", "node4");
    const agents = new Map<string, Agent>();
    const reach = async (self: Member, named: readonly Member[]) => {
      await agents.get(self.name)?.stop();
      const file = await writeConfig(folder, configOf(self, named, folder));
      agents.set(self.name, await startAgent(file));
      return file;
    };
    const three = all.slice(0, 3);
    const [file] = await Promise.all(three.map((member) => reach(member, three)));
    assert.equal(await settled(file!, 3), "node1");
    const postmaster = () => postmasterOf(`${folder}/node1-data`, listProcesses());
    const before = postmaster();
    assert.notEqual(before, null);

    const planned = await metako(
      "members",
      "add",
      "node4=127.0.0.1",
      "--no-wait",
      "--write",
      `${folder}/node4.yaml`,
      "--config",
      file!,
    );
    assert.equal(planned.code, 0, planned.err);
    assert.match(planned.out, /On node2, then node3, then node1: .*\n\n {2}- node_name: node4/);
    let last = "";
    for (const member of [all[1]!, all[2]!, all[0]!, all[3]!]) last = await reach(member, all);
    assert.equal(await settled(last, 4), "node1");

    const listed = await metako("members", "list", "--json", "--config", last);
    const { members: lines, differing } = JSON.parse(listed.out);
    assert.deepEqual(differing, []);
    assert.deepEqual(
      lines.map(({ node, counts }: { node: string; counts: boolean }) => [node, counts]),
      all.map(({ name }) => [name, true]),
    );
    const told = JSON.parse((await metako("history", "--json", "--config", last)).out).entries
      .filter(({ action }: { action?: string }) => action === "members add");
    assert.deepEqual(
      told.map(({ to, tool, because }: Record<string, string>) => [to, tool, because!.slice(0, 9)]),
      [["node4", "metako members add", "announced"], ["node4", "metako members add", "node4 is "]],
    );
    assert.ok(told.every(({ operator }: { operator: string }) => operator.includes("@")));
    const made = await metako("config", "check", `${folder}/node4.yaml`);
    assert.equal(made.code, 0, made.err);

    // An agent that starts again with an old file proposes it, and the members stay as they are.
    await reach(all[1]!, three);
    await eventually("node2 to say that its file is another one", async () => {
      const { problems } = await statusOf(all[1]!);
      return problems.some((text: string) => /configuration of this node proposes/.test(text));
    });
    const { members: inForce } = await statusOf(all[1]!);
    assert.deepEqual(inForce.map(({ node }: { node: string }) => node).sort(), [
      "node1",
      "node2",
      "node3",
      "node4",
    ]);
    const differs = await metako("members", "list", "--json", "--config", last);
    assert.deepEqual(JSON.parse(differs.out).differing, ["node2"]);
    last = await reach(all[1]!, all);
    assert.equal(await settled(last, 4), "node1");
    const primary = await metako("members", "remove", "node1", "--config", last);
    assert.equal(primary.code, 3, primary.out);
    const left = [all[0]!, all[1]!, all[3]!];
    for (const member of [all[1]!, all[3]!, all[0]!]) last = await reach(member, left);
    assert.equal(await settled(last, 3), "node1");
    const { problems } = await statusOf(all[0]!);
    assert.deepEqual(problems, []);
    assert.equal(postmaster(), before, "the primary served all the time");
    for (const agent of agents.values()) await agent.stop();
  });
});
