/**
 * `metako status`: every member is asked at the same time, and the answers become one picture.
 *
 * @module
 */
import {
  type ClusterView,
  mergeStatuses,
  type NodeAnswer,
  type OperatorClient,
  statusDocument,
  type Verdict,
} from "../agent/mod.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { listenForInterrupt, pause } from "./interrupt.ts";
import { lookOn, renderCluster } from "./table.ts";
import { inPlace, type Terminal, tinted } from "./terminal.ts";

/** What the command line said. */
export interface StatusOptions {
  /** The configuration file of any member. */
  readonly config: string;
  /** Print JSON instead of a table. */
  readonly json: boolean;
  /** Look again every second. */
  readonly watch: boolean;
  /** Ask this member only; null: all. */
  readonly node: string | null;
}

const WATCH_INTERVAL_MS = 1000;

/** Prints the cluster's state, once or until interrupted. */
export async function statusCommand(
  options: StatusOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { config: options.config, tool: "metako status" };
  return await withClient(wish, terminal, async (client, members) => {
    const { node } = options;
    if (node !== null && !members.includes(node)) {
      terminal.complain(
        `Cannot ask ${node}: it is no member of the cluster in ${options.config}.` +
          ` The members are ${members.join(", ")}.`,
      );
      return EXIT.usage;
    }
    const ask = clusterAsker(client, node === null ? members : [node]);
    return options.watch ? await watch(ask, options, terminal) : await once(ask, options, terminal);
  });
}

/** Returns a function that asks the members, all at once, and merges what they say. */
export function clusterAsker(
  client: Pick<OperatorClient, "status">,
  members: readonly string[],
): () => Promise<ClusterView> {
  const askOne = async (node: string): Promise<NodeAnswer> => {
    const answer = await client.status(node);
    return answer.ok
      ? { node, ok: true, status: answer.status, verified: answer.verified }
      : { node, ok: false, because: answer.because };
  };
  return async () => mergeStatuses(await Promise.all(members.map(askOne)));
}

/** The exit code that says what `status` found. */
export function verdictCode(verdict: Verdict): ExitCode {
  switch (verdict) {
    case "writable":
      return EXIT.ok;
    case "no_majority":
      return EXIT.noMajority;
    case "unreachable":
      return EXIT.unreachable;
  }
}

function renderView(view: ClusterView, options: StatusOptions, terminal: Terminal): string {
  if (options.json) return JSON.stringify(statusDocument(view), null, options.watch ? 0 : 2);
  return renderCluster(view, lookOn(terminal));
}

async function once(
  ask: () => Promise<ClusterView>,
  options: StatusOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const view = await ask();
  terminal.print(renderView(view, options, terminal));
  return verdictCode(view.verdict);
}

/** On a terminal the screen is redrawn; piped, each look is a block (or a line of JSON) of its own. */
async function watch(
  ask: () => Promise<ClusterView>,
  options: StatusOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const interrupt = listenForInterrupt();
  let code: ExitCode = EXIT.unreachable;
  try {
    do {
      const view = await ask();
      code = verdictCode(view.verdict);
      const text = renderView(view, options, terminal);
      if (terminal.interactive && !options.json) {
        terminal.write(inPlace(`${text}\n\n${footer(terminal)}`));
      } else terminal.print(options.json ? text : `${text}\n`);
    } while (await pause(WATCH_INTERVAL_MS, interrupt.signal));
    return code;
  } finally {
    interrupt.dispose();
  }
}

/** Tells a screen on which nothing happens from one that stands still. */
function footer(terminal: Terminal): string {
  const time = new Date().toTimeString().slice(0, 8);
  return tinted(`${time}, once a second; Ctrl-C ends.`, "quiet", terminal);
}
