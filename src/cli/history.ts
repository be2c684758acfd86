/**
 * `metako history`: every change of the primary, and what operators asked for, from the accounts of
 * all members that answer.
 *
 * @module
 */
import {
  compareNames,
  type HistoryEntry,
  type MergedEntry,
  mergeHistories,
  type OperatorClient,
  type OperatorRequest,
} from "../agent/mod.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { formatSeconds } from "./table.ts";
import { type Terminal, type Tint, tinted } from "./terminal.ts";

/** What the command line said. */
export interface HistoryOptions {
  readonly config: string;
  readonly json: boolean;
  /** How many entries of each node, the newest; 1 to 1000. */
  readonly limit: number;
}

/** Prints the history; 4 where nobody answers. */
export async function historyCommand(
  options: HistoryOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { config: options.config, tool: "metako history" };
  return await withClient(
    wish,
    terminal,
    (client, members) => printHistory(client, members, options, terminal),
  );
}

/** The command without its surroundings. */
export async function printHistory(
  client: Pick<OperatorClient, "history">,
  members: readonly string[],
  options: Pick<HistoryOptions, "json" | "limit">,
  terminal: Terminal,
): Promise<ExitCode> {
  const entries: HistoryEntry[] = [];
  const silent: { node: string; because: string }[] = [];
  const answers = await Promise.all(members.map((node) => client.history(node, options.limit)));
  const unsigned: string[] = [];
  for (const [index, answer] of answers.entries()) {
    if (answer.ok) entries.push(...answer.history.entries);
    if (answer.ok && !answer.verified) unsigned.push(members[index]!);
    if (!answer.ok) silent.push({ node: members[index]!, because: answer.because });
  }
  const merged = mergeHistories(entries).slice(-options.limit);
  const isSilent = silent.length === members.length;
  if (options.json) {
    terminal.print(JSON.stringify({ entries: merged, missing: silent, unsigned }, null, 2));
  } else {
    if (!isSilent) {
      terminal.print(renderHistory(merged, terminal));
    }
    for (const { node, because } of silent) {
      terminal.complain(`The history of ${node} is missing: ${because}`);
    }
  }
  if (unsigned.length > 0) {
    terminal.complain(
      `The history of ${
        unsigned.join(", ")
      } is not signed with this cluster's key, so anybody may have made it:` +
        " compare security.cluster_secret here and there.",
    );
  }
  return isSilent ? EXIT.unreachable : EXIT.ok;
}

const HEADINGS = ["when", "term", "primary", "how", "outage", "lost"];

/**
 * The merged history: a line for each entry in aligned columns, and under it why, indented. Ends
 * without a line feed.
 */
export function renderHistory(
  entries: readonly MergedEntry[],
  look: { readonly colour: boolean },
): string {
  if (entries.length === 0) return "No change of the primary has been seen yet.";
  const groups = gathered(entries);
  const rows = [HEADINGS, ...groups.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.flatMap((row, index) => {
    const entry = index === 0 ? null : groups[index - 1]![0]!;
    const texts = row.map((cell, column) =>
      tinted(cell, tintOf(entry, HEADINGS[column]!), look) +
      " ".repeat(widths[column]! - cell.length)
    );
    const why = index === 0 ? "" : reasonOf(groups[index - 1]!);
    return [texts.join("  ").trimEnd(), ...(why === "" ? [] : [`    ${why}`])];
  }).join("\n");
}

/** What one command asked of several nodes, with the same end, is one line. */
type Group = readonly [MergedEntry, ...MergedEntry[]];

/** How long one command may take to ask all nodes. */
const TOGETHER_MS = 10_000;

function gathered(entries: readonly MergedEntry[]): readonly Group[] {
  const groups: [MergedEntry, ...MergedEntry[]][] = [];
  for (const entry of entries) {
    const group = groups.find(([first]) => isTogether(first, entry));
    if (group === undefined) groups.push([entry]);
    else group.push(entry);
  }
  return groups;
}

function isTogether(a: MergedEntry, b: MergedEntry): boolean {
  if (a.type !== "operator" || b.type !== "operator" || a.operator === null) return false;
  const same = (["action", "to", "operator", "tool", "outcome", "because"] as const)
    .every((key) => a[key] === b[key]);
  return same && Math.abs(Date.parse(a.at) - Date.parse(b.at)) <= TOGETHER_MS;
}

function nodesOf(group: Group): string {
  return [...new Set(group.map(({ node }) => node))].sort(compareNames).join(", ");
}

/** `failover to node2`, `members add node4`, `pause node1, node2`. */
function titleOf(request: OperatorRequest, group: Group): string {
  const { action, to } = request;
  if (to === null) return `${action} ${nodesOf(group)}`;
  return action.startsWith("members") ? `${action} ${to}` : `${action} to ${to}`;
}

function cells(group: Group): string[] {
  const [entry] = group;
  const when = entry.at.replace("T", " ").replace(/\.\d+Z$/, "Z");
  const term = String(entry.term);
  if (entry.type === "operator") {
    return [when, term, titleOf(entry, group), entry.outcome, "-", "-"];
  }
  return [
    when,
    term,
    entry.from === null ? entry.to : `${entry.from} > ${entry.to}`,
    entry.kind,
    entry.outage_ms === null ? "-" : formatSeconds(entry.outage_ms),
    lossWord(entry),
  ];
}

/** What deserves a second look has a colour. */
function tintOf(entry: MergedEntry | null, heading: string): Tint | null {
  if (entry === null) return "strong";
  if (entry.type === "operator") {
    return heading === "how" && entry.outcome !== "succeeded" ? "doubtful" : null;
  }
  if (heading === "how") return ["unplanned", "forced"].includes(entry.kind) ? "doubtful" : null;
  return heading === "lost" && entry.loss === "possible" ? "bad" : null;
}

/** `alice@ops1 (metako pause, from 10.0.0.9)`, or what there is of it. */
function whoAsked(
  { operator, tool, asked_by: address }: Pick<OperatorRequest, "operator" | "tool" | "asked_by">,
): string {
  const where = address === LOCAL ? [] : [`from ${address}`];
  const how = [...(tool === null ? [] : [tool]), ...where].join(", ");
  if (operator !== null) return `${operator} (${how})`;
  return tool === null ? address : address === LOCAL ? tool : `${tool} (from ${address})`;
}

/** The address of what no connection asked for: a signal, a file that changed. */
const LOCAL = "local";

function reasonOf(group: Group): string {
  const [entry] = group;
  if (entry.type === "operator") {
    return `${whoAsked(entry)} asked ${nodesOf(group)}: ${entry.because}`;
  }
  const cause = entry.rule === null ? entry.because : `${entry.rule}: ${entry.because}`;
  const asked = entry.asked_by === null
    ? ""
    : `asked for by ${whoAsked({ ...entry, asked_by: entry.asked_by })}`;
  return [cause, entry.loss_because ?? "", asked].filter((part) => part !== "").join("; ");
}

/** Before the first primary there was nothing that could be lost. */
function lossWord(
  { loss, kind }: Pick<Extract<MergedEntry, { type: "primary" }>, "loss" | "kind">,
): string {
  if (loss === "possible") return "possibly";
  return loss ?? (kind === "first" ? "none" : "?");
}
