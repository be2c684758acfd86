/**
 * What keeps an agent from starting, as a user meets it: the process ends with the documented code
 * and one message that names the place, the value and the remedy, and PostgreSQL is not touched.
 */
import assert from "node:assert/strict";
import { encodeState } from "../../src/agent/state_file.ts";
import { NOTHING_DURABLE } from "../../src/core/initial.ts";
import {
  assertNoStackTrace,
  configOf,
  type Ended,
  inFolder,
  members,
  metako,
  PASSWORD,
  postgresProgram,
  serverFolder,
  writeConfig,
} from "./agent_world.ts";

const CONFIGURATION = 78;
const FAILED = 1;

/** The one line of level ERROR that a refused start leaves on standard output. */
function assertRefused(ended: Ended, ...patterns: readonly RegExp[]): void {
  const shown = `${ended.out}\n${ended.err}`;
  assert.equal(ended.code, FAILED, shown);
  assertNoStackTrace(shown);
  const lines = ended.out.trim().split("\n").map((line) => JSON.parse(line));
  const errors = lines.filter(({ level }) => level === "ERROR");
  assert.equal(errors.length, 1, shown);
  assert.equal(lines.at(-1), errors[0]);
  assert.equal(errors[0].event, "start");
  assert.equal(errors[0].outcome, "failed");
  for (const pattern of patterns) assert.match(errors[0].because, pattern);
  assert.ok(!shown.includes(PASSWORD), "a password was printed");
}

/** A file that cannot be used: nothing on standard output, a line per problem on standard error. */
function assertUnusable(ended: Ended, ...patterns: readonly RegExp[]): void {
  assert.equal(ended.code, CONFIGURATION, ended.err);
  assert.equal(ended.out, "");
  assertNoStackTrace(ended.err);
  const lines = ended.err.trim().split("\n");
  assert.equal(lines.length, patterns.length, ended.err);
  patterns.forEach((pattern, index) => assert.match(lines[index]!, pattern));
}

/** Nothing was made where the agent would have put its data and its memory. */
function assertUntouched(folder: string, ...except: readonly string[]): void {
  const made = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => !name.startsWith("config-") && !except.includes(name));
  assert.deepEqual(made, []);
}

Deno.test("metako run ends with 78 and the remedy where the file is missing", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/nowhere.yaml`;
    assertUnusable(
      await metako("run", "--config", file),
      /^Cannot read the configuration \/.+\/nowhere\.yaml: there is no such file\. Name another one/,
    );
    assertUntouched(folder);
  });
});

Deno.test("metako run ends with 78, line and column where the YAML is broken", async () => {
  await inFolder(async (folder) => {
    const file = await writeConfig(folder, 'identity:\n  node_name: "node1\n  api_port: 8080\n');
    const ended = await metako("run", "--config", file);
    assert.equal(ended.code, CONFIGURATION);
    assert.equal(ended.out, "");
    assertNoStackTrace(ended.err);
    assert.match(ended.err, /^\/.+\.yaml:\d+:\d+: .*(quote|indent)/m);
    assertUntouched(folder);
  });
});

Deno.test("metako run names every value of a wrong type, with its place, at once", async () => {
  await inFolder(async (folder) => {
    const [node1, ...others] = members("node1", "node2", "node3");
    const config = configOf(node1!, [node1!, ...others], folder);
    const file = await writeConfig(folder, {
      ...config,
      identity: { ...config.identity, api_port: "eighty" },
      coordination: { cluster_mode: { failover_timeout: [3] } },
      router: { port: 70_000 },
      cluster_memebers: [],
    });
    assertUnusable(
      await metako("run", "--config", file),
      /\.yaml:\d+:\d+: identity\.api_port must be .*eighty/,
      /\.yaml:\d+:\d+: router\.port must be .*70000/,
      /\.yaml:\d+:\d+: coordination\.cluster_mode\.failover_timeout must be a duration, is a list/,
      /\.yaml:\d+:\d+: cluster_memebers .*Did you mean cluster_members\?/,
    );
    assertUntouched(folder);
  });
});

Deno.test("metako run refuses missing certificates, which config check only warns of", async () => {
  await inFolder(async (folder) => {
    const [node1] = members("node1");
    const config = configOf(node1!, [node1!], folder);
    const file = await writeConfig(folder, {
      ...config,
      security: {
        ...config.security,
        tls_enabled: true,
        cert_file: "/nowhere/cert.pem",
        key_file: "/nowhere/key.pem",
      },
    });
    const ended = await metako("run", "--config", file);
    assert.equal(ended.code, CONFIGURATION);
    assert.equal(ended.out, "");
    assertNoStackTrace(ended.err);
    for (const name of ["cert", "key"]) {
      assert.match(
        ended.err,
        new RegExp(`security\\.${name}_file .*/nowhere/${name}\\.pem.*Create it`),
      );
    }
    assertUntouched(folder);
    const check = await metako("config", "check", file);
    assert.equal(check.code, 0);
    assert.match(check.err, /metako run refuses it until the files exist/);
  });
});

Deno.test("metako run names the setting of a port that is in use", async () => {
  await inFolder(async (folder) => {
    const [node1] = members("node1");
    const file = await writeConfig(folder, configOf(node1!, [node1!], folder));
    const cases = [["identity.api_port", node1!.apiPort], ["router.port", node1!.routerPort]];
    for (const [setting, port] of cases as [string, number][]) {
      const squatter = Deno.listen({ hostname: "127.0.0.1", port });
      try {
        assertRefused(
          await metako("run", "--config", file),
          new RegExp(`^Cannot listen .*127\\.0\\.0\\.1:${port}.*(in use|another process has it)`),
          new RegExp(`${setting.replace(".", "\\.")}.*[Ss]top .* (choose|set) `),
        );
      } finally {
        squatter.close();
      }
    }
    assertUntouched(folder, "node1-state");
  });
});

Deno.test("metako run refuses a state file that it cannot trust, and leaves it as it is", async () => {
  await inFolder(async (folder) => {
    const [node1] = members("node1");
    const file = await writeConfig(folder, configOf(node1!, [node1!], folder));
    const stateDir = `${folder}/node1-state`;
    const stateFile = `${stateDir}/state.json`;
    await Deno.mkdir(stateDir);
    const foreign = encodeState({ cluster: "other", node: "node9", durable: NOTHING_DURABLE });
    const own = encodeState({ cluster: "bad-world", node: "node1", durable: NOTHING_DURABLE });
    const cases: [string, RegExp, RegExp][] = [
      [
        "\x00\xff{",
        /^Cannot read the state file .+state\.json: its checksum/,
        /Restore it.*remove/,
      ],
      [own.slice(0, 40), /its checksum does not match its content/, /Restore it.*remove/],
      [foreign, /it belongs to node node9 of cluster other/, /correct identity\.node_name/],
    ];
    for (const [content, because, remedy] of cases) {
      await Deno.writeTextFile(stateFile, content);
      assertRefused(await metako("run", "--config", file), because, remedy);
      assert.equal(await Deno.readTextFile(stateFile), content);
    }
    await Deno.remove(stateFile);
    await Deno.mkdir(stateFile);
    assertRefused(
      await metako("run", "--config", file),
      /^Cannot read the state file .+state\.json: .*directory/,
      /Restore it.*remove/,
    );
    assertUntouched(folder, "node1-state");
  });
});

Deno.test({
  name: "metako run refuses a state file that its user may not read",
  // Root may read everything.
  ignore: Deno.uid() === 0,
  fn: () =>
    inFolder(async (folder) => {
      const [node1] = members("node1");
      const file = await writeConfig(folder, configOf(node1!, [node1!], folder));
      await Deno.mkdir(`${folder}/node1-state`);
      await Deno.writeTextFile(`${folder}/node1-state/state.json`, "", { mode: 0o000 });
      assertRefused(
        await metako("run", "--config", file),
        /^Cannot read the state file .+this user may not\. Run the agent as/,
      );
    }),
});

Deno.test("metako run refuses a state directory that cannot be made", async () => {
  await inFolder(async (folder) => {
    const [node1] = members("node1");
    const config = configOf(node1!, [node1!], folder);
    const barrier = await writeConfig(folder, "# a file where a folder should be\n");
    const file = await writeConfig(folder, { ...config, state_dir: `${barrier}/state` });
    assertRefused(
      await metako("run", "--config", file),
      /^Cannot make the state directory .+\/state: .*directory/i,
      /state_dir/,
    );
    assertUntouched(folder);
  });
});

Deno.test("metako run refuses a running server that does not take its password", async () => {
  await inFolder(async (folder) => {
    const [node1] = members("node1");
    const data = `${folder}/server/data`;
    await serverFolder(`${folder}/server`);
    await Deno.writeTextFile(`${folder}/pw`, "another one");
    await postgresProgram(
      "initdb",
      "-D",
      data,
      "-U",
      "postgres",
      "-A",
      "scram-sha-256",
      "-N",
      "--pwfile",
      `${folder}/pw`,
    );
    const serve = `-c port=${node1!.databasePort} -c listen_addresses=127.0.0.1` +
      ` -c unix_socket_directories=${folder}/server`;
    await postgresProgram(
      "pg_ctl",
      "start",
      "-w",
      "-D",
      data,
      "-l",
      `${folder}/server/log`,
      "-o",
      serve,
    );
    const files = () => [...Deno.readDirSync(data)].map(({ name }) => name).sort();
    const before = [await Deno.readTextFile(`${data}/postmaster.pid`), files()];
    const config = configOf(node1!, [node1!], folder);
    const { data_dir: _, ...asked } = config.local_db!;
    for (const localDb of [{ ...asked, data_dir: data }, asked]) {
      const file = await writeConfig(folder, { ...config, local_db: localDb });
      assertRefused(
        await metako("run", "--config", file),
        new RegExp(`127\\.0\\.0\\.1:${node1!.databasePort} as "postgres": .*refuses the password`),
        /Correct it in the configuration file, or in the server with ALTER ROLE/,
      );
    }
    assert.deepEqual([await Deno.readTextFile(`${data}/postmaster.pid`), files()], before);
  });
});
