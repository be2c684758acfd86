/**
 * Whom PostgreSQL's processes and files belong to. PostgreSQL refuses root, so an agent that runs
 * as root acts through another user, and any other agent only as itself.
 *
 * @module
 */
import { runCommand } from "./command.ts";
import type { Owner } from "./files.ts";
import { done, failed, type Step } from "./outcome.ts";

/**
 * The user to act as; null means the agent's own.
 *
 * @param wanted the configured name, or null for the default ("postgres" under root)
 */
export async function resolveOwner(wanted: string | null): Promise<Step<Owner | null>> {
  const isRoot = Deno.uid() === 0;
  if (!isRoot && wanted === null) return done(null);
  const name = wanted ?? "postgres";
  const uid = await idOf("-u", name);
  const gid = await idOf("-g", name);
  if (uid === null || gid === null) {
    return failed(
      `Cannot run PostgreSQL as local_db.os_user: there is no system user ${
        JSON.stringify(name)
      }. Install PostgreSQL's package, which creates "postgres", or name another user`,
    );
  }
  if (uid === 0) {
    return failed(
      `Cannot run PostgreSQL as ${
        JSON.stringify(name)
      }: PostgreSQL refuses to run as root. Set local_db.os_user to an unprivileged user`,
    );
  }
  if (!isRoot) {
    return uid === Deno.uid() ? done(null) : failed(
      `Cannot run PostgreSQL as ${
        JSON.stringify(name)
      }: the agent runs as user number ${Deno.uid()}. Start the agent as that user, or as root`,
    );
  }
  return done({ name, uid, gid });
}

async function idOf(flag: string, name: string): Promise<number | null> {
  const end = await runCommand({ program: "id", args: [flag, "--", name], owner: null });
  return end.code === 0 && /^\d+\s*$/.test(end.stdout) ? Number(end.stdout) : null;
}
