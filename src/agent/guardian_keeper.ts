/**
 * The agent's side of the guardian: it starts the process, passes the core's orders on, and starts
 * another one where it ends.
 *
 * A guardian that an agent before this one left behind goes on with its last order. It is ended only
 * when there is no primary here, or when the new guardian has confirmed an order that a majority
 * stands behind: so there is never a gap, and never one that ends a server which was taken over.
 *
 * @module
 */
import type { GuardOrder } from "../core/guard.ts";
import type { Log } from "../core/log.ts";
import { allProcesses, commandLine, type ProcessId, sendSignal } from "../postgres/process.ts";
import { monotonicMs } from "./clock.ts";
import { GUARDIAN_REPORT, type GuardianOrder, linesOf, parsed } from "./guardian.ts";

/** See the module. */
export interface GuardianKeeper {
  /** To be called after every change of the core's state. */
  follow(order: GuardOrder): void;
  /** The agent ends; a guardian that guards something stays. */
  stop(): void;
}

/** What {@linkcode keepGuardian} is given. */
export interface KeeperOptions {
  readonly dataDir: string;
  /** The command that starts metako. */
  readonly self: readonly string[];
  /** Where the guardian leaves its log. */
  readonly stateDir: string;
  readonly node: string;
  readonly log: Log;
}

/** Pause before a guardian that ended is replaced. */
const RESTART_MS = 500;

/** Orders that move the end by less than this are not worth a line. */
const RENEW_MS = 50;

type HoldOrder = GuardOrder & { readonly kind: "hold" };

/** A guardian of this agent. */
interface Running {
  readonly pid: number;
  readonly send: (order: GuardianOrder) => void;
}

/** Keeps a guardian while there is something to guard. */
export function keepGuardian(options: KeeperOptions): GuardianKeeper {
  const { dataDir, log } = options;
  let running: Running | null = null;
  let wanted: HoldOrder | null = null;
  let sent: HoldOrder | null = null;
  let number = 0;
  /** The first order that a majority stood behind; the predecessors' end waits for its receipt. */
  let confirmedNumber = Infinity;
  let restartAtMs = 0;
  let stopped = false;
  let predecessors: Promise<readonly ProcessId[]> | null = findGuardians(dataDir);

  function follow(order: GuardOrder): void {
    if (stopped || order.kind === "keep") return;
    if (order.kind === "release") return release();
    wanted = order;
    if (running === null) return begin();
    const moved = sent === null || Math.abs(order.untilMs - sent.untilMs) >= RENEW_MS ||
      order.confirmed !== sent.confirmed;
    if (moved) pass(running, order);
  }

  function release(): void {
    wanted = null;
    endPredecessors();
    running?.send({ order: "goodbye" });
    running = null;
    sent = null;
  }

  function pass(guardian: Running, order: HoldOrder): void {
    sent = order;
    number++;
    if (order.confirmed) confirmedNumber = Math.min(confirmedNumber, number);
    const forMs = order.untilMs - monotonicMs();
    guardian.send({ order: "hold", number, forMs, sentAtMs: Date.now() });
  }

  function begin(): void {
    if (stopped || wanted === null || running !== null || monotonicMs() < restartAtMs) return;
    restartAtMs = monotonicMs() + RESTART_MS;
    const started = start(options, { held, ended: restart });
    if (typeof started === "string") {
      log("error", "guardian", { outcome: "failed", because: started });
      setTimeout(begin, RESTART_MS);
      return;
    }
    running = started;
    log("info", "guardian", { outcome: "started", pid: started.pid });
    pass(running, wanted);
  }

  function held(which: number): void {
    if (which >= confirmedNumber) endPredecessors();
  }

  function restart(pid: number): void {
    if (stopped || running?.pid !== pid) return;
    running = null;
    log("warning", "guardian", {
      outcome: "failed",
      because: "the guardian process ended without being asked to; another one is started",
    });
    setTimeout(begin, RESTART_MS);
  }

  function endPredecessors(): void {
    void predecessors?.then((found) => {
      for (const { pid } of found) if (pid !== running?.pid) sendSignal(pid, "SIGKILL");
    }).catch((error) => log("error", "guardian", { outcome: "failed", because: `${error}` }));
    predecessors = null;
  }

  return {
    follow,
    stop() {
      stopped = true;
    },
  };
}

/** Guardians of the data directory that run now, whoever started them. */
export async function findGuardians(dataDir: string): Promise<readonly ProcessId[]> {
  const found: ProcessId[] = [];
  for (const process of await allProcesses()) {
    if (process.pid === Deno.pid || process.name.startsWith("postgres")) continue;
    const words = await commandLine(process.pid);
    const at = words.indexOf("guardian");
    if (at < 0 || words[at + 1] !== "--data-dir") continue;
    if (await realPath(words[at + 2] ?? "") === await realPath(dataDir)) found.push(process);
  }
  return found;
}

async function realPath(path: string): Promise<string> {
  return await Deno.realPath(path).catch(() => path);
}

/** Starts the process; a sentence where that fails. */
function start(
  options: KeeperOptions,
  on: { readonly held: (number: number) => void; readonly ended: (pid: number) => void },
): Running | string {
  const { self, dataDir, stateDir, node, log } = options;
  const [program = "", ...words] = self;
  const args = [...words, "guardian", "--data-dir", dataDir, "--state-dir", stateDir];
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args: [...args, "--node", node],
      clearEnv: true,
      env: guardianEnv(),
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
  } catch (error) {
    return `Cannot start the guardian: ${error instanceof Error ? error.message : error}`;
  }
  child.unref();
  const writer = child.stdin.getWriter();
  void hear(child.stdout, on.held, log);
  void child.status.then(() => on.ended(child.pid));
  const encoder = new TextEncoder();
  return {
    pid: child.pid,
    // One that has ended hears nothing; its end is news of its own.
    send: (order) =>
      void writer.write(encoder.encode(`${JSON.stringify(order)}\n`)).catch(() => {}),
  };
}

async function hear(
  stream: ReadableStream<Uint8Array>,
  held: (number: number) => void,
  log: Log,
): Promise<void> {
  try {
    for await (const line of linesOf(stream)) {
      const report = GUARDIAN_REPORT.safeParse(parsed(line));
      if (!report.success) continue;
      if ("held" in report.data) held(report.data.held);
      else log("warning", "guardian", { outcome: "done", because: report.data.ended });
    }
  } catch {
    // The process is gone.
  }
}

/** Secrets may stand in the agent's environment; the guardian needs none, so it gets little of it. */
const ENV_NAMES = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "DENO_DIR", "XDG_CACHE_HOME"];

function guardianEnv(): Record<string, string> {
  return Object.fromEntries(ENV_NAMES.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}
