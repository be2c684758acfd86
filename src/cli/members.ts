/**
 * `metako members list`: who counts, who is proposed by whom, and who answers.
 *
 * A member counts by the cluster's record. A configuration only proposes; the primary changes the
 * record by one member at a time where a majority of the members proposes the same list. So while
 * files differ nothing is torn: the list in force is one, and this shows how far the files are.
 *
 * @module
 */
import { type ClusterView, compareNames, type NodeStatus } from "../agent/mod.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { withNodePorts } from "./one_node.ts";
import { verdictCode } from "./status.ts";
import { alignColumns } from "./columns.ts";
import type { Terminal } from "./terminal.ts";

/** A member, in force or proposed. */
export interface MemberLine {
  readonly node: string;
  readonly kind: "data" | "witness";
  /** It counts: its vote is asked for. */
  readonly counts: boolean;
  /** Which members' configurations name it, by name. */
  readonly proposedBy: readonly string[];
  readonly answers: boolean;
}

/** What `members` shows. */
export interface Membership {
  readonly members: readonly MemberLine[];
  /** Members that count and whose configurations propose just the list in force. */
  readonly agreeing: readonly string[];
  /** Those that count and propose another one. */
  readonly differing: readonly string[];
}

/** Runs `metako members list`; returns the exit code, that of `status`. */
export async function membersCommand(
  options: { readonly config: string; readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { config: options.config, tool: "metako members list" };
  return await withNodePorts(wish, terminal, async (ports) => {
    const view = await ports.look();
    const membership = membershipOf(view);
    if (membership === null) {
      terminal.complain(`Cannot tell who the members are: ${view.problems.join(" ")}`);
      return view.reachable === 0 ? EXIT.unreachable : EXIT.noMajority;
    }
    terminal.print(
      options.json ? JSON.stringify(membership, null, 2) : renderMembership(membership),
    );
    return verdictCode(view.verdict);
  });
}

/**
 * Who the members are. The primary's record is the newest; where it does not answer, the newest of
 * those that do.
 *
 * @returns null where nobody answers who knows
 */
export function membershipOf(view: ClusterView): Membership | null {
  const statuses = view.nodes.flatMap((answer) =>
    answer.ok && answer.verified ? [answer.status] : []
  );
  const newest =
    statuses.filter(({ members }) => members !== null).toSorted((a, b) =>
      age(b) - age(a) || (b.record?.seq ?? 0) - (a.record?.seq ?? 0)
    )[0];
  const teller = statuses.find(({ node, members }) => node === view.primary && members !== null) ??
    newest;
  if (teller === undefined) return null;
  const inForce = teller.members ?? [];
  const names = new Map(inForce.map((member) => [member.node, member.kind]));
  for (const { proposed_members: proposed } of statuses) {
    for (const { node, kind } of proposed ?? []) names.has(node) || names.set(node, kind);
  }
  const counting = statuses.filter(({ node }) => inForce.some((member) => member.node === node));
  const agrees = ({ proposed_members: proposed }: NodeStatus) =>
    proposed !== null && sameMembers(proposed, inForce);
  return {
    members: [...names].map(([node, kind]) => ({
      node,
      kind,
      counts: inForce.some((member) => member.node === node),
      proposedBy: statuses.filter(({ proposed_members: proposed }) =>
        proposed?.some((member) => member.node === node)
      ).map((status) => status.node).sort(compareNames),
      answers: statuses.some((status) => status.node === node) || seenByOthers(node, statuses),
    })).sort((a, b) => compareNames(a.node, b.node)),
    agreeing: counting.filter(agrees).map(({ node }) => node),
    differing: counting.filter((status) => !agrees(status)).map(({ node }) => node),
  };
}

/** The table, and below it how far the configurations are. */
export function renderMembership({ members, differing }: Membership): string {
  const rows = members.map(({ node, kind, counts, proposedBy, answers }) => [
    node,
    kind,
    counts ? "yes" : "no",
    answers ? "yes" : "no",
    proposedBy.join(", ") || "nobody",
  ]);
  const table = alignColumns([["member", "kind", "counts", "answers", "configured on"], ...rows]);
  const end = differing.length === 0
    ? "Every configuration that could be asked names the members that count."
    : `${differing.join(", ")} ${differing.length === 1 ? "proposes" : "propose"} other members; ` +
      "the primary changes one at a time where a majority proposes it.";
  return `${table}\n\n${end}`;
}

function age({ record }: NodeStatus): number {
  return record?.term ?? -1;
}

/** A new member is not among those that this command's configuration lets it ask. */
function seenByOthers(node: string, statuses: readonly NodeStatus[]): boolean {
  return statuses.some(({ peers }) =>
    peers.some((peer) => peer.node === node && peer.agent === "ok")
  );
}

/** True where both lists have the same members of the same kinds. */
export function sameMembers(
  a: NonNullable<NodeStatus["members"]>,
  b: NonNullable<NodeStatus["members"]>,
): boolean {
  return a.length === b.length &&
    a.every(({ node, kind }) => b.some((other) => other.node === node && other.kind === kind));
}
