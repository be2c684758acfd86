/**
 * Operators who have PostgreSQL restarted, a standby and then the primary, and a standby copied anew.
 */
import assert from "node:assert/strict";
import { listProcesses, postmasterOf } from "../../src/cli/demo/processes.ts";
import {
  configOf,
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
    for (const agent of agents) await agent.stop();
  });
});
