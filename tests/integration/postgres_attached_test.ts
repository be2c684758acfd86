/** A server that is used over SQL alone, because its configuration is out of reach. */
import assert from "node:assert/strict";
import { attachedGrip } from "../../src/postgres/attached_grip.ts";
import { openLocalServer } from "../../src/postgres/server.ts";
import { must, type Node, observed, openNode, sql, withNodes } from "./postgres_world.ts";

/** Restarts the node's server with its configuration outside the data directory, as Debian does. */
async function moveConfiguration(node: Node, folder: string): Promise<void> {
  await must(node, { type: "stop" }, "stopped");
  const { dataDir } = node.options;
  const outside = `${folder}/${node.name}-etc`;
  await Deno.mkdir(outside);
  const uid = (await Deno.stat(dataDir!)).uid!;
  const gid = (await Deno.stat(dataDir!)).gid!;
  for (const name of ["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "metako.conf"]) {
    await Deno.copyFile(`${dataDir}/${name}`, `${outside}/${name}`);
    await Deno.chown(`${outside}/${name}`, uid, gid);
  }
  // Names and sources are ALTER SYSTEM's business from here on.
  const settings = await Deno.readTextFile(`${outside}/metako.conf`);
  await Deno.writeTextFile(
    `${outside}/metako.conf`,
    settings.replace(/^synchronous_standby_names.*$/m, ""),
  );
  const end = await new Deno.Command("/usr/lib/postgresql/15/bin/pg_ctl", {
    args: [
      "start",
      "-w",
      "-D",
      dataDir!,
      "-l",
      `${folder}/${node.name}-state/postgres/attached.log`,
      "-o",
      `-c config_file=${outside}/postgresql.conf`,
    ],
    stdout: "null",
    stderr: "null",
    ...(Deno.uid() === 0 ? { uid, gid } : {}),
  }).output();
  assert.equal(end.code, 0);
}

Deno.test("an attached primary is observed, changes its names, and cannot be fenced", async () => {
  await withNodes(["a"], async ([a], folder) => {
    const sync = { names: [], required: 0 };
    await must(a!, { type: "initialise", incarnation: "0000000a", sync }, "started_primary");
    await moveConfiguration(a!, folder);
    const attached = await openNode({
      ...a!.options,
      dataDir: null,
      stateDir: `${folder}/attached-state`,
    });
    try {
      assert.match(attached.server.limitations.join("\n"), /configuration is outside its data/);
      const seen = await observed(attached, "primary");
      assert.match(seen.incarnation ?? "", /^[0-9a-f]{8}$/);
      const names = [{ node: "b", incarnation: null }];
      await must(attached, { type: "set_sync", sync: { names, required: 1 } }, "sync_in_force");
      assert.deepEqual((await observed(attached, "primary")).sync, { names, required: 1 });
      for (
        const action of [
          { type: "fence" },
          { type: "stop" },
          { type: "clone", incarnation: "0000001a", upstream: attached.upstream },
        ] as const
      ) {
        const outcome = await attached.server.run(action);
        assert.ok(!outcome.ok && outcome.failure === "unsupported", JSON.stringify(outcome));
      }
      const again = await openLocalServer(attached.options);
      assert.ok(again.ok);
      const kept = await again.server.observe();
      assert.equal(kept.state === "primary" && kept.incarnation, seen.incarnation);
      await again.server.close();
      const other = await attachedGrip(attached.options, 15).adopt("1");
      assert.ok(!other.ok && other.failure === "foreign");
    } finally {
      await attached.server.close();
    }
  });
});

Deno.test("an attached standby is revoked, follows and is promoted over SQL", async () => {
  await withNodes(["a", "b"], async ([a, b], folder) => {
    const sync = { names: [], required: 0 };
    await must(a!, { type: "initialise", incarnation: "0000000a", sync }, "started_primary");
    await must(b!, { type: "clone", incarnation: "0000000b", upstream: a!.upstream }, "done");
    // Without the agent's passfile the server needs no password from one host to itself.
    const hba = `${a!.options.dataDir}/pg_hba.conf`;
    const text = await Deno.readTextFile(hba);
    await Deno.writeTextFile(hba, text.replace(/(replication,all .* 127\S+) scram.*/, "$1 trust"));
    await sql(a!, "select pg_reload_conf()");
    await moveConfiguration(b!, folder);
    const attached = await openNode({
      ...b!.options,
      dataDir: null,
      stateDir: `${folder}/attached-state`,
    });
    try {
      await must(attached, { type: "start_standby" }, "done");
      await must(attached, { type: "follow", upstream: a!.upstream }, "done");
      const seen = await observed(
        attached,
        "standby",
        ({ streamingFrom }) => streamingFrom === "a",
      );
      await observed(
        a!,
        "primary",
        ({ standbys }) =>
          standbys.some(({ node, incarnation }) =>
            node === "b" && incarnation === seen.incarnation
          ),
      );
      const revoked = await must(attached, { type: "revoke" }, "revoked");
      assert.equal(revoked.position.timeline, 1);
      assert.equal((await observed(attached, "standby")).following, null);
      await must(attached, { type: "prepare" }, "done");
      const names = [{ node: "a", incarnation: "0000000a" }];
      const promoted = await must(attached, {
        type: "promote",
        sync: { names, required: 1 },
      }, "started_primary");
      assert.equal(promoted.timeline, 2);
      assert.ok(promoted.startLsn > 0n);
      const refused = await attached.server.run({ type: "follow", upstream: a!.upstream });
      assert.ok(!refused.ok && refused.failure === "failed");
    } finally {
      await attached.server.close();
    }
  });
});
