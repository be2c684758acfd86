/**
 * `metako restart NODE`: PostgreSQL of one node is stopped and started.
 *
 * A standby is restarted at once. The primary hands over first (`--switchover`), or is restarted
 * where it is (`--in-place`), which ends every session and lets nobody write meanwhile.
 *
 * @module
 */
import { isConfirmed } from "./confirm.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { complainOf, findNode, type NodePorts, stepPrinter, withNodePorts } from "./one_node.ts";
import { switchOver } from "./switchover.ts";
import type { Terminal } from "./terminal.ts";

/** What is wanted. */
export interface RestartWish {
  readonly node: string;
  /** What becomes of a primary; null: it is refused. */
  readonly primary: "switchover" | "in_place" | null;
  readonly yes: boolean;
}

/** How long the old primary may take to stream after a switchover. */
const FOLLOW_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 250;

/** Runs the command; returns the exit code. */
export async function restartCommand(
  options: RestartWish & { readonly config: string },
  terminal: Terminal,
): Promise<ExitCode> {
  return await withNodePorts(
    { config: options.config, tool: "metako restart" },
    terminal,
    (ports) => restartNode(options, terminal, ports),
  );
}

/** The command without its surroundings. */
export async function restartNode(
  { node, primary, yes }: RestartWish,
  terminal: Terminal,
  ports: NodePorts,
): Promise<ExitCode> {
  const what = `The restart of ${node}`;
  const found = await findNode(node, ports);
  if (!found.ok) {
    terminal.complain(`Cannot restart ${node}: ${found.because}`);
    return found.code;
  }
  const isPrimary = found.status.state === "primary";
  if (isPrimary && primary === null) {
    terminal.complain(
      `Cannot restart ${node}: it is the primary. Use --switchover to hand over to a standby ` +
        "first, which is over in about a second, or --in-place to end every session and have " +
        "nobody write until it is up again.",
    );
    return EXIT.refused;
  }
  if (isPrimary && primary === "switchover") {
    const code = await switchOver(null, terminal, ports);
    if (code !== EXIT.ok) return code;
    if (!await untilStreams(node, ports)) {
      terminal.complain(`${what} failed: ${node} does not stream. Look at metako status.`);
      return EXIT.failed;
    }
  }
  const inPlace = isPrimary && primary === "in_place";
  if (inPlace) {
    const consequence = `PostgreSQL of the primary ${node} is restarted: every session ends, and ` +
      "nobody can write until it is up again.";
    if (!isConfirmed(consequence, { yes, ask: ports.ask, terminal })) return EXIT.refused;
  }
  const step = stepPrinter(terminal, ports.now);
  const end = await ports.operate(node, { action: "restart", in_place: inPlace }, step);
  if (end.type !== "succeeded") return complainOf(what, end, terminal);
  step("done");
  return EXIT.ok;
}

async function untilStreams(node: string, ports: NodePorts): Promise<boolean> {
  const startMs = ports.now();
  while (ports.now() - startMs < FOLLOW_LIMIT_MS) {
    const status = await ports.statusOf(node);
    if (status?.state === "standby" && status.streaming && status.operation === null) return true;
    await ports.sleep(LOOK_EVERY_MS);
  }
  return false;
}
