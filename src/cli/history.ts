/**
 * `metako history`: every change of the primary, from the accounts of all members that answer.
 *
 * @module
 */
import {
  type HistoryEntry,
  type MergedEntry,
  mergeHistories,
  type OperatorClient,
} from "../agent/mod.ts";
import { openClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { loadConfig } from "./load_config.ts";
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
  const loaded = loadConfig(options.config, terminal);
  if (!loaded.ok) return loaded.code;
  const members = loaded.config.members.map((member) => member.nodeName);
  const client = openClient(loaded.config, terminal);
  if (client === null) return EXIT.configuration;
  try {
    return await printHistory(client, members, options, terminal);
  } finally {
    client.close();
  }
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
  for (const node of unsigned) {
    terminal.complain(
      `The history of ${node} is not signed with this cluster's key, so anybody may have made it:` +
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
  const rows = [HEADINGS, ...entries.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.flatMap((row, index) => {
    const entry = index === 0 ? null : entries[index - 1]!;
    const texts = row.map((cell, column) =>
      tinted(cell, tintOf(entry, HEADINGS[column]!), look) +
      " ".repeat(widths[column]! - cell.length)
    );
    const why = entry === null ? "" : reasonOf(entry);
    return [texts.join("  ").trimEnd(), ...(why === "" ? [] : [`    ${why}`])];
  }).join("\n");
}

function cells(entry: MergedEntry): string[] {
  const when = entry.at.replace("T", " ").replace(/\.\d+Z$/, "Z");
  const term = String(entry.term);
  if (entry.type === "operator") {
    return [when, term, `${entry.action} to ${entry.to ?? "-"}`, entry.outcome, "-", "-"];
  }
  return [
    when,
    term,
    entry.from === null ? entry.to : `${entry.from} > ${entry.to}`,
    entry.kind,
    entry.outage_ms === null ? "-" : formatSeconds(entry.outage_ms),
    entry.loss === null ? "?" : entry.loss === "none" ? "none" : "possibly",
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

function whoAsked(operator: string | null, address: string): string {
  return operator === null ? address : `${operator} (from ${address})`;
}

function reasonOf(entry: MergedEntry): string {
  if (entry.type === "operator") {
    return `${whoAsked(entry.operator, entry.asked_by)} asked ${entry.node}: ${entry.because}`;
  }
  const cause = entry.rule === null ? entry.because : `${entry.rule}: ${entry.because}`;
  const asked = entry.asked_by === null
    ? ""
    : `asked for by ${whoAsked(entry.operator, entry.asked_by)}`;
  return [cause, entry.loss_because ?? "", asked].filter((part) => part !== "").join("; ");
}
