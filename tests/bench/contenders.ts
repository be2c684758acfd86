/**
 * What stands between pgbench and the server in turn: nothing, a bare forwarder, metako's router in its
 * ways, and whichever of the well-known proxies is installed. Each runs as a process of its own, on
 * loopback, with the same server and the same password.
 *
 * @module
 */
import { PGBOUNCER, setUpPgbouncer } from "../integration/pgbouncer_setup.ts";
import { BIN, type Database, run } from "../integration/router_postgres.ts";

/** Something that pgbench can be pointed at. */
export interface Contender {
  readonly name: string;
  readonly port: number;
  /** CPU time that its processes have used, in milliseconds; null for the server itself. */
  cpuMs(): Promise<number | null>;
  /** Memory that its processes hold, in KiB. */
  memoryKb(): Promise<number | null>;
  /** How long its connections live on after their clients, in milliseconds; others need them. */
  readonly lingersMs: number;
  stop(): Promise<void>;
}

/** One of the servers: its port on loopback, and the folder of its Unix socket where it has one. */
export type Server = Pick<Database, "port"> & Partial<Pick<Database, "folder">>;

/** How a contender reaches the servers. */
export type Way = "tcp" | "socket";

/** The servers that contenders lead to. */
export interface Servers {
  readonly primary: Server;
  readonly standby: Server;
  /** `pg_authid.rolpassword` of the benchmark's role. */
  readonly verifier: string;
  /** The certificate for clients, where metako speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const HERE = new URL(".", import.meta.url).pathname;

/** The server itself. */
export function direct({ primary }: Servers): Contender {
  const nothing = () => Promise.resolve(null);
  return {
    name: "direct",
    port: primary.port,
    cpuMs: nothing,
    memoryKb: nothing,
    lingersMs: 0,
    stop: () => Promise.resolve(),
  };
}

/** A forwarder on `Deno.listen` that knows nothing of any protocol: what the runtime itself costs. */
export function forwarder(servers: Servers): Promise<Contender> {
  const port = freePort();
  return spawn("bare forwarder", port, Deno.execPath(), [
    "run",
    "-A",
    `${HERE}forwarder.ts`,
    String(port),
    String(servers.primary.port),
  ]);
}

/** metako's router. @param flags further ones for the runtime */
export function metako(
  name: string,
  servers: Servers,
  how: "split" | "primary" | "relay",
  { way = "tcp", flags = [] }: { way?: Way; flags?: readonly string[] } = {},
): Promise<Contender> {
  const port = freePort();
  return spawn(name, port, Deno.execPath(), ["run", "-A", ...flags, `${HERE}router_process.ts`], {
    env: { BENCH: JSON.stringify({ ...servers, port, how, way }) },
  });
}

/** PgBouncer in session mode; null where it is not installed. */
export async function pgbouncer(
  { primary }: Servers,
  parent: string,
  way: Way,
): Promise<Contender | null> {
  const program = await installed(PGBOUNCER);
  if (program === null) return null;
  const port = freePort();
  const folder = await Deno.makeTempDir({ dir: parent });
  const args = await setUpPgbouncer(folder, {
    port,
    to: primary.port,
    ...(way === "socket" ? { host: primary.folder } : {}),
    login: { user: "app", password: "secret" },
    settings: [
      "pool_mode = session",
      "default_pool_size = 110",
      "max_client_conn = 500",
      "server_reset_query =",
      "server_idle_timeout = 1",
    ],
  });
  return await spawn(
    way === "socket" ? "PgBouncer, socket" : "PgBouncer (session)",
    port,
    program,
    args,
    { lingersMs: 2000 },
  );
}

/** Pgpool-II with load balancing over both servers; null where it is not installed. */
export async function pgpool(servers: Servers, folder: string): Promise<Contender | null> {
  const program = await installed("/usr/sbin/pgpool");
  if (program === null) return null;
  const port = freePort();
  const backends = [servers.primary, servers.standby].flatMap((backend, i) => [
    `backend_hostname${i} = '127.0.0.1'`,
    `backend_port${i} = ${backend.port}`,
    `backend_weight${i} = ${i}`,
  ]);
  await Deno.writeTextFile(`${folder}/pool_passwd`, "app:TEXTsecret\n");
  await Deno.writeTextFile(
    `${folder}/pgpool.conf`,
    [
      ...backends,
      "backend_clustering_mode = 'streaming_replication'",
      "listen_addresses = '127.0.0.1'",
      `port = ${port}`,
      `pcp_port = ${freePort()}`,
      `unix_socket_directories = '${folder}'`,
      `pcp_socket_dir = '${folder}'`,
      `pid_file_name = '${folder}/pgpool.pid'`,
      `logdir = '${folder}'`,
      "num_init_children = 110",
      "max_pool = 1",
      // The password goes to the server as SCRAM; the client sends it in clear.
      "enable_pool_hba = off",
      "pool_passwd = 'pool_passwd'",
      "allow_clear_text_frontend_auth = on",
      "load_balance_mode = on",
      "sr_check_user = 'app'",
      "sr_check_password = 'secret'",
      "sr_check_database = 'postgres'",
      "log_min_messages = fatal",
      "",
    ].join("\n"),
  );
  const args = ["-n", "-f", `${folder}/pgpool.conf`, "-F", `${folder}/pcp.conf`];
  return await spawn("Pgpool-II", port, program, args);
}

/** HAProxy as a TCP proxy; null where it is not installed. */
export async function haproxy(servers: Servers, folder: string): Promise<Contender | null> {
  const program = await installed("/usr/sbin/haproxy");
  if (program === null) return null;
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/haproxy.cfg`,
    [
      "defaults",
      "  mode tcp",
      "  timeout connect 5s",
      "  timeout client 1h",
      "  timeout server 1h",
      "listen postgres",
      `  bind 127.0.0.1:${port}`,
      `  server primary 127.0.0.1:${servers.primary.port}`,
      "",
    ].join("\n"),
  );
  return await spawn("HAProxy (TCP)", port, program, ["-db", "-q", "-f", `${folder}/haproxy.cfg`]);
}

async function spawn(
  name: string,
  port: number,
  program: string,
  args: readonly string[],
  { env = {}, lingersMs = 0 }: { env?: Record<string, string>; lingersMs?: number } = {},
): Promise<Contender> {
  const child = new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const processes = () => family(child.pid);
  await listening(name, port);
  return {
    name,
    port,
    cpuMs: async () => sum((await processes()).map(cpuOf)),
    memoryKb: async () => sum((await processes()).map(memoryOf)),
    lingersMs,
    async stop() {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

async function listening(name: string, port: number): Promise<void> {
  for (let i = 0; i < 300; i++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`Cannot measure ${name}: nothing listens on port ${port} after 30 s.`);
}

/** A process and its children. */
async function family(pid: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", String(pid)] })
    .output();
  const children = new TextDecoder().decode(stdout).split("\n").map(Number).filter((id) => id > 0);
  return [pid, ...children];
}

function cpuOf(pid: number): number {
  // Fields 14 and 15 behind the name in brackets: user and system time, in ticks of 10 ms.
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function installed(path: string): Promise<string | null> {
  return await Deno.stat(path).then(() => path, () => null);
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Runs pgbench; gives what it prints. @throws where it failed */
export async function pgbench(port: number, args: readonly string[]): Promise<string> {
  const where = ["-h", "127.0.0.1", "-p", `${port}`, "-U", "app", "postgres"];
  const { code, stdout, stderr } = await run("pgbench", [...args, ...where]);
  if (code !== 0) throw new Error(`pgbench failed: ${stderr}`);
  return stdout;
}

/** Reads a whole table with COPY; gives the number of bytes that came. @throws where it failed */
export async function copy(port: number, table: string): Promise<number> {
  const child = new Deno.Command(`${BIN}/psql`, {
    args: [
      "-h",
      "127.0.0.1",
      "-p",
      `${port}`,
      "-U",
      "app",
      "-c",
      `COPY ${table} TO STDOUT`,
      "postgres",
    ],
    env: { PGPASSWORD: "secret" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let bytes = 0;
  for await (const chunk of child.stdout) bytes += chunk.length;
  if ((await child.status).code !== 0) throw new Error("psql failed");
  return bytes;
}
