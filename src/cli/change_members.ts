/**
 * `metako members add` and `metako members remove`: one member more, or one less.
 *
 * The members themselves decide: each proposes what its configuration says, and the primary puts one
 * change into force once a majority proposes it. So this command edits nothing behind anybody's
 * back. It checks first whether the change can be made, says what to write into which file and in
 * which order to restart the agents, and waits until the change is in force, telling what it still
 * waits for. It may be interrupted, and started again, at any moment.
 *
 * @module
 */
import { type ClusterView, type NodeStatus, slotName, unbelieved } from "../agent/mod.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { type Config, type NewMember, newMemberFile } from "../config/mod.ts";
import { type Membership, membershipOf, sameMembers } from "./members.ts";
import { type NodePorts, stepPrinter, withNodePorts } from "./one_node.ts";
import type { Terminal } from "./terminal.ts";

/** The change. */
export type MemberChange =
  | {
    readonly change: "add";
    readonly node: string;
    readonly host: string;
    readonly apiPort: number;
    readonly witness: boolean;
  }
  | { readonly change: "remove"; readonly node: string };

/** How the command is to go about it. */
export interface ChangeOptions {
  readonly config: string;
  /** False: say what to do, and end. */
  readonly wait: boolean;
  readonly timeoutMs: number;
  /** Where the new member's configuration is written; null: nowhere. */
  readonly write?: string | null;
}

const LOOK_EVERY_MS = 1000;

/** Whether the new member's file is there, made now or before. */
type Made =
  | { readonly ok: true; readonly isNew: boolean }
  | { readonly ok: false; readonly because: string };

/** Runs the command; returns the exit code. */
export async function changeMembersCommand(
  wish: MemberChange,
  options: ChangeOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const client = { config: options.config, tool: `metako members ${wish.change}` };
  return await withNodePorts(client, terminal, async (ports, config) => {
    const { config: from, write: file = null, ...how } = options;
    const write = file === null || wish.change !== "add"
      ? null
      : { file, make: () => writeNewMember(file, wish, from, config) };
    return await changeMembers(wish, { ...how, write }, terminal, ports);
  });
}

/** Writes the new member's file from the one at hand; a file that is there is left as it is. */
async function writeNewMember(
  file: string,
  wish: NewMember,
  from: string,
  config: Config,
): Promise<Made> {
  try {
    const made = newMemberFile(await Deno.readTextFile(from), config, wish);
    if (!made.ok) return made;
    await Deno.writeTextFile(file, made.text, { createNew: true, mode: 0o600 });
    return { ok: true, isNew: true };
  } catch (error) {
    // This command may be interrupted, and started again.
    if (error instanceof Deno.errors.AlreadyExists) return { ok: true, isNew: false };
    return { ok: false, because: error instanceof Error ? error.message : String(error) };
  }
}

/** The command without its surroundings. */
export async function changeMembers(
  wish: MemberChange,
  { wait, timeoutMs, write = null }: Pick<ChangeOptions, "wait" | "timeoutMs"> & {
    /** Makes the new member's file; null, or absent: there will be none. */
    readonly write?: { readonly file: string; readonly make: () => Promise<Made> } | null;
  },
  terminal: Terminal,
  ports: Pick<NodePorts, "look" | "operate" | "now" | "sleep">,
): Promise<ExitCode> {
  const view = await ports.look();
  const membership = membershipOf(view);
  const verb = `${wish.change} ${wish.node}`;
  if (membership === null || view.verdict === "unreachable") {
    const strange = unbelieved(view);
    terminal.complain(`Cannot ${verb}: ${strange ?? view.problems.join(" ")}`);
    return strange === null ? EXIT.unreachable : EXIT.refused;
  }
  if (isInForce(wish, membership)) {
    terminal.print(
      wish.change === "add" ? `${wish.node} is a member already.` : `${wish.node} is no member.`,
    );
    return EXIT.ok;
  }
  const obstacle = whyNot(wish, view, membership);
  if (obstacle !== null) {
    terminal.complain(`Cannot ${verb}: ${obstacle}`);
    return EXIT.refused;
  }
  const made = await write?.make();
  if (made?.ok === false) {
    terminal.complain(`Cannot write ${write?.file} for ${wish.node}: ${made.because}.`);
    return EXIT.refused;
  }
  if (made?.isNew === false) terminal.print(`${write?.file} is there, and left as it is.`);
  terminal.print(instructions(wish, view, membership, write?.file ?? null));
  await announce(wish, view, terminal, ports);
  if (!wait) return EXIT.ok;
  terminal.print(
    `\nWaiting until it is so, at most ${
      Math.round(timeoutMs / 60_000)
    } min; this command may be ` +
      "interrupted.",
  );
  return await untilInForce(wish, timeoutMs, terminal, ports);
}

/** Tells the primary who wants the change, for the history: the files say what, and not who. */
async function announce(
  { change, node }: MemberChange,
  { primary }: ClusterView,
  terminal: Terminal,
  ports: Pick<NodePorts, "operate">,
): Promise<void> {
  if (primary === null) return;
  const end = await ports.operate(primary, { action: "members", change, node }, () => {});
  if (end.type === "succeeded") return;
  terminal.complain(`The history will not say who asked for it: ${end.because}`);
}

async function untilInForce(
  wish: MemberChange,
  timeoutMs: number,
  terminal: Terminal,
  ports: Pick<NodePorts, "look" | "now" | "sleep">,
): Promise<ExitCode> {
  const step = stepPrinter(terminal, ports.now);
  const startMs = ports.now();
  let told = "";
  for (;;) {
    const view = await ports.look();
    const membership = membershipOf(view);
    if (membership !== null && isInForce(wish, membership)) break;
    const now = membership === null
      ? "nobody answers who knows the members"
      : waitsFor(wish, view, membership);
    if (now !== told) step(told = now);
    if (ports.now() - startMs > timeoutMs) {
      terminal.complain(
        `It did not come to be in time: ${now}. Nothing is torn; see metako members list.`,
      );
      return EXIT.failed;
    }
    await ports.sleep(LOOK_EVERY_MS);
  }
  step(wish.change === "add" ? `${wish.node} is a member` : `${wish.node} is a member no more`);
  terminal.print(
    wish.change === "add"
      ? "It may be elected as soon as status lists it as electable."
      : "Stop its agent and its PostgreSQL, and drop its slot on the primary: " +
        `select pg_drop_replication_slot('${slotName(wish.node)}')`,
  );
  return EXIT.ok;
}

function isInForce({ change, node }: MemberChange, { members }: Membership): boolean {
  const counts = members.some((member) => member.node === node && member.counts);
  return change === "add" ? counts : !counts;
}

/** Why the change cannot be made now, a sentence with its remedy; null where it can. */
export function whyNot(
  wish: MemberChange,
  view: ClusterView,
  { members }: Membership,
): string | null {
  const statuses = statusesOf(view);
  if (view.primary === null) {
    return `there is no primary to put it into force. ${view.problems[0] ?? "See metako status."}`;
  }
  if (statuses.some(({ paused }) => paused !== null)) {
    return "metako is paused. When the maintenance is over: metako resume.";
  }
  if (statuses.some(({ mode }) => mode === "pair")) {
    return "a pair is not entered or left by a change of members alone: set " +
      "coordination.pair_mode.enable to false on both first, and restart both agents.";
  }
  const other = members.find(({ node, counts, proposedBy }) =>
    node !== wish.node && (counts ? isDropped(node, statuses) : proposedBy.length > 0)
  );
  if (other !== undefined) {
    return `another change is under way (${other.node}). One at a time: finish it, or take it back ` +
      "in the files; metako members list shows how far it is.";
  }
  if (wish.change === "add") return null;
  if (wish.node === view.primary) {
    return `${wish.node} is the primary, and a primary does not remove itself. Hand over first: ` +
      "metako switchover.";
  }
  const left = members.filter(({ node, counts }) => counts && node !== wish.node);
  if (left.length < 2) return "a cluster of two cannot be made one by this.";
  const silent = left.filter(({ answers }) => !answers).map(({ node }) => node);
  return left.length - silent.length > left.length / 2
    ? null
    : `too few members would answer after it: ${silent.join(", ")} did not. Start them first.`;
}

/** What has to be done by hand, in order. @param written the new member's file, where there is one */
export function instructions(
  wish: MemberChange,
  { primary }: ClusterView,
  { members }: Membership,
  written: string | null = null,
): string {
  const others = members.filter(({ node, counts }) =>
    counts && node !== primary && node !== wish.node
  ).map(({ node }) => node);
  const order = [...others, ...(primary === null ? [] : [primary])].join(", then ");
  if (wish.change === "remove") {
    return [
      `1. On ${order}: take ${wish.node} out of cluster_members, run metako config check, and ` +
      "restart the agent, one node after the other.",
      `2. ${wish.node} itself goes on until it is no member any more.`,
    ].join("\n");
  }
  const role = wish.witness ? "witness: true" : "role: standby";
  return [
    `1. On ${order}: add these lines to cluster_members, run metako config check, and restart the ` +
    "agent, one node after the other:",
    "",
    `  - node_name: ${wish.node}`,
    `    api_host: ${wish.host}`,
    `    api_port: ${wish.apiPort}`,
    `    ${role}`,
    "",
    written === null
      ? `2. On ${wish.host}: write the configuration of ${wish.node}, with the same cluster_name and ` +
        "secrets, every other member under cluster_members, and an empty state_dir" +
        (wish.witness ? "." : " and data directory; local_db.role is standby.") +
        ` metako members add … --write ${wish.node}.yaml makes it from the file of this node.`
      : `2. ${written} is the configuration of ${wish.node}, with secrets: take it to ${wish.host}, ` +
        "look at its paths and ports, and run metako config check there.",
    `3. Start metako there. It is made a member when it answers${
      wish.witness ? "." : ", then copied from the primary."
    }`,
  ].join("\n");
}

/** How far it is. */
export function waitsFor(wish: MemberChange, view: ClusterView, membership: Membership): string {
  const { members } = membership;
  const counting = members.filter(({ counts, node }) => counts && node !== wish.node);
  const line = members.find(({ node }) => node === wish.node);
  const ready = counting.filter(({ node }) => {
    const named = line?.proposedBy.includes(node) ?? false;
    return wish.change === "add" ? named : !named && answersOf(view, node);
  }).map(({ node }) => node);
  const missing = counting.filter(({ node }) => !ready.includes(node)).map(({ node }) => node);
  const primary = statusesOf(view).find(({ node }) => node === view.primary);
  const proposal = primary?.problems.find((text) => text.includes("the configuration proposes"));
  if (missing.length > 0) {
    const done = ready.length === 0 ? "" : `; ${ready.join(", ")} done`;
    return `not yet configured and restarted: ${missing.join(", ")}${done}`;
  }
  if (wish.change === "add" && line?.answers !== true) return `${wish.node} does not answer yet`;
  return proposal ?? "every member proposes it; the primary puts it into force";
}

/** A member that some configuration leaves out. */
function isDropped(node: string, statuses: readonly NodeStatus[]): boolean {
  return statuses.some(({ members, proposed_members: proposed }) =>
    members !== null && proposed !== null && !sameMembers(members, proposed) &&
    !proposed.some((member) => member.node === node)
  );
}

function answersOf(view: ClusterView, node: string): boolean {
  return statusesOf(view).some((status) => status.node === node);
}

function statusesOf(view: ClusterView): readonly NodeStatus[] {
  return view.nodes.flatMap((answer) => answer.ok && answer.verified ? [answer.status] : []);
}
