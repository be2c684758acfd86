/**
 * Operators who pause a cluster, do what they like with its network, PostgreSQL and agents, and
 * resume it.
 */
import assert from "node:assert/strict";
import { listProcesses, postmasterOf, sendSignal } from "../../src/cli/demo/processes.ts";
import {
  type Agent,
  configOf,
  eventually,
  inFolder,
  members,
  metako,
  postgresProgram,
  settled,
  startAgent,
  statusOf,
  writeConfig,
} from "./agent_world.ts";

Deno.test("a paused cluster fences, starts and elects nothing until it is resumed", async () => {
  await inFolder(async (folder) => {
    const all = members("node1", "node2", "node3");
    const [node1, node2, node3] = all;
    const files = await Promise.all(
      all.map((member) => writeConfig(folder, configOf(member, all, folder))),
    );
    const agents: Agent[] = await Promise.all(files.map((file) => startAgent(file)));
    const [file1, file2] = files;
    assert.equal(await settled(file1!, 3), "node1");
    const data1 = `${folder}/node1-data`;
    const postmaster = () => postmasterOf(data1, listProcesses());
    const before = postmaster();
    assert.notEqual(before, null);

    const paused = await metako("pause", "--reason", "new switch", "--config", file2!);
    assert.equal(paused.code, 0, paused.err);
    assert.match(paused.out, /node1 stays the primary/);
    const refused = await metako("switchover", "--config", file2!);
    assert.equal(refused.code, 3);
    assert.match(refused.err, /paused by .* \(new switch\)/);

    // The network is gone for longer than the lease: the core gives up, PostgreSQL runs on.
    for (const agent of agents.slice(1)) sendSignal(agent.pid, "SIGSTOP");
    await eventually("a fence to be held back", async () => {
      const { paused } = await statusOf(node1!);
      return paused?.held === "fence";
    });
    for (const agent of agents.slice(1)) sendSignal(agent.pid, "SIGCONT");
    const leads = async () => (await statusOf(node1!)).phase === "leading";
    await eventually("the primary to be taken back", leads);
    assert.equal(postmaster(), before, "PostgreSQL was not touched");

    // Its agent is killed: no guardian ends it, and the next agent keeps the pause.
    sendSignal(agents[0]!.pid, "SIGKILL");
    await eventually("the agent to be gone", () => Promise.resolve(!agents[0]!.alive()));
    const early = await metako("resume", "--config", file2!);
    assert.equal(early.code, 3, early.out);
    assert.match(early.err, /node1 does not answer, and may run a primary/);
    agents[0] = await startAgent(file1!);
    await eventually("the next agent to lead", leads);
    assert.equal((await statusOf(node1!)).paused.holds_primary, true);
    assert.equal(postmaster(), before, "PostgreSQL was not touched");

    // PostgreSQL is restarted by hand, and one standby stopped.
    await postgresProgram("pg_ctl", "-D", data1, "-m", "fast", "-w", "stop");
    await eventually(
      "the agent to see it",
      async () => (await statusOf(node1!)).state === "stopped",
    );
    await postgresProgram("pg_ctl", "-D", data1, "-l", "/dev/null", "-w", "start");
    await eventually("the primary to be taken back", leads);
    await postgresProgram("pg_ctl", "-D", `${folder}/node3-data`, "-m", "fast", "-w", "stop");
    await eventually("its start to be held back", async () => {
      const { state, paused } = await statusOf(node3!);
      return state === "stopped" && paused?.held === "follow";
    });

    const resumed = await metako("resume", "--config", file2!);
    assert.equal(resumed.code, 0, resumed.err);
    assert.equal(await settled(file2!, 3), "node1");
    assert.equal((await statusOf(node2!)).paused, null);
    for (const agent of agents) await agent.stop();
  });
});
