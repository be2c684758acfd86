/**
 * The demo's view of the process table: which processes belong to a cluster, and ending them.
 *
 * A process belongs to the cluster where one of its arguments is a node's configuration file or data
 * directory (agents, postmasters, pg_basebackup), or where it is a PostgreSQL process that works
 * inside a data directory (backends, which show no path). The second needs /proc; without it a
 * backend is found through its postmaster only, which ends its backends itself.
 *
 * @module
 */
import type { DemoPlan } from "./plan.ts";

/** One row of the process table. */
export interface ProcessInfo {
  /** Its number. */
  readonly pid: number;
  /** Its parent's number. */
  readonly parent: number;
  /** Its command line; PostgreSQL writes titles there. */
  readonly args: readonly string[];
  /** Its working directory; null where that cannot be seen. */
  readonly cwd: string | null;
}

/**
 * The cluster's processes among those given. Pure.
 *
 * @param self this process: it and its ancestors are not the cluster's, whatever their arguments say
 */
export function clusterProcesses(
  plan: Pick<DemoPlan, "nodes">,
  processes: readonly ProcessInfo[],
  self: number,
): readonly ProcessInfo[] {
  const ours = new Set(ancestry(processes, self));
  const files = new Set(plan.nodes.flatMap((node) => [node.configFile, node.dataDir]));
  return processes.filter((process) =>
    !ours.has(process.pid) &&
    (process.args.some((arg) => files.has(arg)) ||
      plan.nodes.some((node) => worksIn(process, node.dataDir)))
  );
}

/** Those that were started with a node's configuration file: its agent, and commands about it. */
export function agentProcesses(
  plan: DemoPlan,
  processes: readonly ProcessInfo[],
): readonly ProcessInfo[] {
  const files = new Set(plan.nodes.map((node) => node.configFile));
  return processes.filter((process) => process.args.some((arg) => files.has(arg)));
}

/** The agent that runs with a configuration file, whoever started it; null: there is none. */
export function agentOf(configFile: string, processes: readonly ProcessInfo[]): number | null {
  const agent = processes.find(({ args }) => {
    const end = args.indexOf(configFile);
    return end >= 2 && args[end - 2] === "run" && args[end - 1] === "--config";
  });
  return agent?.pid ?? null;
}

/** True where it is a PostgreSQL process whose working directory is that data directory. */
export function worksIn(process: ProcessInfo, dataDir: string): boolean {
  const inside = process.cwd === dataDir || process.cwd === `${dataDir} (deleted)`;
  return inside && isPostgres(process);
}

function isPostgres(process: ProcessInfo): boolean {
  return /(^|\/)(postgres|postmaster)\b/.test(process.args[0] ?? "");
}

/** Every living process that can be seen; zombies are dead. */
export function listProcesses(): readonly ProcessInfo[] {
  return listFromProc() ?? listFromPs();
}

/**
 * The postmaster of a data directory among those processes, by its command line: its lock file may
 * be stale, or gone. Pure.
 *
 * @returns its number; null where none is alive
 */
export function postmasterOf(dataDir: string, processes: readonly ProcessInfo[]): number | null {
  const named = processes.filter((process) =>
    isPostgres(process) && process.args.includes(dataDir)
  );
  // A child that was forked just now still bears its parent's command line.
  const pids = new Set(named.map((process) => process.pid));
  return named.find((process) => !pids.has(process.parent))?.pid ?? null;
}

/** Sends a signal; false where there is no such process. */
export function sendSignal(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Polls until no process is left, at most so long. Returns those that remain. */
export async function waitUntilGone(
  list: () => readonly ProcessInfo[],
  limitMs: number,
): Promise<readonly ProcessInfo[]> {
  const startMs = performance.now();
  for (;;) {
    const remaining = list();
    if (remaining.length === 0 || performance.now() - startMs > limitMs) return remaining;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** One line for a process, without its arguments beyond the first few. */
export function describeProcess(process: ProcessInfo): string {
  return `pid ${process.pid} (${process.args.join(" ").trim().slice(0, 120)})`;
}

function ancestry(processes: readonly ProcessInfo[], pid: number): readonly number[] {
  const parents = new Map(processes.map((process) => [process.pid, process.parent]));
  const line: number[] = [];
  for (let next = pid; next > 0 && !line.includes(next); next = parents.get(next) ?? 0) {
    line.push(next);
  }
  return line;
}

function listFromProc(): readonly ProcessInfo[] | null {
  if (Deno.build.os !== "linux") return null;
  const processes: ProcessInfo[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const stat = readText(`/proc/${entry.name}/stat`);
    const cmdline = readText(`/proc/${entry.name}/cmdline`);
    if (stat === null || cmdline === null) continue;
    // The second field is the name in parentheses, which may hold anything.
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || state === "X") continue;
    processes.push({
      pid: Number(entry.name),
      parent: Number(parent),
      args: cmdline.split("\0").filter((arg) => arg !== ""),
      cwd: readLink(`/proc/${entry.name}/cwd`),
    });
  }
  return processes;
}

function listFromPs(): readonly ProcessInfo[] {
  const command = new Deno.Command("ps", { args: ["-Awwo", "pid=,ppid=,stat=,command="] });
  const text = new TextDecoder().decode(command.outputSync().stdout);
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
    if (match === null || match[3]!.startsWith("Z")) return [];
    return [{
      pid: Number(match[1]),
      parent: Number(match[2]),
      args: match[4]!.split(" "),
      cwd: null,
    }];
  });
}

function readText(file: string): string | null {
  try {
    return Deno.readTextFileSync(file);
  } catch {
    return null;
  }
}

function readLink(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return null;
  }
}
