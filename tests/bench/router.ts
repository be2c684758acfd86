/**
 * What the router costs, beside a direct connection and beside its peers:
 * `deno task bench:router [--seconds N] [--rounds N] [--only TEXT]`.
 *
 * pgbench runs against each contender in alternating rounds, so that whatever else the machine does
 * meets all alike. Printed are medians of transactions per second, as a share of the direct
 * connection's, and the CPU time that the contender itself used per transaction.
 *
 * The worst case for a proxy: statements that the server answers from memory in some ten
 * microseconds, on the same host, where proxy, server and pgbench share the cores.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { startDatabase, startStandby } from "../integration/router_postgres.ts";
import {
  type Contender,
  copy,
  direct,
  forwarder,
  haproxy,
  metako,
  pgbench,
  pgbouncer,
  pgpool,
} from "./contenders.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

interface Workload {
  readonly name: string;
  /** What the rate counts. */
  readonly unit: string;
  /** Works through a port; gives the rate, and how often the work was done. */
  run(port: number): Promise<{ readonly rate: number; readonly done: number }>;
}

const WORKLOADS: readonly Workload[] = [
  reads("reads, simple, 8 clients", 8, "-M", "simple"),
  reads("reads, prepared, 8 clients", 8, "-M", "prepared"),
  reads("reads, extended, 8 clients", 8, "-M", "extended"),
  // Each opens its servers in the first of these seconds.
  reads("reads, simple, 100 clients", 100, "-T", String(seconds * 5)),
  reads("reads, simple, 1 client", 1),
  reads("a connection per read, 8 clients", 8, "-C"),
  transactions("TPC-B, simple, 8 clients", 8),
  copyOut("COPY out, 1 client", "pgbench_accounts"),
].filter(({ name }) => name.includes(values.only));

function reads(name: string, clients: number, ...args: readonly string[]): Workload {
  return transactions(name, clients, "-S", ...args);
}

function transactions(name: string, clients: number, ...args: readonly string[]): Workload {
  const threads = String(Math.min(2, clients));
  const load = ["-n", "-c", String(clients), "-j", threads, "-T", String(seconds), ...args];
  return {
    name,
    unit: "tps",
    async run(port) {
      const out = await pgbench(port, load);
      return {
        rate: Number(/^tps = ([\d.]+)/m.exec(out)?.[1]),
        done: Number(/actually processed: (\d+)/.exec(out)?.[1]),
      };
    },
  };
}

function copyOut(name: string, table: string): Workload {
  return {
    name,
    unit: "MB/s",
    async run(port) {
      const startedAtMs = performance.now();
      const megabytes = await copy(port, table) / 1e6;
      return { rate: megabytes / (performance.now() - startedAtMs) * 1000, done: megabytes };
    },
  };
}

const folder = await Deno.makeTempDir({ prefix: "metako-bench-" });
const primary = await startDatabase();
const standby = await startStandby(primary);
const contenders: Contender[] = [];
try {
  const verifier = await primary.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'");
  const servers = { primary, standby, verifier };
  contenders.push(
    direct(servers),
    await forwarder(servers),
    await metako("metako, splitting", servers, "split"),
    await metako("metako, local socket", servers, "split", { way: "socket" }),
    await metako("metako, primary only", servers, "primary"),
  );
  const peers = [
    () => pgbouncer(servers, folder, "tcp"),
    () => pgbouncer(servers, folder, "socket"),
    () => pgpool(servers, folder),
    () => haproxy(servers, folder),
  ];
  for (const start of peers) {
    const peer = await start();
    if (peer !== null) contenders.push(peer);
  }
  await pgbench(primary.port, ["-i", "-q", "-s", "5"]);
  await standby.becomes("500000", "SELECT count(*) FROM pgbench_accounts");
  for (const workload of WORKLOADS) await measure(workload);
} finally {
  for (const contender of contenders) await contender.stop();
  await standby.stop();
  await primary.stop();
  await Deno.remove(folder, { recursive: true });
}

async function measure({ name, unit, run }: Workload): Promise<void> {
  const rates = new Map<string, number[]>();
  const costs = new Map<string, number[]>();
  const memory = new Map<string, number[]>();
  // The first round is not counted: compilers and caches warm up in it.
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      const before = await contender.cpuMs();
      const { rate, done } = await run(contender.port);
      const after = await contender.cpuMs();
      const memoryMb = (await contender.memoryKb() ?? 0) / 1024;
      await new Promise((resolve) => setTimeout(resolve, contender.lingersMs));
      if (round === 0) continue;
      add(rates, contender.name, rate);
      add(memory, contender.name, memoryMb);
      if (before !== null && after !== null) {
        add(costs, contender.name, (after - before) * 1000 / done);
      }
    }
  }
  const base = median(rates.get("direct")!);
  const work = unit === "tps" ? "transaction" : "MB";
  console.log(`${name}: direct ${base.toFixed(0)} ${unit}`);
  for (const { name: who } of contenders.slice(1)) {
    const rate = median(rates.get(who)!);
    console.log(
      `  ${who.padEnd(22)} ${(rate / base).toFixed(2)}  ${rate.toFixed(0).padStart(6)} ${unit}  ` +
        `${median(costs.get(who)!).toFixed(0).padStart(5)} µs of CPU per ${work}  ` +
        `${median(memory.get(who)!).toFixed(0).padStart(5)} MiB`,
    );
  }
}

function add(into: Map<string, number[]>, key: string, value: number): void {
  into.set(key, [...into.get(key) ?? [], value]);
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1]!;
}
