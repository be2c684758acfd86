/**
 * The folder of a demo cluster.
 *
 * Started as root, the agents run as root and PostgreSQL as another user, who must be able to pass
 * through every folder above its data. A temporary folder is made so; one that the user names is
 * looked at first, since the error PostgreSQL would give says little.
 *
 * @module
 */
import { type DemoPlan, renderNodeConfig } from "./plan.ts";

/** The folder, or why it cannot be used. */
export type DemoFolder =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly because: string };

/**
 * Makes the demo's folder.
 *
 * @param named the folder that the user asked for, absent or empty; null: a temporary one
 * @param osUser who PostgreSQL will run as; null: the user of this process
 */
export async function makeFolder(named: string | null, osUser: string | null): Promise<DemoFolder> {
  if (named === null) {
    const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "metako-demo-" }));
    await Deno.chmod(path, 0o755);
    return { ok: true, path };
  }
  try {
    await Deno.mkdir(named, { recursive: true, mode: 0o755 });
    const path = await Deno.realPath(named);
    for await (const entry of Deno.readDir(path)) {
      const because = `Cannot start the demo in ${named}: the folder must be empty, it holds` +
        ` ${entry.name}. Name another one with --dir.`;
      return { ok: false, because };
    }
    const barrier = osUser === null ? null : await impassable(path);
    if (barrier !== null) {
      const because = `Cannot start the demo in ${named}: PostgreSQL runs as ${osUser}, who may` +
        ` not pass through ${barrier}. Run chmod o+x on it, or name another folder with --dir.`;
      return { ok: false, because };
    }
    return { ok: true, path };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const because = `Cannot start the demo in ${named}: ${reason}. Name another folder with --dir.`;
    return { ok: false, because };
  }
}

/** Makes each node's folder and writes its configuration, which only this user can read. */
export async function writeNodeFiles(plan: DemoPlan): Promise<void> {
  for (const node of plan.nodes) {
    await Deno.mkdir(node.folder, { mode: 0o755 });
    await Deno.writeTextFile(node.configFile, renderNodeConfig(plan, node), { mode: 0o600 });
  }
}

/** The last lines of every node's log, for a message; "" where there is none. */
export function logTails(plan: DemoPlan, lines = 8): string {
  return plan.nodes.map((node) => {
    const text = readOrNull(node.logFile);
    if (text === null) return "";
    const tail = text.trimEnd().split("\n").slice(-lines).map((line) => `  ${line}`);
    return `The end of ${node.logFile}:\n${tail.join("\n")}`;
  }).filter((text) => text !== "").join("\n");
}

function readOrNull(file: string): string | null {
  try {
    return Deno.readTextFileSync(file);
  } catch {
    return null;
  }
}

/** The first folder on the way to `path` that others may not pass through; null: none. */
async function impassable(path: string): Promise<string | null> {
  const parts = path.split("/").filter((part) => part !== "");
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const folder = `/${parts.slice(0, depth).join("/")}`;
    const { mode } = await Deno.stat(folder);
    if (mode !== null && (mode & 0o001) === 0) return folder;
  }
  return null;
}
