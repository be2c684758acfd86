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
  direct,
  forwarder,
  haproxy,
  metako,
  pgbench,
  pgbouncer,
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
  readonly args: readonly string[];
}

const READS = ["-n", "-S", "-j", "2", "-T", String(seconds)];
const WORKLOADS: readonly Workload[] = [
  { name: "reads, simple, 8 clients", args: [...READS, "-c", "8", "-M", "simple"] },
  { name: "reads, prepared, 8 clients", args: [...READS, "-c", "8", "-M", "prepared"] },
  { name: "reads, extended, 8 clients", args: [...READS, "-c", "8", "-M", "extended"] },
  { name: "reads, simple, 100 clients", args: [...READS, "-c", "100", "-M", "simple"] },
  { name: "reads, simple, 1 client", args: [...READS, "-j", "1", "-c", "1", "-M", "simple"] },
  { name: "a connection per read, 8 clients", args: [...READS, "-c", "8", "-C"] },
  { name: "TPC-B, simple, 8 clients", args: ["-n", "-j", "2", "-c", "8", "-T", String(seconds)] },
].filter(({ name }) => name.includes(values.only));

const folder = await Deno.makeTempDir({ prefix: "metako-bench-" });
const primary = await startDatabase();
const standby = await startStandby(primary);
const contenders: Contender[] = [];
try {
  const verifier = await primary.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'");
  const servers = { primary: primary.port, standby: standby.port, verifier };
  contenders.push(
    direct(servers),
    await forwarder(servers),
    await metako("metako, splitting", servers, "split"),
    await metako("metako, primary only", servers, "primary"),
  );
  for (const peer of [await pgbouncer(servers, folder), await haproxy(servers, folder)]) {
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

async function measure({ name, args }: Workload): Promise<void> {
  const rates = new Map<string, number[]>();
  const costs = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      const before = await contender.cpuMs();
      const out = await pgbench(contender.port, args);
      const after = await contender.cpuMs();
      const rate = Number(/^tps = ([\d.]+)/m.exec(out)?.[1]);
      const done = Number(/actually processed: (\d+)/.exec(out)?.[1]);
      add(rates, contender.name, rate);
      // A pool keeps its connections for a second, and others need them.
      await new Promise((resolve) => setTimeout(resolve, 2000));
      if (before !== null && after !== null) {
        add(costs, contender.name, (after - before) * 1000 / done);
      }
    }
  }
  const base = median(rates.get("direct")!);
  console.log(`${name}: direct ${base.toFixed(0)} tps`);
  for (const { name: who } of contenders.slice(1)) {
    const rate = median(rates.get(who)!);
    console.log(
      `  ${who.padEnd(22)} ${(rate / base).toFixed(2)}  ${rate.toFixed(0).padStart(6)} tps  ` +
        `${median(costs.get(who)!).toFixed(0).padStart(5)} µs of CPU per transaction`,
    );
  }
}

function add(into: Map<string, number[]>, key: string, value: number): void {
  into.set(key, [...into.get(key) ?? [], value]);
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1]!;
}
