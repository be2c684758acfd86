/**
 * The guardian: a process of its own that ends PostgreSQL when the agent no longer can.
 *
 * The agent writes orders to its standard input, and renews them as long as it holds the lease. An
 * agent that was killed, stopped or hangs renews nothing: when the time of the last order is over,
 * a primary in the data directory is ended with all its backends. A standby is left alone. Neither
 * the end of the agent nor a signal ends the guardian; a new agent does, once a majority stands
 * behind it. (docs/consensus.md, "Guardian")
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import type { Log } from "../core/log.ts";
import { exists } from "../postgres/files.ts";
import { fenceServer } from "../postgres/fence.ts";
import { findPostmaster } from "../postgres/postmaster.ts";
import type { ProcessId } from "../postgres/process.ts";
import { pause } from "../postgres/wait.ts";
import { createLog } from "../telemetry/log.ts";

/** A line from the agent. */
export const GUARDIAN_ORDER = z.discriminatedUnion("order", [
  z.strictObject({
    order: z.literal("hold"),
    number: z.int(),
    forMs: z.number(),
    /** Wall clock of the agent: what the line was under way counts as well. */
    sentAtMs: z.number(),
  }),
  z.strictObject({ order: z.literal("goodbye") }),
]);

/** See {@linkcode GUARDIAN_ORDER}. */
export type GuardianOrder = z.infer<typeof GUARDIAN_ORDER>;

/** A line to the agent. */
export const GUARDIAN_REPORT = z.union([
  z.strictObject({ held: z.int() }),
  z.strictObject({ ended: z.string() }),
]);

/** See {@linkcode GUARDIAN_REPORT}. */
export type GuardianReport = z.infer<typeof GUARDIAN_REPORT>;

/** What {@linkcode guardServer} is given. */
export interface GuardianOptions {
  readonly dataDir: string;
  /** Lines of orders; its end is the agent's end. */
  readonly orders: ReadableStream<Uint8Array>;
  /** Tells the agent, which may be gone. */
  readonly tell: (report: GuardianReport) => void;
  readonly log: Log;
}

/** How often it looks, where its time is not over sooner. */
const LOOK_EVERY_MS = 100;

/** After its time a standby may still be promoted by what a dead agent had begun. */
const LINGER_MS = 60_000;

/** Without an agent and without a server for so long there is nothing left to guard. */
const NOTHING_LEFT_MS = 1000;

/** Two clocks: the monotonic one stands still while the host is suspended, the other may be set. */
interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

interface Hold {
  readonly from: Moment;
  readonly forMs: number;
}

/** Guards until the agent says goodbye, or until there is neither agent nor server. */
export async function guardServer(options: GuardianOptions): Promise<void> {
  const { dataDir, tell, log } = options;
  const parting = new AbortController();
  let hold: Hold | null = null;
  let orphaned = false;
  let known: ProcessId | null = null;
  let goneSinceMs: number | null = null;

  const listening = listen(options.orders, (order) => {
    if (order.order === "goodbye") return parting.abort();
    const transitMs = Math.max(0, Date.now() - order.sentAtMs);
    hold = { from: now(), forMs: order.forMs - transitMs };
    tell({ held: order.number });
  }).then(() => orphaned = true);

  while (!parting.signal.aborted) {
    const postmaster = await findPostmaster(dataDir);
    if (postmaster !== null) known = { pid: postmaster.pid, startedAt: postmaster.startedAt };
    goneSinceMs = postmaster === null ? goneSinceMs ?? performance.now() : null;
    const overMs: number | null = hold === null ? null : overdueMs(hold);
    if (overMs !== null && overMs >= 0 && postmaster !== null) {
      // Not only once: what a dead agent had begun to start may come up after the first is gone.
      if (!(await isStandby(dataDir))) await endServer();
      else if (orphaned && overMs > LINGER_MS) return;
    }
    const nothingLeft = goneSinceMs !== null && performance.now() - goneSinceMs > NOTHING_LEFT_MS;
    if (orphaned && nothingLeft) return;
    const restMs = overMs === null || overMs >= 0 ? LOOK_EVERY_MS : -overMs;
    await pause(Math.min(LOOK_EVERY_MS, restMs), parting.signal);
  }
  await Promise.race([listening, pause(0)]);

  async function endServer(): Promise<void> {
    const because = "the agent has said nothing for as long as PostgreSQL may run without it";
    log("warning", "guardian", { outcome: "started", because });
    const fenced = await fenceServer({ dataDir, options: {} }, known);
    log(fenced.ok ? "warning" : "error", "guardian", {
      outcome: fenced.ok ? "done" : "failed",
      because: fenced.ok ? "PostgreSQL and all its backends are gone" : fenced.because,
    });
    if (fenced.ok) tell({ ended: because });
  }
}

/** Guards as a process: orders on standard input, reports on standard output, a log in a file. */
export async function runGuardian(
  options: { readonly dataDir: string; readonly stateDir: string; readonly node: string },
): Promise<void> {
  const { dataDir, stateDir, node } = options;
  const path = join(stateDir, "guardian.log");
  const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  const encoder = new TextEncoder();
  await guardServer({
    dataDir,
    orders: Deno.stdin.readable,
    tell: (report) =>
      void Deno.stdout.write(encoder.encode(`${JSON.stringify(report)}\n`)).catch(() => {}),
    log: createLog({ level: "info", node, write: (bytes) => file.writeSync(bytes) }),
  });
}

/** How long ago its time was over; negative where it is not. */
function overdueMs({ from, forMs }: Hold): number {
  const { monotonicMs, wallMs } = now();
  return Math.max(monotonicMs - from.monotonicMs, wallMs - from.wallMs) - forMs;
}

function now(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

/** What will not come up as a primary by itself. When in doubt it is one. */
async function isStandby(dataDir: string): Promise<boolean> {
  return await exists(join(dataDir, "standby.signal")).catch(() => false);
}

async function listen(
  orders: ReadableStream<Uint8Array>,
  take: (order: GuardianOrder) => void,
): Promise<void> {
  try {
    for await (const line of linesOf(orders)) {
      const order = GUARDIAN_ORDER.safeParse(parsed(line));
      // What it cannot read changes nothing: the last order counts.
      if (order.success) take(order.data);
    }
  } catch {
    // A broken pipe is an end like any other.
  }
}

/** The lines of a stream of bytes. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** The JSON value of a line; undefined where it is none. */
export function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
