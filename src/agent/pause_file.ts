/**
 * The pause on disk: an agent that starts during maintenance must not begin with what it was told
 * to leave.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { readIfThere, removeDurably, writeDurably } from "../postgres/files.ts";

const FILE = "pause.json";

const pauseSchema = z.strictObject({
  id: z.uuid(),
  reason: z.string(),
  by: z.string(),
  /** RFC 3339, UTC. */
  since: z.string(),
  /** The term whose primary here is left alone even without a lease; null where none is. */
  heldTerm: z.int().nonnegative().nullable(),
});

/** A pause, as a node keeps it. */
export type Pause = Readonly<z.output<typeof pauseSchema>>;

/** Where a node keeps its pause. */
export interface PauseFile {
  readonly path: string;
  /** Null: there is none. A file that cannot be understood is an error with its remedy. */
  read(): Promise<
    | { readonly ok: true; readonly pause: Pause | null }
    | { readonly ok: false; readonly because: string }
  >;
  /** Resolves when it is durable; null removes the file. @throws what the file system throws */
  write(pause: Pause | null): Promise<void>;
}

/** Names the file under `stateDir`, which must exist. */
export function openPauseFile(stateDir: string): PauseFile {
  const path = join(stateDir, FILE);
  const unreadable = (reason: string) => ({
    ok: false as const,
    because:
      `Cannot read ${path}: ${reason}. It says that metako is paused here. Remove it where ` +
      "the maintenance is over, and start the agent again.",
  });
  return {
    path,
    async read() {
      try {
        const text = await readIfThere(path);
        if (text === null) return { ok: true, pause: null };
        const parsed = pauseSchema.safeParse(JSON.parse(text));
        return parsed.success
          ? { ok: true, pause: parsed.data }
          : unreadable(parsed.error.issues[0]?.message ?? "unknown form");
      } catch (error) {
        return unreadable(error instanceof Error ? error.message : String(error));
      }
    },
    write: (pause) =>
      pause === null
        ? removeDurably(path)
        : writeDurably(path, `${JSON.stringify(pause)}\n`, { owner: null }),
  };
}
