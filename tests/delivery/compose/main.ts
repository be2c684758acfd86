/**
 * `deno task compose:test`: compose.yaml on a real Docker daemon. Three nodes come up, the client
 * writes, and the primary's container is killed, stopped in order, and frozen, one after the other.
 * Every row that was acknowledged has to be there at the end, on all nodes.
 *
 *   --compiled        compile in the container instead of taking dist/metako
 *   --make-base       make PostgreSQL's image from Debian's packages, where it cannot be pulled
 *   --rounds N        how often each of the three is played (1)
 *   --keep            leave the containers running
 */
import { parseArgs } from "node:util";
import { statusDocumentSchema } from "../../../src/coordination/status_document.ts";
import { makeBase } from "./base.ts";
import { hasImage, openProject, type Project } from "./docker.ts";
import { type Acknowledged, acknowledged, outageMs } from "./ledger.ts";

const NODES = ["node1", "node2", "node3"];
const BASE_IMAGE = Deno.env.get("POSTGRES_IMAGE") ?? "postgres:15-bookworm";
const CONFIG = "/etc/metako/node.yaml";

/** Something that happens to the primary, and how it is undone. */
interface Blow {
  readonly name: string;
  readonly strike: (project: Project, node: string) => Promise<unknown>;
  readonly undo: (project: Project, node: string) => Promise<unknown>;
}

const BLOWS: readonly Blow[] = [
  {
    name: "kill",
    strike: (project, node) => project.compose("kill", node),
    undo: (project, node) => project.compose("start", node),
  },
  {
    name: "stop",
    strike: (project, node) => project.compose("stop", node),
    undo: (project, node) => project.compose("start", node),
  },
  {
    name: "pause",
    strike: (project, node) => project.compose("pause", node),
    undo: (project, node) => project.compose("unpause", node),
  },
];

const { values: options } = parseArgs({
  options: {
    compiled: { type: "boolean", default: false },
    "make-base": { type: "boolean", default: false },
    rounds: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
  },
});

const project = await prepare();
try {
  const faults = await play(project, Number(options.rounds));
  for (const fault of faults) console.error(`FAILED: ${fault}`);
  console.log(faults.length === 0 ? "Passed." : "Not passed.");
  Deno.exitCode = faults.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`FAILED: ${error instanceof Error ? error.message : error}`);
  console.error(await project.attempt("logs", "--no-color", "--tail", "30"));
  Deno.exitCode = 1;
} finally {
  if (!options.keep) await project.compose("down", "--volumes", "--timeout", "5");
}

async function prepare(): Promise<Project> {
  if (!await hasImage(BASE_IMAGE) && options["make-base"]) await makeBase(BASE_IMAGE);
  const target = options.compiled ? "built" : "prebuilt";
  const project = await openProject("metako-test", { METAKO_BUILD_TARGET: target });
  await project.compose("build");
  return project;
}

async function play(project: Project, rounds: number): Promise<readonly string[]> {
  const beganMs = Date.now();
  await project.compose("up", "--detach");
  await whole(project);
  await written(project, 20);
  console.log(`whole, and written to, after ${seconds(Date.now() - beganMs)}`);

  for (let round = 1; round <= rounds; round++) {
    for (const { name, strike, undo } of BLOWS) {
      const primary = (await rows(project)).at(-1)!.node;
      const fromMs = Date.now();
      await Promise.all([strike(project, primary), written(project, 10, fromMs, primary)]);
      const toMs = Date.now();
      await undo(project, primary);
      await whole(project);
      const backMs = Date.now() - toMs;
      await written(project, 10);
      const seen = await rows(project);
      console.log([
        `${name.padEnd(5)} ${primary} -> ${seen.at(-1)!.node}`,
        `no row for ${seconds(outageMs(seen, { fromMs, toMs: Date.now() }))}`,
        `whole ${seconds(backMs)} after its return`,
      ].join(", "));
    }
  }
  await project.compose("stop", "client");
  return await compare(project);
}

/** Waits until there is a primary, and both of the others may be elected in its place. */
async function whole(project: Project): Promise<void> {
  await until("the cluster to be whole", async () => {
    for (const node of NODES) {
      const text = await project.attempt(
        ...["exec", "-T", node, "metako", "status", "--json", "--config", CONFIG],
      );
      if (text === null) continue;
      const { nodes, primary } = statusDocumentSchema.parse(JSON.parse(text));
      return nodes.some((each) =>
        each.reachable && each.node === primary &&
        each.electability?.filter(({ electable }) => electable).length === NODES.length - 1
      );
    }
    return false;
  });
}

/** Waits until so many more rows are acknowledged, from a moment on, and not by that node. */
async function written(
  project: Project,
  count: number,
  sinceMs = Date.now(),
  notBy: string | null = null,
): Promise<void> {
  await until(
    `${count} more rows`,
    async () =>
      (await rows(project)).filter(({ atMs, node }) => atMs > sinceMs && node !== notBy).length >=
        count,
  );
}

async function rows(project: Project): Promise<readonly Acknowledged[]> {
  return acknowledged(await project.compose("logs", "--no-color", "--timestamps", "client"));
}

/** What is missing, on the primary or on a standby. */
async function compare(project: Project): Promise<readonly string[]> {
  const wanted = (await rows(project)).map(({ number }) => number);
  const faults: string[] = [];
  const counts: number[] = [];
  for (const node of NODES) {
    const has = async () => {
      const query = "select string_agg(number::text, ',') from rows";
      const text = await project.attempt(
        ...["exec", "-T", "-e", "PGPASSWORD=for-trying-only", node, "psql", "-X", "-At"],
        ...["-h", "127.0.0.1", "-U", "app", "-d", "shop", "-c", query],
      );
      return new Set(text?.split(",").map(Number));
    };
    const missing = async () => {
      const there = await has();
      return wanted.filter((number) => !there.has(number));
    };
    // A standby may replay for a moment more; what the primary lacks does not come.
    await until(`every row on ${node}`, async () => (await missing()).length === 0, 20_000)
      .catch(() => {});
    const left = await missing();
    counts.push(left.length);
    if (left.length > 0) {
      faults.push(`${node} lacks ${left.length} acknowledged rows: ${left.slice(0, 9).join(", ")}`);
    }
  }
  console.log(`${wanted.length} rows acknowledged; missing on each node: ${counts.join(", ")}`);
  return faults;
}

async function until(
  what: string,
  condition: () => Promise<boolean>,
  limitMs = 180_000,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!await condition()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
