/**
 * What the router costs: `deno run -A tests/bench/router.ts [SECONDS]`.
 *
 * pgbench's read-only script runs against a throwaway PostgreSQL directly, and through a router in
 * this process, in alternating rounds, so that whatever else the machine does meets both alike. One
 * line per number of clients: transactions per second of both (medians over the rounds), their ratio,
 * and the time that a transaction spends more. `SECONDS` is the length of a round (default 3).
 *
 * The worst case for a router: statements that the server answers from memory in some ten
 * microseconds, on the same host, where router, server and pgbench share the cores.
 *
 * @module
 */
import { startRouter } from "../../src/router/router.ts";
import { run, startDatabase } from "../integration/router_postgres.ts";
import { OPTIONS, relaying } from "../router/harness.ts";

const ROUNDS = 5;
const seconds = Number(Deno.args[0] ?? 3);
const database = await startDatabase();
const primary = { node: "a", host: "127.0.0.1", port: database.port };
const started = startRouter({ ...OPTIONS, readOnlyPort: null }, {
  view: () => ({ term: 1, primary, because: "", yielding: null, standbys: [] }),
  onChange: () => () => {},
  roles: relaying(() => false),
  now: () => performance.now(),
  random: () => Math.random(),
  log: () => {},
});
try {
  if (!started.ok) throw new Error(started.because);
  await pgbench(database.port, ["-i", "-q", "-s", "5"]);
  for (const clients of [1, 4, 16]) {
    const direct: number[] = [];
    const routed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      direct.push(await rate(database.port, clients));
      routed.push(await rate(started.router.address.port, clients));
    }
    const [d, r] = [median(direct), median(routed)];
    const addedUs = (clients / r - clients / d) * 1e6;
    console.log(
      `${String(clients).padStart(2)} clients: direct ${d.toFixed(0)} tps, routed ${
        r.toFixed(0)
      } tps, ` +
        `ratio ${(r / d).toFixed(2)}, +${addedUs.toFixed(0)} µs per transaction`,
    );
  }
} finally {
  if (started.ok) await started.router.close();
  await database.stop();
}

async function rate(port: number, clients: number): Promise<number> {
  const threads = String(Math.min(clients, 2));
  const out = await pgbench(port, [
    "-S",
    "-n",
    "-T",
    `${seconds}`,
    "-c",
    `${clients}`,
    "-j",
    threads,
  ]);
  const match = /^tps = ([\d.]+)/m.exec(out);
  if (match === null) throw new Error(`pgbench printed no rate: ${out}`);
  return Number(match[1]);
}

async function pgbench(port: number, args: readonly string[]): Promise<string> {
  const where = ["-h", "127.0.0.1", "-p", `${port}`, "-U", "app", "postgres"];
  const { code, stdout, stderr } = await run("pgbench", [...args, ...where]);
  if (code !== 0) throw new Error(`pgbench failed: ${stderr}`);
  return stdout;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
