/**
 * The state file: what a node must remember across crashes, durable before anybody is told.
 *
 * One JSON document with a checksum, replaced as a whole: temporary file, fsync, rename, fsync of
 * the folder. So there is always one complete version, the old or the new. A file that cannot be
 * read, or was written for another node, stops the agent: guessing would break a vote or a promise.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Durable } from "../core/effect.ts";
import { formatLsn, parseLsn } from "../core/lsn.ts";
import { NOTHING_DURABLE } from "../core/initial.ts";

/** The layout of the file; a later one that this binary does not know is refused. */
const FORMAT = 1;

const FILE = "state.json";

/** Characters of a file's content that a message quotes. */
const MAX_QUOTED = 300;

const whole = z.int().min(0);
const name = z.string().min(1).max(63);
const lsn = z.string().transform((text, context) => {
  const parsed = parseLsn(text);
  if (parsed !== null) return parsed;
  context.addIssue({ code: "custom", message: `must be an LSN like 0/16B3748, is ${cut(text)}` });
  return z.NEVER;
});
const instance = z.strictObject({ node: name, incarnation: z.string().regex(/^[0-9a-f]{8}$/) });

const memory = z.string().regex(/^[0-9a-f]{8}$/);
const member = z.strictObject({
  name,
  kind: z.enum(["data", "witness"]),
  memory: memory.optional(),
});

const durableSchema = z.strictObject({
  term: whole,
  votedFor: name.nullable(),
  record: z.strictObject({
    term: whole,
    seq: whole,
    members: z.array(member),
    systemIdentifier: z.string().nullable(),
    leader: instance,
    timeline: whole,
    startLsn: lsn,
    takenTimeline: z.int().positive().optional(),
    electable: z.array(instance),
    required: whole,
  }).nullable(),
  resignedTerm: whole,
  admitted: z.boolean(),
  /** Files of earlier versions have none. */
  memory: memory.nullable().default(null),
});

const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  cluster: z.string(),
  node: z.string(),
  durable: durableSchema,
});

/** What reading gives: the state, `existed: false` where there is no file yet, or why not. */
export type StateRead =
  | { readonly ok: true; readonly durable: Durable; readonly existed: boolean }
  | { readonly ok: false; readonly because: string };

/** The state file of one node. */
export interface StateFile {
  readonly path: string;
  read(): Promise<StateRead>;
  /** Resolves when the state is durable. @throws what the file system throws */
  write(durable: Durable): Promise<void>;
}

/** Names the state file of `node` in `cluster` under `stateDir`, which must exist. */
export function openStateFile(
  options: { readonly stateDir: string; readonly cluster: string; readonly node: string },
): StateFile {
  const { stateDir, cluster, node } = options;
  const path = `${stateDir}/${FILE}`;
  return {
    path,
    async read() {
      let text: string;
      try {
        text = await Deno.readTextFile(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) {
          return { ok: true, durable: NOTHING_DURABLE, existed: false };
        }
        if (error instanceof Deno.errors.PermissionDenied) {
          const because =
            `Cannot read the state file ${path}: this user may not. Run the agent as ` +
            "the user who wrote it, or give that file and its folder to this one.";
          return { ok: false, because };
        }
        return { ok: false, because: unreadable(path, reason(error)) };
      }
      return decodeState(text, { path, cluster, node });
    },
    async write(durable) {
      const temporary = `${path}.new`;
      const file = await Deno.open(temporary, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      try {
        const bytes = new TextEncoder().encode(encodeState({ cluster, node, durable }));
        for (let written = 0; written < bytes.length;) {
          written += await file.write(bytes.subarray(written));
        }
        await file.sync();
      } finally {
        file.close();
      }
      await Deno.rename(temporary, path);
      using folder = await Deno.open(stateDir, { read: true });
      await folder.sync();
    },
  };
}

/** The text of a state file: one line of JSON, and its SHA-256 on the next. */
export function encodeState(
  content: { readonly cluster: string; readonly node: string; readonly durable: Durable },
): string {
  const body = JSON.stringify(
    { format: FORMAT, ...content },
    (_, value) => typeof value === "bigint" ? formatLsn(value) : value,
  );
  return `${body}\n${digest(body)}\n`;
}

/** Reads the text of a state file back; every deviation is an error that names the remedy. */
export function decodeState(
  text: string,
  expected: { readonly path: string; readonly cluster: string; readonly node: string },
): StateRead {
  const { path, cluster, node } = expected;
  const [body, sum, ...rest] = text.split("\n");
  if (body === undefined || sum === undefined || rest.join("") !== "" || digest(body) !== sum) {
    return { ok: false, because: unreadable(path, "its checksum does not match its content") };
  }
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    return { ok: false, because: unreadable(path, reason(error)) };
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
    return { ok: false, because: unreadable(path, `${where}${issue?.message ?? "unknown form"}`) };
  }
  if (parsed.data.cluster !== cluster || parsed.data.node !== node) {
    return {
      ok: false,
      because:
        `Cannot use the state file ${path}: it belongs to node ${cut(parsed.data.node)} of ` +
        `cluster ${cut(parsed.data.cluster)}, this is ${node} of ${cluster}. Give each node a ` +
        "state_dir of its own, or correct identity.node_name and cluster_name.",
    };
  }
  return { ok: true, durable: parsed.data.durable, existed: true };
}

function unreadable(path: string, because: string): string {
  return `Cannot read the state file ${path}: ${
    cut(because)
  }. It holds this node's vote and promises, ` +
    "so the agent does not start without it. Restore it from this host, or, if it is lost, remove " +
    "it: the node then votes again as soon as a leader takes it back.";
}

/** What a spoilt file says about itself can be of any length. */
function cut(text: string): string {
  return text.length <= MAX_QUOTED ? text : `${text.slice(0, MAX_QUOTED).toWellFormed()}…`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
