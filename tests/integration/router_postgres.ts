/**
 * A throwaway PostgreSQL server for the router's tests: scram for everybody, with one role that the
 * server trusts, one that sends its password in clear, and one that has an md5 password.
 *
 * @module
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { openBackend } from "../../src/router/backend.ts";
import type { Roles, RouteView } from "../../src/router/options.ts";
import { startupBytes } from "../../src/wire/startup.ts";
import { Peer } from "../router/harness.ts";

/** A running server. Every role's password is "secret". */
export interface Database {
  readonly port: number;
  /** The folder of its Unix socket, in which `app` is asked for its password as it is on loopback. */
  readonly folder: string;
  /** Runs SQL as superuser over the private socket; gives what psql prints. */
  sql(text: string): Promise<string>;
  /** Waits until a query gives `value`; fails after ten seconds. */
  becomes(value: string, text: string): Promise<void>;
  stop(): Promise<void>;
}

/** The folder of PostgreSQL's programs. */
export const BIN = await findBin();
const PASSWORD = "secret";

/** Where PostgreSQL's programs are; null where none is installed. */
async function findBin(): Promise<string | null> {
  const root = "/usr/lib/postgresql";
  try {
    const versions: number[] = [];
    for await (const entry of Deno.readDir(root)) versions.push(Number(entry.name));
    const newest = versions.filter((version) => version >= 13).sort((a, b) => b - a)[0];
    return newest === undefined ? null : `${root}/${newest}/bin`;
  } catch {
    return null;
  }
}

/** True where these tests cannot run. */
export const noPostgres = BIN === null;

/** Runs a program of PostgreSQL's; `env` may hold PGPASSWORD, which process lists do not show. */
export async function run(
  program: string,
  args: readonly string[],
  { stdin = "", env = {}, server = false }: {
    stdin?: string;
    env?: Record<string, string>;
    /** As the operating system's user that owns the server. */
    server?: boolean;
  } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = new Deno.Command(`${BIN}/${program}`, {
    args: [...args],
    cwd: "/tmp",
    env: { LC_ALL: "C", PGPASSWORD: PASSWORD, PGCONNECT_TIMEOUT: "10", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    ...(server ? await owner() : {}),
  }).spawn();
  const feeding = (async () => {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
    await writer.close().catch(() => {});
  })();
  const { code, stdout, stderr } = await child.output();
  await feeding;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** The client library against `port`, with one connection, as `app`. */
export function connect(port: number, options: postgres.Options<Record<string, never>> = {}) {
  return postgres({
    host: "127.0.0.1",
    port,
    user: "app",
    password: "secret",
    database: "postgres",
    max: 1,
    fetch_types: false,
    connect_timeout: 10,
    onnotice: () => {},
    ...options,
  });
}

/** psql against `port`, as `user`. */
export function psql(
  { port, user = "app", database = "postgres", stdin = "", args = [] }: {
    port: number;
    user?: string;
    database?: string;
    stdin?: string;
    args?: readonly string[];
  },
): Promise<{ code: number; stdout: string; stderr: string }> {
  const where = `host=127.0.0.1 port=${port} user=${user} dbname=${database}`;
  return run("psql", ["-X", "-qAt", "-v", "ON_ERROR_STOP=1", where, ...args], { stdin });
}

/** Makes and starts a server; `hba` are lines of pg_hba.conf that go before the others. */
export async function startDatabase(hba: readonly string[] = []): Promise<Database> {
  const folder = await Deno.makeTempDir({ prefix: "metako-router-" });
  const { uid, gid } = await owner();
  if (uid !== undefined) await Deno.chown(folder, uid, gid ?? uid);
  const data = `${folder}/data`;
  const port = freePort();
  try {
    await demand("initdb", ["-D", data, "-U", "postgres", "-A", "peer", "--no-sync", "-E", "UTF8"]);
    await Deno.writeTextFile(
      `${data}/pg_hba.conf`,
      [
        ...hba,
        "local all app scram-sha-256",
        "local all all trust",
        "host all trusted 127.0.0.1/32 trust",
        "host all plain 127.0.0.1/32 password",
        "host all legacy 127.0.0.1/32 md5",
        "host all,replication all 127.0.0.1/32 scram-sha-256",
        "",
      ].join("\n"),
    );
    const settings = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off ` +
      "-c max_connections=120 -c shared_buffers=32MB -c password_encryption=scram-sha-256";
    await demand("pg_ctl", ["-D", data, "-w", "-l", `${folder}/log`, "-o", settings, "start"]);
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
  const database = databaseIn(folder, port);
  for (const role of ["app", "plain", "trusted"]) {
    await database.sql(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
  }
  await database.sql(
    `SET password_encryption = md5; CREATE ROLE legacy LOGIN PASSWORD '${PASSWORD}'`,
  );
  await database.sql(`ALTER ROLE postgres PASSWORD '${PASSWORD}'`);
  await database.sql("GRANT ALL ON SCHEMA public TO app");
  return database;
}

/** The handle of the server in `folder`. */
function databaseIn(folder: string, port: number): Database {
  const ask = (text: string) => {
    const where = `host=${folder} port=${port} user=postgres dbname=postgres`;
    return run("psql", ["-X", "-qAt", where, "-c", text]);
  };
  const database: Database = {
    port,
    folder,
    async sql(text) {
      const { code, stdout, stderr } = await ask(text);
      assert.equal(code, 0, stderr);
      return stdout.trim();
    },
    async becomes(value, text) {
      let last = "";
      for (let i = 0; i < 600; i++) {
        // A standby that replays what was just created does not know it yet: not an end.
        const { code, stdout, stderr } = await ask(text);
        last = code === 0 ? stdout.trim() : stderr.trim();
        if (code === 0 && last === value) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.fail(`expected ${value}, is ${last}: ${text}`);
    },
    async stop() {
      await run("pg_ctl", ["-D", `${folder}/data`, "-w", "-m", "immediate", "stop"], {
        server: true,
      });
      await Deno.remove(folder, { recursive: true });
    },
  };
  return database;
}

/** Has the router check passwords, with what the server's catalogue says. */
export function verifying(database: Database): Roles & { readonly forgotten: string[] } {
  const forgotten: string[] = [];
  return {
    forgotten,
    mockSecret: new Uint8Array(32),
    async find(user) {
      const told = await database.sql(
        "SELECT (rolsuper OR rolreplication)::text, rolpassword FROM pg_authid " +
          `WHERE rolname = '${user.replaceAll("'", "''")}'`,
      );
      const [privileged, stored] = told.split("|");
      return { ok: true, privileged: privileged === "true", stored: stored || null };
    },
    forget: (user) => void forgotten.push(user),
  };
}

/** A session that speaks in messages, as `legacy`, the role with an md5 password. */
export async function logIn(
  database: Database,
  port: number,
  name = "postgres",
): Promise<Peer> {
  const stored = "SELECT rolpassword FROM pg_authid WHERE rolname = 'legacy'";
  const opening = await openBackend({
    target: { node: "router", host: "127.0.0.1", port },
    tls: null,
    clientKey: null,
    startup: startupBytes({ user: "legacy", database: name }),
    credentials: { type: "md5", digest: (await database.sql(stored)).replace(/^md5/, "") },
    allowTrusted: false,
    connectTimeoutMs: 10_000,
    greetingTimeoutMs: 10_000,
    signal: new AbortController().signal,
  });
  if (opening.type !== "open") assert.fail(JSON.stringify(opening));
  return new Peer(opening.backend.conn as Deno.TcpConn);
}

/** Makes and starts a standby of a server from {@linkcode startDatabase}. */
export async function startStandby(primary: Database): Promise<Database> {
  const folder = await Deno.makeTempDir({ prefix: "metako-router-" });
  const { uid, gid } = await owner();
  if (uid !== undefined) await Deno.chown(folder, uid, gid ?? uid);
  const data = `${folder}/data`;
  const port = freePort();
  const settings = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off ` +
    "-c max_connections=120 -c shared_buffers=32MB";
  try {
    const from = `host=127.0.0.1 port=${primary.port} user=postgres dbname=postgres`;
    const env = { PGPASSWORD: PASSWORD };
    await demand(
      "pg_basebackup",
      ["-D", data, "-d", from, "-R", "-X", "stream", "-c", "fast"],
      env,
    );
    await demand("pg_ctl", ["-D", data, "-w", "-l", `${folder}/log`, "-o", settings, "start"], env);
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
  return databaseIn(folder, port);
}

async function demand(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  // pg_ctl's child keeps its streams open, so they go nowhere.
  const status = await new Deno.Command(`${BIN}/${program}`, {
    args: [...args],
    cwd: "/tmp",
    env: { LC_ALL: "C", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
    ...await owner(),
  }).spawn().status;
  assert.equal(status.code, 0, `${program} failed`);
}

/** PostgreSQL refuses to run as root. */
async function owner(): Promise<{ uid?: number; gid?: number }> {
  if (Deno.uid() !== 0) return {};
  const passwd = await Deno.readTextFile("/etc/passwd");
  const fields = passwd.split("\n").map((line) => line.split(":"));
  const postgres = fields.find(([name]) => name === "postgres");
  assert.ok(postgres !== undefined, "the package makes a user named postgres");
  return { uid: Number(postgres[2]), gid: Number(postgres[3]) };
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** What a router sees of these two: the primary is node a, the standby node b. */
export function viewOf(
  primary: Database,
  standby: Database,
): Pick<RouteView, "primary" | "standbys"> {
  const at = (node: string, { port }: Database) => ({ node, host: "127.0.0.1", port });
  return {
    primary: at("a", primary),
    standbys: [{ ...at("b", standby), local: false, healthy: true, lagBytes: 0 }],
  };
}
