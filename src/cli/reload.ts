/**
 * `metako reload`: the agents read their configuration files again, each its own.
 *
 * @module
 */
import type { FailoverEnd, OperatorClient } from "../agent/mod.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { Terminal } from "./terminal.ts";

/** Runs the command; `node` null: every member. Returns the exit code. */
export async function reloadCommand(
  options: { readonly config: string; readonly node: string | null },
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { config: options.config, tool: "metako reload" };
  return await withClient(wish, terminal, async (client, members) => {
    const { node } = options;
    if (node !== null && !members.includes(node)) {
      terminal.complain(
        `Cannot reload ${node}: it is no member. The members are ${members.join(", ")}.`,
      );
      return EXIT.usage;
    }
    return await reloadNodes(node === null ? members : [node], terminal, client.operate);
  });
}

/** The command without its surroundings. */
export async function reloadNodes(
  nodes: readonly string[],
  terminal: Terminal,
  operate: OperatorClient["operate"],
): Promise<ExitCode> {
  const told = await Promise.all(nodes.map(async (node) => {
    const steps: string[] = [];
    const end = await operate(node, { action: "reload" }, (step) => steps.push(step));
    return { node, steps, end };
  }));
  for (const { node, steps, end } of told) {
    const say = end.type === "succeeded" ? terminal.print : terminal.complain;
    say(`${node}: ${howItEnded(end, steps.length)}`);
    for (const step of steps) say(`  ${step}`);
  }
  const ends = told.map(({ end }) => end.type);
  if (ends.every((type) => type === "succeeded")) return EXIT.ok;
  if (ends.some((type) => type === "failed")) return EXIT.failed;
  const silent = ends.some((type) => type === "lost" || type === "unreached");
  return silent ? EXIT.unreachable : EXIT.refused;
}

function howItEnded(end: FailoverEnd, changes: number): string {
  switch (end.type) {
    case "succeeded":
      return changes === 0 ? "read; nothing has changed" : "read";
    case "failed":
      return `not taken: ${end.because}`;
    case "refused":
    case "unaccepted":
      return `refused: ${end.because}`;
    case "unreached":
    case "lost":
      return `does not answer: ${end.because}`;
  }
}
