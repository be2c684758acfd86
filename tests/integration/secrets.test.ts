/**
 * A cluster at work, with secrets that are like nothing else, and a search for them in everything
 * that it says and leaves behind: logs, answers, tables, command lines, environments, files.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { listProcesses, postmasterOf, sendSignal } from "../../src/cli/demo/processes.ts";
import {
  type Agent,
  configOf,
  eventually,
  inFolder,
  type Member,
  members,
  metako,
  startAgent,
  writeConfig,
} from "./agent_world.ts";

const SECRETS = {
  database: "Xq1databaseXq1",
  replication: "Xq2replicationXq2",
  cluster: "Xq3clusterXq3cluster",
  previous: "Xq4previousXq4previous",
  token: "Xq5tokenXq5token",
  client: "Xq6clientXq6",
};
const ANY = /Xq[1-6]\w+Xq[1-6]/;
/** Where agents, and the commands that read the same configuration, find some of their secrets. */
const VARIABLE = "METAKO_TEST_CLUSTER_SECRET";

/** The first member's secrets are written out, the second's in files, the witness's in the environment. */
async function secretive(member: Member, index: number, all: readonly Member[], folder: string) {
  const file = async (name: keyof typeof SECRETS) => {
    const path = `${folder}/${member.name}.${name}`;
    await Deno.writeTextFile(path, `${SECRETS[name]}\n`, { mode: 0o600 });
    return path;
  };
  const config = configOf(member, all, folder);
  if (member.witness) {
    return await writeConfig(folder, {
      ...config,
      security: { cluster_secret: `\${${VARIABLE}}` },
    });
  }
  const { password: _, ...localDb } = config.local_db!;
  const inFiles = index === 1;
  return await writeConfig(folder, {
    ...config,
    local_db: inFiles
      ? { ...localDb, password_file: await file("database") }
      : { ...localDb, password: SECRETS.database },
    replication: inFiles
      ? { password_file: await file("replication") }
      : { password: SECRETS.replication },
    security: inFiles
      ? {
        cluster_secret_file: await file("cluster"),
        previous_cluster_secret_file: await file("previous"),
        read_token_file: await file("token"),
      }
      : {
        cluster_secret: SECRETS.cluster,
        previous_cluster_secret: SECRETS.previous,
        read_token: SECRETS.token,
      },
    log: { level: "debug" },
  });
}

/** For what a busy host takes long to do. */
const LIMIT_MS = 180_000;

/** What reads the configuration, and so may have the variable. */
const READERS = /main\.ts (?:run|status|switchover|reload|reinit|history|doctor|config) /;

/** Watches the command lines and environments of all processes. */
function watchProcesses() {
  const seen = new Set<string>();
  const guardians = new Set<string>();
  const read = (pid: string, what: string) => {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/${what}`).replaceAll("\0", " ");
    } catch {
      return "";
    }
  };
  const lookNow = () => {
    for (const { name: pid } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(pid) || Number(pid) === Deno.pid) continue;
      const line = read(pid, "cmdline");
      if (ANY.test(line)) seen.add(`command line: ${line}`);
      if (/main\.ts guardian /.test(line)) guardians.add(pid);
      if (READERS.test(line) || !ANY.test(read(pid, "environ"))) continue;
      // A program that is just being started has its environment before its command line.
      const now = read(pid, "cmdline");
      if (now !== "" && !READERS.test(now)) seen.add(`environment of: ${now}`);
    }
  };
  const timer = setInterval(lookNow, 50);
  return {
    seen,
    guardians,
    stop() {
      lookNow();
      clearInterval(timer);
    },
  };
}

/** Every file below a folder that holds a secret, and the ones that others can read. */
function filesWithSecrets(folder: string): { readonly path: string; readonly open: boolean }[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory, isFile }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return filesWithSecrets(path);
    if (!isFile || !ANY.test(new TextDecoder("latin1").decode(Deno.readFileSync(path)))) return [];
    return [{ path, open: (Deno.statSync(path).mode! & 0o077) !== 0 }];
  });
}

Deno.test("a cluster at work shows its secrets to nobody", async () => {
  Deno.env.set(VARIABLE, SECRETS.cluster);
  try {
    await inFolder(async (folder) => {
      const all = members("node1", "node2", "witness1");
      const files = await Promise.all(
        all.map((member, index) => secretive(member, index, all, folder)),
      );
      const agents: Agent[] = [];
      const watch = watchProcesses();
      const said: string[] = [];
      const run = async (...args: string[]) => {
        const { code, out, err } = await metako(...args, "--config", files[0]!);
        said.push(`$ metako ${args.join(" ")}\n${out}${err}`);
        return code;
      };
      try {
        agents.push(...await Promise.all(files.map(startAgent)));
        await leads(files[0]!, "node1", "node2");
        const admin = connect(all[0]!.routerPort, "postgres", SECRETS.database);
        // Whatever reaches the server is in its log, but for what this test itself writes.
        await admin`alter system set log_statement = 'all'`;
        await admin`select pg_reload_conf()`;
        await admin.unsafe(
          "create role client login password " +
            "'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='",
        );
        const settings = await admin`select name, setting from pg_settings`;
        const activity = await admin`select * from pg_stat_activity`;
        said.push(JSON.stringify([settings, activity]));
        await admin.end();

        const wrong = connect(all[1]!.routerPort, "client", SECRETS.client);
        said.push(String(await wrong`select 1`.catch((error) => JSON.stringify(error))));
        await wrong.end();
        await run("status");
        await run("status", "--json");
        // Refused: it is the primary already. What is said then is among what is searched.
        await run("switchover", "--to", "node1");
        const world = { folder, files, agents, run };
        await reload(world);
        await switchOver(world);
        await crash(world);
        await reinit(world);
        for (const args of [["history"], ["history", "--json"], ["doctor"], ["doctor", "--json"]]) {
          await run(...args);
        }
        said.push((await metako("config", "check", files[0]!)).out);
        for (const { apiPort } of all) {
          for (const path of ["status", "cluster", "history", "metrics", "health", "nothing"]) {
            for (const token of [SECRETS.token, SECRETS.client]) {
              const headers = { authorization: `Bearer ${token}` };
              const url = `http://127.0.0.1:${apiPort}/${path}`;
              said.push(await (await fetch(url, { headers })).text());
            }
          }
        }
      } finally {
        watch.stop();
        for (const agent of agents) {
          await agent.stop();
          said.push(agent.out(), agent.err());
        }
      }
      for (const event of ["primary_changed", "reload", "elected", "clone", "server_died"]) {
        assert.ok(said.join().includes(event), `${event} is among what is searched`);
      }
      for (const text of said) assert.doesNotMatch(text, ANY);
      assert.deepEqual([...watch.seen], []);
      assert.ok(watch.guardians.size > 0, "guardians are among the processes that are watched");

      const holding = filesWithSecrets(folder);
      assert.deepEqual(holding.filter(({ open }) => open), []);
      const unexpected = holding.map(({ path }) => path.slice(folder.length + 1)).filter((path) =>
        !/^(?:config-\w+\.yaml|node2\.\w+|node\d-state\/postgres\/pgpass(?:-rewind)?)$/.test(path)
      );
      assert.deepEqual(unexpected, []);
      assert.ok(
        holding.length >= 7,
        "the files that are meant to hold them are among those searched",
      );
    });
  } finally {
    Deno.env.delete(VARIABLE);
  }
});

/** What the cluster goes through; node1 is the primary at the beginning and at the end. */
interface World {
  readonly folder: string;
  /** The configurations of node1, node2 and the witness. */
  readonly files: readonly string[];
  /** Their agents, and those that came after them. */
  readonly agents: Agent[];
  /** Runs a command with node1's configuration. @returns its exit code */
  readonly run: (...args: string[]) => Promise<number>;
}

/** Other secrets in a file than those in effect, then a file that is none, then the first again. */
async function reload({ files, agents, run }: World): Promise<void> {
  const [file] = files;
  const before = await Deno.readTextFile(file!);
  const changed = before.replace(SECRETS.token, `${SECRETS.client}read`)
    .replace(SECRETS.replication, `${SECRETS.client}replication`);
  assert.notEqual(changed, before);
  const logged = () => agents[0]!.out().split('"event":"reload"').length;
  for (const text of [changed, `${before}\nsecurity: { read_token: ${SECRETS.token} `, before]) {
    const linesBefore = logged();
    await Deno.writeTextFile(file!, text);
    await run("reload");
    sendSignal(agents[0]!.pid, "SIGHUP");
    await eventually("the reload to be logged", () => Promise.resolve(logged() > linesBefore));
    await run("status");
  }
}

async function switchOver({ files, run }: World): Promise<void> {
  // Refused, or taken back, where the host is busy.
  const done = async () => await run("switchover", "--to", "node2") === 0;
  await eventually("node2 to take over", done, LIMIT_MS);
  await leads(files[0]!, "node2", "node1");
}

/** node2's agent and server are killed while it is the primary, and its agent is started again. */
async function crash({ folder, files, agents }: World): Promise<void> {
  const postmaster = postmasterOf(`${folder}/node2-data`, listProcesses());
  assert.notEqual(postmaster, null);
  // Killed alone, the server shows how its agent takes that.
  sendSignal(postmaster!, "SIGKILL");
  await eventually(
    "the end of the server to be logged",
    () => Promise.resolve(agents[1]!.out().includes('"event":"server_died"')),
  );
  sendSignal(agents[1]!.pid, "SIGKILL");
  const again = postmasterOf(`${folder}/node2-data`, listProcesses());
  if (again !== null) sendSignal(again, "SIGKILL");
  await eventually(
    "node1 to lead",
    async () => (await seen(files[0]!, "node1")).length > 0,
    180_000,
  );
  agents.push(await startAgent(files[1]!));
  await leads(files[0]!, "node1", "node2");
}

async function reinit({ files, run }: World): Promise<void> {
  // Refused while something else is under way on node2.
  const done = async () => await run("reinit", "node2", "--yes") === 0;
  await eventually("node2 to be copied anew", done, LIMIT_MS);
  await leads(files[0]!, "node1", "node2");
}

/** Waits until `primary` takes writes and `standby` streams from it. */
async function leads(configFile: string, primary: string, standby: string): Promise<void> {
  await eventually(`${primary} to lead and ${standby} to stream`, async () => {
    const nodes = await seen(configFile, primary);
    return nodes.some(({ node, streaming }) => node === standby && streaming === true);
  }, LIMIT_MS);
}

/** The nodes of a status that names this primary; none where it does not, or did not come in time. */
async function seen(
  configFile: string,
  primary: string,
): Promise<readonly { readonly node: string; readonly streaming: boolean | null }[]> {
  const { out } = await metako("status", "--json", "--config", configFile);
  const view = out === "" ? null : JSON.parse(out);
  return view?.primary === primary ? view.nodes : [];
}

function connect(port: number, username: string, password: string) {
  return postgres({
    host: "127.0.0.1",
    port,
    username,
    password,
    database: "postgres",
    max: 1,
    connect_timeout: 20,
  });
}
