/**
 * `metako switchover`: the primary hands over to a standby, and nothing is lost.
 *
 * Where the primary does not work, or the standby may not be elected, it is refused before anything
 * is asked: an operator who wants a planned change must not get an unplanned one. The nodes check
 * again themselves.
 *
 * @module
 */
import { type ClusterView, compareNames, type NodeStatus, unbelieved } from "../agent/mod.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { failOver, type FailoverPorts, systemPorts } from "./failover.ts";
import type { Terminal } from "./terminal.ts";

/** Whom to hand over to, or why to nobody. */
export type Choice =
  | { readonly ok: true; readonly to: string }
  | { readonly ok: false; readonly code: ExitCode; readonly because: string };

/** Runs the command; returns the exit code. */
export async function switchoverCommand(
  options: { readonly config: string; readonly to: string | null },
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { config: options.config, tool: "metako switchover" };
  return await withClient(
    wish,
    terminal,
    (client, members) => switchOver(options.to, terminal, systemPorts(client, members)),
  );
}

/** The command without its surroundings. */
export async function switchOver(
  to: string | null,
  terminal: Terminal,
  ports: FailoverPorts,
): Promise<ExitCode> {
  const choice = chooseTarget(await ports.look(), to);
  if (!choice.ok) {
    terminal.complain(`Cannot switch over: ${choice.because}`);
    return choice.code;
  }
  return await failOver({ to: choice.to, force: "none", planned: true }, terminal, ports);
}

/**
 * Chooses the standby to hand over to: `wanted`, or else the electable one that lags least.
 *
 * @returns why not, where the primary does not work or the standby may not be elected
 */
export function chooseTarget(view: ClusterView, wanted: string | null): Choice {
  const refuse = (because: string): Choice => ({ ok: false, code: EXIT.refused, because });
  if (view.verdict === "unreachable") {
    return { ok: false, code: EXIT.unreachable, because: view.problems.join(" ") };
  }
  const strange = unbelieved(view);
  if (strange !== null) return refuse(strange);
  if (wanted !== null && !view.nodes.some(({ node }) => node === wanted)) {
    const because = `${wanted} is no member. The members are ${
      view.nodes.map(({ node }) => node).join(", ")
    }.`;
    return { ok: false, code: EXIT.usage, because };
  }
  if (wanted !== null && wanted === view.primary) return { ok: true, to: wanted };
  const statuses = view.nodes.flatMap((answer) =>
    answer.ok && answer.verified ? [answer.status] : []
  );
  const primary = statuses.find(({ node }) => node === view.primary);
  if (primary === undefined) {
    return refuse(
      view.primary === null
        ? `no primary that could hand over is known here; metako failover is for that. ${
          view.problems.slice(0, 2).join(" ")
        }`
        : `the agent of the primary ${view.primary} does not answer. Start it again.`,
    );
  }
  const obstacle = unhealthy(primary) ?? fullDisk(primary);
  if (obstacle !== null) return refuse(obstacle);
  const others = primary.electability ?? [];
  const electable = others.filter(({ electable }) => electable).map(({ node }) => node);
  if (wanted !== null) {
    const because = others.find(({ node }) => node === wanted)?.because ?? "it has no PostgreSQL";
    if (!electable.includes(wanted)) return refuse(`${wanted} may not be elected: ${because}.`);
    const full = fullDisk(statuses.find(({ node }) => node === wanted));
    return full === null ? { ok: true, to: wanted } : refuse(full);
  }
  const lag = (node: string) =>
    statuses.find((status) => status.node === node)?.lag_bytes ?? Infinity;
  const roomy = electable.filter((node) =>
    fullDisk(statuses.find((status) => status.node === node)) === null
  );
  const [best] = roomy.toSorted((a, b) => lag(a) - lag(b) || compareNames(a, b));
  if (best !== undefined) return { ok: true, to: best };
  const reasons = others
    .map(({ node, because }) => `${node}: ${because === "" ? "its disk is nearly full" : because}`)
    .join("; ");
  return refuse(`no standby may be elected now (${reasons || "there is none"}).`);
}

/** Why this primary should not be asked for anything else now; null where it may. */
function unhealthy(primary: NodeStatus): string | null {
  const { node, state, operation } = primary;
  if (state !== "primary") return `PostgreSQL on the primary ${node} is ${state}.`;
  if (operation !== null && operation.action !== "set_sync") {
    return `the primary ${node} is busy with ${operation.action}. Try again when it is done.`;
  }
  return null;
}

/** A server on a full disk neither shuts down in order nor starts; null where there is room. */
function fullDisk(status: NodeStatus | undefined): string | null {
  const low = status?.disks.find(({ low }) => low);
  if (status === undefined || low === undefined) return null;
  return `the disk under ${low.path} of ${status.node} is nearly full, and its PostgreSQL could ` +
    "neither stop in order nor start. Free some room first.";
}
