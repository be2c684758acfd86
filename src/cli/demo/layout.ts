/**
 * Lays a demo cluster out on this machine: everything that has to be there before the first start.
 *
 * @module
 */
import { makeFolder, writeNodeFiles } from "./folder.ts";
import { type DemoPlan, LOOPBACK, planDemo, PORTS_PER_NODE } from "./plan.ts";
import { findFreePorts } from "./ports.ts";

/** A cluster whose files are written, or why there is none. */
export type LaidOut =
  | { readonly ok: true; readonly plan: DemoPlan }
  | { readonly ok: false; readonly because: string };

/**
 * Chooses folder, ports and passwords, and writes each node's files.
 *
 * @param options.nodes how many, witnesses included
 * @param options.witnesses how many of them are witnesses; default 0
 * @param options.folder null: a temporary one
 * @param options.settings see {@linkcode DemoPlan}
 * @param binDir where PostgreSQL's programs are
 */
export async function layOut(
  options: {
    readonly nodes: number;
    readonly folder: string | null;
    readonly witnesses?: number;
    readonly settings?: DemoPlan["settings"];
  },
  binDir: string,
): Promise<LaidOut> {
  // PostgreSQL refuses to run as root; its packages bring this user.
  const osUser = Deno.uid() === 0 ? "postgres" : null;
  const folder = await makeFolder(options.folder, osUser);
  if (!folder.ok) return folder;
  const wanted = options.nodes * PORTS_PER_NODE;
  const ports = findFreePorts(LOOPBACK, wanted);
  if (ports === null) {
    const because = `Cannot start the demo: ${wanted} free ports between 20000 and 32000 on` +
      ` ${LOOPBACK} are needed. Stop other listeners, or ask for fewer --nodes.`;
    return { ok: false, because };
  }
  const plan = planDemo({
    folder: folder.path,
    nodeCount: options.nodes,
    witnessCount: options.witnesses ?? 0,
    settings: options.settings ?? {},
    ports,
    binDir,
    osUser,
    secrets: {
      superuser: randomSecret(),
      replication: randomSecret(),
      application: randomSecret(),
      cluster: randomSecret() + randomSecret(),
    },
  });
  await writeNodeFiles(plan);
  return { ok: true, plan };
}

function randomSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
