/**
 * Processes of the operating system: which are alive, and are they still the same.
 *
 * A process number is reused, so a process is a number and the moment it started. A zombie has
 * ended: it only waits to be counted. Linux tells through /proc; elsewhere `ps` does.
 *
 * @module
 */
import { exists, readIfThere } from "./files.ts";

/** One process; `startedAt` is an opaque text that a reused number does not share. */
export interface ProcessId {
  readonly pid: number;
  readonly startedAt: string;
}

/** What can be seen of a process. */
export interface ProcessLook extends ProcessId {
  readonly parent: number;
  readonly session: number;
  readonly name: string;
  /** True while it is stopped by a signal or a debugger. */
  readonly frozen: boolean;
}

/** Looks at a process; null where it is gone or a zombie. */
export async function lookAtProcess(pid: number): Promise<ProcessLook | null> {
  if (await hasProc()) {
    return parseProcStat(await readIfThere(`/proc/${pid}/stat`).catch(() => null) ?? "");
  }
  return (await processTable(["-p", `${pid}`]))[0] ?? null;
}

/** True where that very process still runs. */
export async function isAlive({ pid, startedAt }: ProcessId): Promise<boolean> {
  return (await lookAtProcess(pid))?.startedAt === startedAt;
}

/** Every process of the host that runs a program called postgres or postmaster. */
export async function postgresProcesses(): Promise<ProcessLook[]> {
  return (await allProcesses()).filter(isPostgres);
}

/** Every process of the host, zombies aside. */
export async function allProcesses(): Promise<ProcessLook[]> {
  if (!(await hasProc())) return await processTable(["-A"]);
  const looks: ProcessLook[] = [];
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const look = await lookAtProcess(Number(entry.name));
    if (look !== null) looks.push(look);
  }
  return looks;
}

/** A process's program and arguments; empty where they cannot be told. */
export async function commandLine(pid: number): Promise<readonly string[]> {
  if (await hasProc()) {
    const text = await readIfThere(`/proc/${pid}/cmdline`).catch(() => null);
    return text?.split("\0").slice(0, -1) ?? [];
  }
  return (await ps(["-p", `${pid}`, "-o", "args="])).trim().split(" ");
}

/**
 * Ends a process and its children. It is frozen first, so that it makes no more of them: a helper
 * such as pg_basebackup has a child that would outlive it, and keep its replication slot.
 */
export async function killTree(pid: number): Promise<void> {
  sendSignal(pid, "SIGSTOP");
  const processes = await allProcesses();
  const family = [pid];
  for (const member of family) {
    for (const { pid: child, parent } of processes) if (parent === member) family.push(child);
  }
  for (const member of family) sendSignal(member, "SIGKILL");
}

/** A process's working directory, or null where it cannot be told. */
export async function workingDirectory(pid: number): Promise<string | null> {
  return await Deno.readLink(`/proc/${pid}/cwd`).catch(() => null);
}

/** Sends a signal; false where there is no such process, or no right to. */
export function sendSignal(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads `/proc/PID/stat` (proc(5)). The name stands in parentheses and may hold any character,
 * so the fields are counted from the last parenthesis.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const fields = "S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 0";
 * assert.deepEqual(parseProcStat(`42 (post) gres) ${fields}`), {
 *   pid: 42,
 *   startedAt: "98765",
 *   parent: 1,
 *   session: 42,
 *   name: "post) gres",
 *   frozen: false,
 * });
 * assert.equal(parseProcStat(`42 (postgres) ${fields.replace("S", "Z")}`), null);
 * ```
 *
 * @returns null for a zombie, a dead process, or a text that is not such a line
 */
export function parseProcStat(text: string): ProcessLook | null {
  const match = /^(\d+) \(([\s\S]*)\) (\S) (.*)$/.exec(text.trim());
  if (match === null) return null;
  const [, pid, name, state, rest] = match;
  const fields = rest!.split(" ");
  const startedAt = fields[18];
  if (startedAt === undefined || state === "Z" || state === "X") return null;
  return {
    pid: Number(pid),
    startedAt,
    parent: Number(fields[0]),
    session: Number(fields[2]),
    name: name!,
    frozen: state === "T" || state === "t",
  };
}

/**
 * Reads one line of `ps -o pid=,ppid=,sess=,state=,lstart=,comm=`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parsePsLine(" 42 1 42 T Tue Nov 24 21:37:26 2026 /usr/bin/postgres"), {
 *   pid: 42,
 *   startedAt: "Tue Nov 24 21:37:26 2026",
 *   parent: 1,
 *   session: 42,
 *   name: "postgres",
 *   frozen: true,
 * });
 * assert.equal(parsePsLine("42 1 42 Z+ Tue Nov 24 21:37:26 2026 postgres"), null);
 * ```
 */
export function parsePsLine(line: string): ProcessLook | null {
  const fields = line.trim().split(/\s+/);
  const [pid, parent, session, state] = fields;
  if (fields.length < 10 || !/^\d+$/.test(pid!) || /^[ZX]/.test(state!)) return null;
  return {
    pid: Number(pid),
    startedAt: fields.slice(4, 9).join(" "),
    parent: Number(parent),
    session: Number(session),
    name: fields.slice(9).join(" ").replace(/^.*\//, ""),
    frozen: /^T/.test(state!),
  };
}

function isPostgres({ name }: ProcessLook): boolean {
  return name === "postgres" || name === "postmaster" || name.startsWith("postgres:");
}

async function processTable(which: readonly string[]): Promise<ProcessLook[]> {
  const text = await ps([...which, "-o", "pid=,ppid=,sess=,state=,lstart=,comm="]);
  return text.split("\n").map(parsePsLine).filter((look) => look !== null);
}

async function ps(args: readonly string[]): Promise<string> {
  const command = new Deno.Command("ps", { args: [...args], env: { LC_ALL: "C" }, stderr: "null" });
  return new TextDecoder().decode((await command.output()).stdout);
}

let procIsThere: Promise<boolean> | undefined;

function hasProc(): Promise<boolean> {
  return procIsThere ??= exists("/proc/self/stat");
}
