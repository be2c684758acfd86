/**
 * What the commands share that act on one node: finding it, asking it, and saying how it went.
 *
 * @module
 */
import type { ClusterView, FailoverEnd, NodeStatus, OperatorClient } from "../agent/mod.ts";
import { type ClientWish, withClient } from "./client.ts";
import type { Config } from "../config/mod.ts";
import { type Ask, askPerson } from "./confirm.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { FailoverPorts } from "./failover.ts";
import { systemPorts } from "./failover.ts";
import type { Terminal } from "./terminal.ts";

/** What the commands do to the world. */
export interface NodePorts extends FailoverPorts {
  readonly operate: OperatorClient["operate"];
  /** One node's status now; null where it does not answer. */
  readonly statusOf: (node: string) => Promise<NodeStatus | null>;
  readonly ask: Ask;
}

/** The node in question, as it answers, or why nothing can be asked of it. */
export type Found =
  | { readonly ok: true; readonly status: NodeStatus; readonly view: ClusterView }
  | { readonly ok: false; readonly code: ExitCode; readonly because: string };

/** Opens the cluster of `wish` and runs `command` on it. */
export async function withNodePorts(
  wish: ClientWish,
  terminal: Terminal,
  command: (ports: NodePorts, config: Config) => Promise<ExitCode>,
): Promise<ExitCode> {
  return await withClient(wish, terminal, (client, members, config) =>
    command({
      ...systemPorts(client, members),
      operate: client.operate,
      async statusOf(node) {
        const answer = await client.status(node);
        return answer.ok && answer.verified ? answer.status : null;
      },
      ask: askPerson,
    }, config));
}

/** Finds `node` in the cluster. */
export async function findNode(node: string, ports: Pick<NodePorts, "look">): Promise<Found> {
  const view = await ports.look();
  const answer = view.nodes.find((each) => each.node === node);
  if (answer === undefined) {
    const names = view.nodes.map((each) => each.node).join(", ");
    return { ok: false, code: EXIT.usage, because: `${node} is no member. They are ${names}.` };
  }
  if (!answer.ok) {
    const because = `${node} does not answer: ${answer.because}. Start metako there.`;
    return { ok: false, code: EXIT.unreachable, because };
  }
  if (!answer.verified) {
    const because = `the answer of ${node} is not signed with this cluster's key: compare ` +
      "security.cluster_secret here and there.";
    return { ok: false, code: EXIT.refused, because };
  }
  return { ok: true, status: answer.status, view };
}

/** Prints steps with the time since now. */
export function stepPrinter(
  terminal: Pick<Terminal, "print">,
  now: () => number,
): (step: string) => void {
  const startMs = now();
  return (step) => {
    const elapsed = ((now() - startMs) / 1000).toFixed(3).padStart(8);
    terminal.print(`${elapsed} s  ${step}`);
  };
}

/** Says how an operation ended that did not succeed. */
export function complainOf(
  what: string,
  end: Exclude<FailoverEnd, { readonly type: "succeeded" }>,
  terminal: Pick<Terminal, "complain">,
): ExitCode {
  switch (end.type) {
    case "failed":
      terminal.complain(`${what} failed: ${end.because}.`);
      return EXIT.failed;
    case "refused":
    case "unaccepted":
      terminal.complain(`${what} was refused: ${end.because}.`);
      return EXIT.refused;
    case "unreached":
      terminal.complain(`${what} was not begun: ${end.because}.`);
      return EXIT.unreachable;
    case "lost":
      terminal.complain(
        `${what}: the answer broke off (${end.because}). Look at metako status how it went.`,
      );
      return EXIT.failed;
  }
}
