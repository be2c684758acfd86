/**
 * A cluster at work, with secrets that are like nothing else, and a search for them in everything
 * that it says and leaves behind: logs, answers, tables, command lines, environments, files.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import {
  configOf,
  eventually,
  inFolder,
  look,
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

/** What reads the configuration, and so may have the variable. */
const READERS = /main\.ts (?:run|status|switchover|history|doctor|config) /;

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
      if (!READERS.test(line) && ANY.test(read(pid, "environ"))) {
        seen.add(`environment of: ${line}`);
      }
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
      const agents: Awaited<ReturnType<typeof startAgent>>[] = [];
      const watch = watchProcesses();
      const said: string[] = [];
      const run = async (...args: string[]) => {
        const { out, err } = await metako(...args, "--config", files[0]!);
        said.push(`$ metako ${args.join(" ")}\n${out}${err}`);
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
      assert.ok(said.join().includes("primary_changed"), "the logs are among what is searched");
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

/** Waits until `primary` takes writes and `standby` streams from it. */
async function leads(configFile: string, primary: string, standby: string): Promise<void> {
  await eventually(`${primary} to lead and ${standby} to stream`, async () => {
    const { view } = await look(configFile);
    return view.primary === primary &&
      view.nodes.some((node: Record<string, unknown>) => node.node === standby && node.streaming);
  }, 180_000);
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
