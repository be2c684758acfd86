/**
 * `metako reinit NODE`: a standby's data are given up and copied anew from the primary.
 *
 * The node does it by itself once it has begun; this command follows what its status says, and may be
 * interrupted without harm.
 *
 * @module
 */
import type { NodeStatus } from "../agent/mod.ts";
import { isConfirmed } from "./confirm.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { complainOf, findNode, type NodePorts, stepPrinter, withNodePorts } from "./one_node.ts";
import { formatBytes, formatRemaining } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** What is wanted. */
export interface ReinitWish {
  readonly node: string;
  readonly yes: boolean;
}

const LOOK_EVERY_MS = 500;

/** How long a node may do nothing at all before this command gives up. */
const IDLE_LIMIT_MS = 60_000;

const BAR_WIDTH = 30;

/** Runs the command; returns the exit code. */
export async function reinitCommand(
  options: ReinitWish & { readonly config: string },
  terminal: Terminal,
): Promise<ExitCode> {
  return await withNodePorts(
    { config: options.config, tool: "metako reinit" },
    terminal,
    (ports) => reinitNode(options, terminal, ports),
  );
}

/** The command without its surroundings. */
export async function reinitNode(
  { node, yes }: ReinitWish,
  terminal: Terminal,
  ports: NodePorts,
): Promise<ExitCode> {
  const what = `The new copy of ${node}`;
  const found = await findNode(node, ports);
  if (!found.ok) {
    terminal.complain(`Cannot copy ${node} anew: ${found.because}`);
    return found.code;
  }
  const { status, view } = found;
  if (status.state === "primary" || node === view.primary) {
    terminal.complain(
      `Cannot copy ${node} anew: it is the primary, and its data are the cluster's. Hand over ` +
        "first: metako switchover.",
    );
    return EXIT.refused;
  }
  if (status.role === "witness" || view.primary === null) {
    const because = status.role === "witness"
      ? "it is a witness, without PostgreSQL"
      : "there is no primary that it could be copied from";
    terminal.complain(`Cannot copy ${node} anew: ${because}.`);
    return EXIT.refused;
  }
  const consequence = `All data of ${node} are deleted, and copied anew from ${view.primary}.`;
  if (!isConfirmed(consequence, { yes, ask: ports.ask, terminal })) return EXIT.refused;
  const step = stepPrinter(terminal, ports.now);
  const end = await ports.operate(node, { action: "reinit" }, step);
  if (end.type !== "succeeded") return complainOf(what, end, terminal);
  step(`copying from ${view.primary}; it goes on should this command be interrupted`);
  const failure = await follow(status, terminal, ports);
  if (failure !== null) {
    terminal.complain(`${what} is not complete: ${failure}. Look at metako status.`);
    return EXIT.failed;
  }
  step(`${node} streams from ${view.primary}`);
  return EXIT.ok;
}

/** Shows the progress until the node streams as another data directory; a sentence where it fails. */
async function follow(
  before: NodeStatus,
  terminal: Terminal,
  ports: NodePorts,
): Promise<string | null> {
  let busyAtMs = ports.now();
  let shown = "";
  try {
    for (;;) {
      const status = await ports.statusOf(before.node);
      const isNew = status?.incarnation !== null && status?.incarnation !== before.incarnation;
      if (status?.state === "standby" && status.streaming && isNew) return null;
      if (status !== null && status.operation !== null) busyAtMs = ports.now();
      if (ports.now() - busyAtMs > IDLE_LIMIT_MS) {
        const why = status?.problems[0] ?? "its agent does not answer";
        return `nothing happens since ${IDLE_LIMIT_MS / 1000} s (${why})`;
      }
      const line = progressLine(status);
      if (line !== null && line !== shown) {
        shown = line;
        if (terminal.interactive) terminal.write(`\r\x1b[2K${line}`);
        else if (/ (?:0|25|50|75|100) %/.test(line)) terminal.print(line);
      }
      await ports.sleep(LOOK_EVERY_MS);
    }
  } finally {
    if (terminal.interactive && shown !== "") terminal.write("\n");
  }
}

/**
 * How far the copy is, in one line; null where nothing is copied.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const progress = { done_bytes: 512, total_bytes: 1024, bytes_per_second: 256, remaining_ms: 2000 };
 * assert.equal(
 *   progressLine({ operation: { action: "clone", since_ms: 2000, progress } }),
 *   "[###############...............]  50 %, 512 B of 1 kB, 256 B/s, 2 s left",
 * );
 * ```
 */
export function progressLine(status: Pick<NodeStatus, "operation"> | null): string | null {
  const progress = status?.operation?.progress ?? null;
  if (progress === null || progress.total_bytes === 0) return null;
  const share = Math.min(1, progress.done_bytes / progress.total_bytes);
  const bar = "#".repeat(Math.floor(share * BAR_WIDTH)).padEnd(BAR_WIDTH, ".");
  const parts = [
    `[${bar}] ${String(Math.floor(100 * share)).padStart(3)} %`,
    `${formatBytes(progress.done_bytes)} of ${formatBytes(progress.total_bytes)}`,
    // pg_basebackup has read everything, and has it written to disk.
    ...(share === 1 ? ["waiting for the disk"] : []),
    ...(share === 1 || progress.bytes_per_second === null
      ? []
      : [`${formatBytes(progress.bytes_per_second)}/s`]),
    ...(share === 1 || progress.remaining_ms === null
      ? []
      : [`${formatRemaining(progress.remaining_ms)} left`]),
  ];
  return parts.join(", ");
}
