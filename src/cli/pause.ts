/**
 * `metako pause` and `metako resume`: maintenance of the whole cluster begins, and ends.
 *
 * Every member is told. The leader is asked first: it refuses while something is under way that a
 * pause must not cut short, and its primary, which nobody fences while the pause lasts, has to hear
 * of the end before anybody votes again. The nodes see to the latter themselves.
 *
 * @module
 */
import { hostname, userInfo } from "node:os";
import {
  type ClusterView,
  type FailoverEnd,
  type NodeStatus,
  type OperatorClient,
  unbelieved,
} from "../agent/mod.ts";
import { type ClientWish, withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { clusterAsker } from "./status.ts";
import type { Terminal } from "./terminal.ts";

/** What the commands do to the world. */
export interface PausePorts {
  readonly look: () => Promise<ClusterView>;
  readonly operate: OperatorClient["operate"];
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** What is wanted. */
export type PauseWish =
  | {
    readonly action: "pause";
    readonly reason: string;
    readonly by: string;
    /** For a new pause; one that some members keep already is extended to the others. */
    readonly id: string;
  }
  | { readonly action: "resume"; readonly force: boolean };

/** How long to wait until the primary is left alone, or a node follows. */
const SETTLE_LIMIT_MS = 15_000;
const LOOK_EVERY_MS = 250;

/** Runs `metako pause`; returns the exit code. */
export async function pauseCommand(
  options: { readonly config: string; readonly reason: string },
  terminal: Terminal,
): Promise<ExitCode> {
  if (/\p{Cc}/u.test(options.reason) || options.reason.length > 200) {
    terminal.complain("Cannot pause: --reason must be one line of at most 200 characters.");
    return EXIT.usage;
  }
  const id = crypto.randomUUID();
  const wish = { action: "pause", reason: options.reason, by: whoAsks(), id } as const;
  const client = { config: options.config, tool: "metako pause" };
  return await withPorts(client, terminal, (ports) => pauseCluster(wish, terminal, ports));
}

/** Runs `metako resume`; returns the exit code. */
export async function resumeCommand(
  options: { readonly config: string; readonly force: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { action: "resume", force: options.force } as const;
  const client = { config: options.config, tool: "metako resume" };
  return await withPorts(client, terminal, (ports) => resumeCluster(wish, terminal, ports));
}

/** The person at the keyboard, as `user@host`. */
export function whoAsks(): string {
  const login = Deno.env.get("SUDO_USER");
  let user = "unknown";
  try {
    user = userInfo().username;
  } catch {
    // A user without a name, as in some containers.
  }
  return `${login ?? user}@${hostname()}`.replaceAll(/\p{Cc}/gu, "").slice(0, 200);
}

async function withPorts(
  wish: ClientWish,
  terminal: Terminal,
  run: (ports: PausePorts) => Promise<ExitCode>,
): Promise<ExitCode> {
  return await withClient(wish, terminal, (client, members) =>
    run({
      look: clusterAsker(client, members),
      operate: client.operate,
      now: () => performance.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    }));
}

/** `metako pause` without its surroundings. */
export async function pauseCluster(
  wish: PauseWish & { readonly action: "pause" },
  terminal: Terminal,
  ports: PausePorts,
): Promise<ExitCode> {
  const view = await ports.look();
  const answering = statusesOf(view).length;
  if (answering === 0) return nobody("pause", view, terminal);
  if (answering <= view.nodes.length / 2) {
    terminal.complain(
      `Cannot pause the cluster: only ${answering} of ${view.nodes.length} members answer, and the ` +
        "others could still elect. Nothing was paused. Start the agents of " +
        `${silentOf(view).join(", ")} first.`,
    );
    return EXIT.refused;
  }
  const kept = statusesOf(view).find(({ paused }) => paused !== null)?.paused ?? null;
  const { reason, by, id } = kept ?? wish;
  const operation = { action: "pause", id, reason, by } as const;
  const [first, ...others] = leaderFirst(view);
  const ends = [await tell(first!, operation, terminal, ports)];
  if (first === leaderOf(view) && ends[0]!.type !== "succeeded") {
    terminal.complain("Nothing was paused.");
    return EXIT.refused;
  }
  ends.push(
    ...await Promise.all(others.map((node) => tell(node, operation, terminal, ports))),
  );
  const paused = ends.filter(({ type }) => type === "succeeded").length;
  if (paused <= view.nodes.length / 2) {
    terminal.complain(
      `Only ${paused} of ${view.nodes.length} members are paused: the others may still elect. ` +
        "Start the agents that do not answer and run metako pause again, or metako resume.",
    );
    return EXIT.failed;
  }
  const silent = silentOf(view);
  if (silent.length > 0) {
    terminal.complain(
      `${silent.join(", ")} did not answer, and will hear of the pause from the leader.`,
    );
  }
  const after = await settle(ports, (now) => primaryIsHeld(now) || leaderOf(now) === null);
  if (leaderOf(after) === null) {
    terminal.print("Paused. There is no primary, and nobody becomes one until metako resume.");
    return EXIT.ok;
  }
  if (!primaryIsHeld(after)) {
    terminal.complain(
      `${leaderOf(after)} is paused, but would still be fenced if its lease ended: it does not ` +
        "hear from a majority of paused members. Look at metako status.",
    );
    return EXIT.failed;
  }
  terminal.print(
    `Paused: ${leaderOf(after)} stays the primary, and nothing is started, stopped, promoted or ` +
      "fenced until metako resume.",
  );
  return EXIT.ok;
}

/** `metako resume` without its surroundings. */
export async function resumeCluster(
  wish: PauseWish & { readonly action: "resume" },
  terminal: Terminal,
  ports: PausePorts,
): Promise<ExitCode> {
  const view = await ports.look();
  if (statusesOf(view).length === 0) return nobody("resume", view, terminal);
  const ends: FailoverEnd[] = [];
  for (const node of leaderFirst(view)) ends.push(await tell(node, wish, terminal, ports));
  if (ends.some(({ type }) => type === "lost" || type === "unreached")) return EXIT.failed;
  if (ends.some(({ type }) => type !== "succeeded")) {
    terminal.complain("Some members are still paused, and their votes are missing. See above.");
    return EXIT.refused;
  }
  const silent = silentOf(view);
  if (silent.length > 0) {
    const does = silent.length === 1 ? "it does" : "they do";
    terminal.complain(
      `${silent.join(", ")} did not answer: if paused, run metako resume again when ${does}.`,
    );
  }
  const after = await settle(ports, (now) => now.verdict === "writable");
  if (after.verdict !== "writable") {
    terminal.complain("Resumed, but there is no primary yet. Look at metako status.");
    return EXIT.failed;
  }
  terminal.print(`Resumed: ${after.primary} is the primary.`);
  return EXIT.ok;
}

/** Nobody answers whose answer could be believed, as where the secret here is another one. */
function nobody(verb: string, view: ClusterView, terminal: Terminal): ExitCode {
  const strange = unbelieved(view);
  terminal.complain(`Cannot ${verb} the cluster: ${strange ?? view.problems.join(" ")}`);
  return strange === null ? EXIT.unreachable : EXIT.refused;
}

function silentOf(view: ClusterView): readonly string[] {
  return view.nodes.flatMap((answer) => answer.ok && answer.verified ? [] : [answer.node]);
}

/** Tells one node, and prints what it says. */
async function tell(
  node: string,
  operation: Parameters<PausePorts["operate"]>[1],
  terminal: Terminal,
  ports: PausePorts,
): Promise<FailoverEnd> {
  const steps: string[] = [];
  const end = await ports.operate(node, operation, (step) => steps.push(step));
  if (end.type === "succeeded") {
    const done = operation.action === "pause" ? "paused" : "not paused any more";
    terminal.print(`${node} is ${done}.`);
  } else {
    terminal.complain(`Cannot ${operation.action} ${node}: ${end.because}`);
  }
  return end;
}

/** Who answers; the leader first, for it alone may run what others must wait for. */
function leaderFirst(view: ClusterView): string[] {
  const names = statusesOf(view).map(({ node }) => node);
  const leader = leaderOf(view);
  return leader !== null && names.includes(leader)
    ? [leader, ...names.filter((node) => node !== leader)]
    : names;
}

/** The primary; where none is known, the last that the members agreed on, if its server runs. */
function leaderOf(view: ClusterView): string | null {
  if (view.primary !== null) return view.primary;
  const running = statusesOf(view).filter(({ state }) => state === "primary");
  return running.length === 1 ? running[0]!.node : null;
}

function primaryIsHeld(view: ClusterView): boolean {
  const leader = leaderOf(view);
  return statusesOf(view).some(({ node, paused }) =>
    node === leader && paused?.holds_primary === true
  );
}

function statusesOf(view: ClusterView): readonly NodeStatus[] {
  return view.nodes.flatMap((answer) => answer.ok && answer.verified ? [answer.status] : []);
}

/** Looks until the picture is as it should be, or time is over. */
async function settle(
  ports: PausePorts,
  done: (view: ClusterView) => boolean,
): Promise<ClusterView> {
  const startMs = ports.now();
  let view = await ports.look();
  while (!done(view) && ports.now() - startMs < SETTLE_LIMIT_MS) {
    await ports.sleep(LOOK_EVERY_MS);
    view = await ports.look();
  }
  return view;
}
