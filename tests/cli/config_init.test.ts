import assert from "node:assert/strict";
import { configInitCommand, type InitOptions } from "../../src/cli/config_init.ts";
import { parseMember, planAdvice, planObjection } from "../../src/cli/init/plan.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { recordingTerminal } from "./fixtures.ts";

const OPTIONS: Omit<InitOptions, "folder"> = {
  cluster: "shop-1",
  nodes: ["node1=10.0.0.1", "node2=10.0.0.2"],
  witnesses: ["witness=10.0.0.3"],
  database: null,
  dataDir: "/var/lib/postgresql/shop",
  oneHost: null,
  databasePort: 5433,
  apiPort: 8081,
  routerPort: 6433,
};

/** Answers questions from a list; random bytes are counted, so that each is another. */
function portsOf(...answers: string[]) {
  let drawn = 0;
  return {
    ask: () => answers.shift() ?? null,
    randomHex: (bytes: number) => String(++drawn).padStart(2 * bytes, "0"),
  };
}

async function init(change: Partial<InitOptions> = {}, ...answers: string[]) {
  const root = await Deno.makeTempDir();
  const folder = `${root}/made/here`;
  const terminal = recordingTerminal();
  const run = () =>
    configInitCommand({ ...OPTIONS, folder, ...change }, terminal, portsOf(...answers));
  return {
    code: await run(),
    again: run,
    folder,
    terminal,
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

async function configIn(folder: string, node: string) {
  const file = `${folder}/${node}.yaml`;
  const parsed = parseConfig(await Deno.readTextFile(file), {
    file,
    env: () => undefined,
    readFile: () => "",
    mode: () => 0o600,
  });
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.warnings, []);
  return parsed.config;
}

Deno.test("configInitCommand() writes files that describe one and the same cluster", async () => {
  await using made = await init();
  assert.equal(made.code, 0);
  const [node1, node2, witness] = await Promise.all(
    ["node1", "node2", "witness"].map((node) => configIn(made.folder, node)),
  );
  const membersOf = (config: typeof node1) =>
    config!.members.map(({ nodeName, role, witness, apiPort }) =>
      `${nodeName} ${witness ? "witness" : role} ${apiPort}`
    ).sort();
  const expected = ["node1 primary 8081", "node2 standby 8081", "witness witness 8081"];
  for (const config of [node1, node2, witness]) {
    assert.deepEqual(membersOf(config), expected);
    assert.equal(config!.security.clusterSecret, node1!.security.clusterSecret);
    assert.equal(config!.clusterName, "shop-1");
    assert.equal(config!.router.port, 6433);
  }
  assert.equal(node1!.localDb!.database, "shop_1");
  assert.equal(node2!.localDb!.password, node1!.localDb!.password);
  assert.equal(node2!.replication.password, node1!.replication.password);
  assert.notEqual(node1!.replication.password, node1!.localDb!.password);
  assert.equal(witness!.localDb, null);
  const { mode } = await Deno.stat(`${made.folder}/node1.yaml`);
  assert.equal(mode! & 0o777, 0o600);
});

Deno.test("configInitCommand() gives members on one host ports and folders of their own", async () => {
  const nodes = ["a=127.0.0.1", "b=127.0.0.1"];
  await using refused = await init({ nodes, witnesses: [] });
  assert.equal(refused.code, 2);
  assert.match(refused.terminal.err.join("\n"), /--one-host FOLDER/);

  await using made = await init({ nodes, witnesses: ["w=127.0.0.1"], oneHost: "/srv/try" });
  assert.equal(made.code, 0);
  const configs = await Promise.all(["a", "b", "w"].map((node) => configIn(made.folder, node)));
  const [a, b, w] = configs;
  assert.deepEqual(configs.map((config) => config!.identity.apiPort), [8081, 8082, 8083]);
  assert.deepEqual(configs.map((config) => config!.router.port), [6433, 6434, 6435]);
  assert.deepEqual([a, b].map((config) => config!.localDb!.port), [5433, 5434]);
  assert.deepEqual([a, b].map((config) => config!.localDb!.dataDir), [
    "/srv/try/a/data",
    "/srv/try/b/data",
  ]);
  assert.equal(w!.stateDir, "/srv/try/w/state");
  assert.equal(w!.router.host, "127.0.0.1");
  const portOfA = b!.members.find(({ nodeName }) => nodeName === "a")!.apiPort;
  assert.equal(portOfA, a!.identity.apiPort);
});

Deno.test("configInitCommand() overwrites nothing", async () => {
  await using made = await init();
  const before = await Deno.readTextFile(`${made.folder}/node2.yaml`);
  await Deno.remove(`${made.folder}/node1.yaml`);
  assert.equal(await made.again(), 3);
  assert.match(made.terminal.err.join("\n"), /node2\.yaml: it exists, and nothing is overwritten/);
  assert.equal(await Deno.readTextFile(`${made.folder}/node2.yaml`), before);
  await assert.rejects(Deno.stat(`${made.folder}/node1.yaml`), Deno.errors.NotFound);
});

Deno.test("configInitCommand() asks for what is missing, until there is no further member", async () => {
  const open = { cluster: null, nodes: [], witnesses: [] };
  await using made = await init(
    open,
    "shop",
    "a=10.0.0.1",
    "10.0.0.2",
    "b=10.0.0.2",
    "c=10.0.0.3",
    "",
  );
  assert.equal(made.code, 0);
  assert.match(made.terminal.err.join("\n"), /A member is written NAME=HOST/);
  const { clusterName, members } = await configIn(made.folder, "b");
  assert.deepEqual([clusterName, members.length], ["shop", 3]);
});

Deno.test("configInitCommand() gives 2 and writes nothing where it cannot make a cluster", async () => {
  const cases: [Partial<InitOptions>, RegExp][] = [
    [{ cluster: null }, /say at least --cluster NAME/],
    [{ nodes: [], witnesses: [] }, /say at least/],
    [{ nodes: ["10.0.0.1"] }, /Cannot read 10\.0\.0\.1: a member is written NAME=HOST/],
    [{ nodes: [] }, /name at least one member with PostgreSQL/],
    [{ nodes: ["a=h", "b=h"] }, /two members have the host h/],
    [{ nodes: ["a=h", "a=i"] }, /two members have the name a/],
    [{ dataDir: "relative" }, /node1\.yaml:\d+:\d+: .*data_dir/],
    [{ cluster: "no spaces allowed" }, /cluster_name/],
  ];
  for (const [change, expected] of cases) {
    await using made = await init(change);
    assert.equal(made.code, 2);
    assert.match(made.terminal.err.join("\n"), expected);
    await assert.rejects(Deno.stat(made.folder), Deno.errors.NotFound);
  }
});

Deno.test("planAdvice() has nothing against three members, and something against an even number", () => {
  const members = (data: number, witnesses = 0) => [
    ...Array.from({ length: data }, (_, index) => parseMember(`n${index}=h${index}`, false)!),
    ...Array.from({ length: witnesses }, (_, index) => parseMember(`w${index}=i${index}`, true)!),
  ];
  assert.equal(planAdvice(members(3)), null);
  assert.equal(planAdvice(members(2, 1)), null);
  assert.match(planAdvice(members(1))!, /nobody takes over/);
  assert.match(planAdvice(members(2))!, /Add a witness/);
  assert.match(planAdvice(members(4))!, /no more of them than 3 do/);
  assert.equal(planObjection(members(1)), null);
});
