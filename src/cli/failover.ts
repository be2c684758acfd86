/**
 * `metako failover --to NODE`: another node becomes the primary, each step printed as it happens.
 * With `--force` it may lose commits: what it may cost is printed, and unless `--accept-data-loss`
 * is there as well, that is all.
 *
 * Which node is asked is chosen in route.ts; whether it may be done the nodes decide. The stream of
 * steps can break off, since the node that was asked may be the one that goes down. Then the outcome
 * is not known from it, and the cluster is asked until it is, or a time limit passes.
 *
 * @module
 */
import {
  type ClusterView,
  compareNames,
  type FailoverEnd,
  type OperatorClient,
} from "../agent/mod.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { chooseForcedRoute, chooseRoute } from "./route.ts";
import { clusterAsker } from "./status.ts";
import type { Terminal } from "./terminal.ts";

/** What is wanted. */
export interface FailoverWish {
  readonly to: string;
  readonly force: "none" | "ask" | "accepted";
  /** True: only by a primary that works and hands over, never by an election. */
  readonly planned?: boolean;
}

/** What the command does to the world. */
export interface FailoverPorts {
  /** Asks every member. */
  readonly look: () => Promise<ClusterView>;
  /** Asks a node; each step is reported as it arrives. */
  readonly request: (
    node: string,
    wish: FailoverWish,
    onStep: (step: string) => void,
  ) => Promise<FailoverEnd>;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Waits that many milliseconds. */
  readonly sleep: (ms: number) => Promise<void>;
}

/** How long to ask for an outcome that the stream did not bring. */
const OUTCOME_LIMIT_MS = 30_000;
const OUTCOME_INTERVAL_MS = 250;

/** Runs the command; returns the exit code. */
export async function failoverCommand(
  options: FailoverWish & { readonly config: string },
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { config: options.config, tool: "metako failover" };
  return await withClient(wish, terminal, async (client, names, { members }) => {
    const target = members.find((member) => member.nodeName === options.to);
    if (target === undefined || target.witness) {
      const what = target === undefined
        ? "no member of the cluster"
        : "a witness, without PostgreSQL";
      const candidates = members.filter(({ witness }) => !witness).map(({ nodeName }) => nodeName)
        .sort(compareNames);
      terminal.complain(
        `Cannot fail over to ${options.to}: it is ${what}. Name one of ${candidates.join(", ")}.`,
      );
      return EXIT.usage;
    }
    const ports = systemPorts(client, names);
    return await failOver({ to: options.to, force: options.force }, terminal, ports);
  });
}

/** The members behind `client`, and this process's clock. */
export function systemPorts(
  client: Pick<OperatorClient, "status" | "failover">,
  members: readonly string[],
): FailoverPorts {
  return {
    look: clusterAsker(client, members),
    request: client.failover,
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

/** The command without its surroundings. */
export async function failOver(
  wish: FailoverWish,
  terminal: Terminal,
  ports: FailoverPorts,
): Promise<ExitCode> {
  const { to, force } = wish;
  const startMs = ports.now();
  const step = (text: string) => {
    const elapsed = ((ports.now() - startMs) / 1000).toFixed(3).padStart(8);
    terminal.print(`${elapsed} s  ${text}`);
  };
  const before = await ports.look();
  const route = force === "none" ? chooseRoute(before, to) : chooseForcedRoute(before, to);
  const isPlanned = route.kind === "switchover" || route.kind === "already";
  if (wish.planned === true && !isPlanned) {
    terminal.complain(
      `The switchover to ${to} was refused: there is no primary any more that could hand over. ` +
        "Look at metako status; metako failover is for that.",
    );
    return EXIT.refused;
  }
  switch (route.kind) {
    case "unbelieved":
      terminal.complain(`Cannot fail over to ${to}: ${route.because}`);
      return EXIT.refused;
    case "already":
      terminal.print(`${to} is the primary already; nothing was changed.`);
      return EXIT.ok;
    case "unreachable":
      terminal.complain(`Cannot fail over to ${to}: ${route.because}`);
      return EXIT.unreachable;
    case "switchover":
      step(`${route.ask} is a working primary: asking it to hand over to ${to}`);
      break;
    case "election":
      step(`no primary works: asking ${to} to stand for election, which may take up to a minute`);
      break;
    case "force":
      step(`asking ${to} what it takes to make it the primary by force`);
      break;
  }
  const end = await ports.request(route.ask, wish, step);
  switch (end.type) {
    case "succeeded":
      step("done");
      return EXIT.ok;
    case "failed":
      terminal.complain(`The failover to ${to} failed: ${end.because}`);
      return EXIT.failed;
    case "refused":
      terminal.complain(`The failover to ${to} was refused: ${end.because}`);
      return EXIT.refused;
    case "unreached":
      terminal.complain(`The failover to ${to} was not begun: ${end.because}`);
      return EXIT.unreachable;
    case "unaccepted":
      terminal.complain(`The failover to ${to} may lose commits: ${end.because}.`);
      return EXIT.unaccepted;
    case "lost":
      step(`the answer of ${route.ask} broke off (${end.because}): asking the cluster`);
      return await findOut({ to, termBefore: before.term ?? 0 }, terminal, ports, step);
  }
}

/** Asks the cluster until a later term has a primary, or the time is over. */
async function findOut(
  wish: { readonly to: string; readonly termBefore: number },
  terminal: Terminal,
  ports: FailoverPorts,
  step: (text: string) => void,
): Promise<ExitCode> {
  const { to, termBefore } = wish;
  const startMs = ports.now();
  const settled = (view: ClusterView) =>
    view.primary === to || view.primary !== null && (view.term ?? 0) > termBefore;
  let view = await ports.look();
  while (!settled(view) && ports.now() - startMs < OUTCOME_LIMIT_MS) {
    await ports.sleep(OUTCOME_INTERVAL_MS);
    view = await ports.look();
  }
  if (view.primary === to) {
    step(`${to} is the primary`);
    return EXIT.ok;
  }
  if (settled(view)) {
    terminal.complain(
      `The failover to ${to} failed: ${view.primary} became the primary of term ${view.term}` +
        " instead. Look at metako status, and try again once it is content.",
    );
    return EXIT.failed;
  }
  const primary = view.primary === null ? "there is no primary" : `${view.primary} is the primary`;
  terminal.complain(
    `The failover to ${to} did not come to an end within ${OUTCOME_LIMIT_MS / 1000} s:` +
      ` ${primary}. Look at metako status.`,
  );
  return EXIT.failed;
}
