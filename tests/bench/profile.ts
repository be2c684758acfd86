/**
 * Where the router's time goes: `deno task bench:profile [--mode M] [--clients N] [--seconds N]
 * [--how split|primary] [--svg FILE]`.
 *
 * Runs the router with V8's profiler on while pgbench reads through it, prints the time by part of the
 * program, and draws a flame chart.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { startDatabase, startStandby } from "../integration/router_postgres.ts";
import { metako, pgbench } from "./contenders.ts";
import { boxesOf, type CpuProfile, flameSvg, selfByPart } from "./flame.ts";

const { values } = parseArgs({
  options: {
    mode: { type: "string", default: "simple" },
    clients: { type: "string", default: "8" },
    seconds: { type: "string", default: "5" },
    how: { type: "string", default: "split" },
    svg: { type: "string" },
  },
});
const how = values.how === "primary" ? "primary" : "split";
const load = ["-n", "-S", "-j", "2", "-c", values.clients, "-M", values.mode];

const folder = await Deno.makeTempDir({ prefix: "metako-profile-" });
const primary = await startDatabase();
const standby = await startStandby(primary);
try {
  const verifier = await primary.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'");
  await pgbench(primary.port, ["-i", "-q", "-s", "5"]);
  await standby.becomes("500000", "SELECT count(*) FROM pgbench_accounts");
  const servers = { primary, standby, verifier };
  const router = await metako("metako", servers, how, {
    flags: ["--cpu-prof", `--cpu-prof-dir=${folder}`],
  });
  const out = await pgbench(router.port, [...load, "-T", values.seconds]);
  await router.stop();
  const done = Number(/actually processed: (\d+)/.exec(out)?.[1]);
  const [file] = [...Deno.readDirSync(folder)];
  if (file === undefined) throw new Error("Cannot show a profile: the router wrote none.");
  const profile: CpuProfile = JSON.parse(await Deno.readTextFile(`${folder}/${file.name}`));
  const root = boxesOf(profile);
  const title = `${how}, ${values.mode}, ${values.clients} clients: ${done} reads, ` +
    `${(root.total / done).toFixed(1)} µs of the router's main thread for each`;
  console.log(title);
  for (const [part, us] of [...selfByPart(root)].sort((a, b) => b[1] - a[1])) {
    console.log(`  ${part.padEnd(18)} ${(us / done).toFixed(1).padStart(6)} µs`);
  }
  if (values.svg !== undefined) await Deno.writeTextFile(values.svg, flameSvg(root, title));
} finally {
  await standby.stop();
  await primary.stop();
  await Deno.remove(folder, { recursive: true });
}
