/**
 * Operators who have PostgreSQL restarted, a standby and then the primary, and a standby copied anew.
 */
import assert from "node:assert/strict";
import { listProcesses, postmasterOf, sendSignal } from "../../src/cli/demo/processes.ts";
import {
  configOf,
  eventually,
  inFolder,
  members,
  metako,
  settled,
  startAgent,
  statusOf,
  writeConfig,
} from "./agent_world.ts";

Deno.test("operators restart a standby and the primary, and have a standby copied anew", async () => {
  await inFolder(async (folder) => {
    const all = members("node1", "node2");
    const witness = members("witness1");
    const everybody = [...all, ...witness];
    const files = await Promise.all(
      everybody.map((member) => writeConfig(folder, configOf(member, everybody, folder))),
    );
    const agents = await Promise.all(files.map((file) => startAgent(file)));
    const file = files[1]!;
    assert.equal(await settled(file, 3), "node1");
    const postmaster = (node: string) => postmasterOf(`${folder}/${node}-data`, listProcesses());
    const [primary, standby] = [postmaster("node1"), postmaster("node2")];
    const { term } = await statusOf(all[0]!);

    const restarted = await metako("restart", "node2", "--config", file);
    assert.equal(restarted.code, 0, restarted.err);
    assert.notEqual(postmaster("node2"), standby);
    assert.equal((await statusOf(all[1]!)).streaming, true);

    const refused = await metako("restart", "node1", "--config", file);
    assert.equal(refused.code, 3);
    assert.match(refused.err, /--switchover .* or --in-place/);
    assert.equal(postmaster("node1"), primary);
    const inPlace = await metako("restart", "node1", "--in-place", "--yes", "--config", file);
    assert.equal(inPlace.code, 0, inPlace.err);
    assert.notEqual(postmaster("node1"), primary);
    assert.equal(await settled(file, 3), "node1");
    assert.equal((await statusOf(all[0]!)).term, term, "it stayed the leader all the time");

    const { incarnation } = await statusOf(all[1]!);
    const unasked = await metako("reinit", "node2", "--config", file);
    assert.deepEqual([unasked.code, (await statusOf(all[1]!)).incarnation], [3, incarnation]);
    const copied = await metako("reinit", "node2", "--yes", "--config", file);
    assert.equal(copied.code, 0, copied.err);
    assert.match(copied.out, /node2 streams from node1/);
    assert.notEqual((await statusOf(all[1]!)).incarnation, incarnation);
    const primaryData = await metako("reinit", "node1", "--yes", "--config", file);
    assert.equal(primaryData.code, 3);
    assert.equal(await settled(file, 3), "node1");

    // Whoever comes later sees who did it, and with what.
    sendSignal(agents[0]!.pid, "SIGHUP");
    assert.equal((await metako("pause", "--reason", "disks", "--config", file)).code, 0);
    assert.equal((await metako("resume", "--config", file)).code, 0);
    assert.equal((await metako("reload", "--node", "node2", "--config", file)).code, 0);
    assert.equal((await metako("switchover", "--config", file)).code, 0);
    type Entry = Record<string, string | null>;
    let entries: Entry[] = [];
    await eventually("the history to have all of it", async () => {
      const told = await metako("history", "--json", "--config", file);
      entries = JSON.parse(told.out).entries;
      return entries.some(({ action }) => action === "failover");
    });
    const requests = entries.filter(({ type }) => type === "operator");
    assert.deepEqual(
      requests.map(({ action, tool, node, outcome }) => `${action} ${node} ${tool} ${outcome}`)
        .sort(),
      [
        "failover node1 metako switchover succeeded",
        "pause node1 metako pause succeeded",
        "pause node2 metako pause succeeded",
        "pause witness1 metako pause succeeded",
        "reinit node2 metako reinit succeeded",
        "reload node1 SIGHUP succeeded",
        "reload node2 metako reload succeeded",
        "restart node1 metako restart succeeded",
        "restart node2 metako restart succeeded",
        "resume node1 metako resume succeeded",
        "resume node2 metako resume succeeded",
        "resume witness1 metako resume succeeded",
      ],
    );
    const person = requests.filter(({ asked_by }) => asked_by !== "local");
    assert.ok(person.every(({ operator }) => /^.+@.+$/.test(operator ?? "")), "who it was");
    const change = entries.findLast(({ type }) => type === "primary");
    assert.deepEqual([change?.to, change?.tool], ["node2", "metako switchover"]);
    const shown = await metako("history", "--config", file);
    assert.match(shown.out, /pause node1, node2, witness1 +succeeded.*\n.*: paused: disks\n/);
    for (const agent of agents) await agent.stop();
  });
});
