/**
 * The cluster as a table: one row per member, and below it what is wrong, in words.
 *
 * On a terminal the table has rules and colours. Piped, it is plain text in aligned columns, at
 * least two blanks between them, so that `awk` and `grep` read it too. Values are never abbreviated
 * to fit: a wide table wraps, a cut name misleads.
 *
 * Pure: a picture in, text out.
 *
 * @module
 */
import Table from "cli-table3";
import { type ClusterView, type NodeAnswer, type NodeStatus, unbelieved } from "../agent/mod.ts";
import { type Terminal, type Tint, tinted } from "./terminal.ts";

/** How a table may look. */
export interface TableLook {
  /** Colours, for people. */
  readonly colour: boolean;
  /** Rules between the columns, for people; false: aligned columns only. */
  readonly ruled: boolean;
  /** Rules are left out where the table would not fit with them; null, or absent: it does. */
  readonly columns?: number | null;
}

/** How a table looks on this terminal. */
export function lookOn(terminal: Terminal): TableLook {
  const { colour, interactive, columns } = terminal;
  return { colour, ruled: interactive, columns: columns?.() ?? null };
}

const HEADINGS = [
  "node",
  "role",
  "state",
  "term",
  "timeline",
  "LSN",
  "lag",
  "lease",
  "durability",
];

/** Renders the picture; ends without a line feed. */
export function renderCluster(view: ClusterView, look: TableLook): string {
  const lines = [drawTable(view, look), ""];
  lines.push(
    headline(view, look),
    ...maintenance(view, look),
    ...standing(view, look),
    ...copies(view),
  );
  lines.push(...view.problems.map((problem) => `  ${tinted("!", "bad", look)} ${problem}`));
  return lines.join("\n");
}

function drawTable(view: ClusterView, look: TableLook): string {
  const table = newTable(HEADINGS.map((heading) => tinted(heading, "strong", look)), look);
  for (const node of view.nodes) table.push(cells(node, view, look));
  const lines = table.toString().split("\n").map((line) => line.trimEnd());
  const fits = !look.ruled || (lines[0]?.length ?? 0) <= (look.columns ?? Infinity);
  return fits ? lines.join("\n") : drawTable(view, { ...look, ruled: false });
}

/**
 * Bytes for people, to three digits.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(formatBytes(0), "0 B");
 * assert.equal(formatBytes(1536), "1.5 kB");
 * assert.equal(formatBytes(16 * 1024 * 1024), "16 MB");
 * ```
 */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Milliseconds as seconds with one digit: `"2.4 s"`. */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * A time to wait, in the two largest units that say something.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(formatRemaining(4_400), "5 s");
 * assert.equal(formatRemaining(125_000), "2 min 5 s");
 * assert.equal(formatRemaining(3_720_000), "1 h 2 min");
 * ```
 */
export function formatRemaining(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function headline(view: ClusterView, look: TableLook): string {
  const asked = view.nodes.length;
  const reachable = `${view.reachable} of ${asked} node${asked === 1 ? "" : "s"} answered`;
  switch (view.verdict) {
    case "writable":
      return `${tinted(`Primary: ${view.primary}`, "good", look)}, term ${view.term};` +
        ` ${reachable}.`;
    case "no_majority":
      return unbelieved(view) === null
        ? `${tinted("No primary", "bad", look)}; ${reachable}.`
        : `${tinted("Primary not known", "bad", look)}; ${reachable}, with another key.`;
    case "unreachable":
      return `${tinted("Nobody answered", "bad", look)}; ${reachable}.`;
  }
}

/** The pause, since when, and what waits for its end. */
function maintenance(view: ClusterView, look: TableLook): string[] {
  const paused = view.nodes.flatMap((answer) =>
    answer.ok && answer.status.paused !== null
      ? [{ node: answer.node, ...answer.status.paused }]
      : []
  );
  const [first] = paused.toSorted((a, b) => a.since.localeCompare(b.since));
  if (first === undefined) return [];
  const holder = paused.find((each) => each.holds_primary);
  const held = paused.flatMap(({ node, held }) => held === null ? [] : [`${node}: ${held}`]);
  return [
    `${tinted("Paused", "doubtful", look)} since ${first.since} on ${
      paused.map(({ node }) => node).join(", ")
    }${holder === undefined ? "" : `; ${holder.node} is not fenced`}.`,
    ...(held.length === 0 ? [] : [`Waits for the end of the pause: ${held.join(", ")}.`]),
  ];
}

/** What would be if the primary were gone, as it says itself. */
function standing(view: ClusterView, look: TableLook): string[] {
  const primary = view.nodes.find((answer) => answer.node === view.primary);
  if (primary === undefined || !primary.ok) return [];
  const { electability, durability_policy: policy, record, possible_loss_bytes: loss } =
    primary.status;
  if (!electability || electability.length === 0) return [];
  const electable = electability.filter(({ electable }) => electable);
  const able = electable.map(({ node }) => node).join(", ");
  const kept = record === null || able === ""
    ? "nobody else may be elected"
    : record.required === 0
    ? `${able} may be elected; missing there now: ${loss === null ? "unknown" : formatBytes(loss)}`
    : record.required >= electable.length
    ? `every commit is on ${able}, which may be elected`
    : `every commit is on at least ${record.required} of ${able}, which may be elected`;
  return [
    `Durability ${policy ?? "unknown"}: ${kept}.`,
    ...electability.filter(({ electable }) => !electable).map(({ node, because }) =>
      `  ${tinted("-", "doubtful", look)} ${node} may not be elected: ${because}.`
    ),
  ];
}

/** How far every copy is, how fast it moves, and how long it will take. */
function copies(view: ClusterView): string[] {
  return view.nodes.flatMap((answer) => {
    const operation = answer.ok ? answer.status.operation : null;
    if (operation === null || operation.progress === null) return [];
    const { done_bytes: done, total_bytes: total, ...pace } = operation.progress;
    const parts = [
      `${answer.node} is ${DOING[operation.action] ?? operation.action}: ` +
      `${formatBytes(done)} of ${formatBytes(total)}`,
      ...(pace.bytes_per_second === null ? [] : [`${formatBytes(pace.bytes_per_second)}/s`]),
      ...(pace.remaining_ms === null ? [] : [`${formatRemaining(pace.remaining_ms)} left`]),
    ];
    return [`${parts.join(", ")}.`];
  });
}

function cells(answer: NodeAnswer, view: ClusterView, look: TableLook): string[] {
  if (!answer.ok) {
    const silent = tinted("unreachable", "bad", look);
    return [answer.node, NONE, silent, NONE, NONE, NONE, NONE, NONE, NONE];
  }
  const status = answer.status;
  return [
    answer.node,
    tinted(status.role, roleTint(status, view), look),
    tinted(stateText(status), stateTint(status), look),
    String(status.term),
    status.timeline === null ? NONE : String(status.timeline),
    status.lsn ?? NONE,
    status.lag_bytes === null ? NONE : formatBytes(status.lag_bytes),
    status.lease === null ? NONE : formatSeconds(Math.max(0, status.lease.remaining_ms)),
    status.role === "primary" && status.durability !== "" ? durabilityText(status, view) : NONE,
  ];
}

/** PostgreSQL knows a standby by its member's name and incarnation; people by the member's alone. */
function durabilityText({ durability }: NodeStatus, { nodes }: ClusterView): string {
  const members = new Set(nodes.map(({ node }) => node));
  return durability.replaceAll(/[A-Za-z0-9_-]+/g, (name) => {
    const member = name.replace(/-[0-9a-f]{8}$/, "");
    return members.has(name) || !members.has(member) ? name : member;
  });
}

const NONE = "-";

function roleTint(status: NodeStatus, view: ClusterView): Tint | null {
  if (status.role !== "primary") return null;
  return status.node === view.primary ? "good" : "bad";
}

/** What the server does, in one or two words; an operation that copies says how far it is. */
function stateText(status: NodeStatus): string {
  const operation = status.operation;
  if (operation !== null) {
    const doing = DOING[operation.action] ?? operation.action;
    const progress = operation.progress;
    if (progress === null || progress.total_bytes <= 0) return doing;
    const share = Math.min(100, Math.floor(100 * progress.done_bytes / progress.total_bytes));
    return `${doing} ${share} %`;
  }
  if (status.role === "witness") return "votes only";
  if (status.condition) return status.condition.name.replaceAll("_", " ");
  // A node of an earlier version tells no condition.
  if (status.state === "primary") return "running";
  if (status.state === "standby") return status.streaming ? "streaming" : "not streaming";
  return status.state;
}

/** What an action that is under way is called in the column of states. */
const DOING: Readonly<Record<string, string>> = {
  initialise: "being created",
  clone: "being cloned",
  rewind: "being rewound",
  start_primary: "starting",
  start_standby: "starting",
  follow: "attaching",
  revoke: "detaching",
  prepare: "preparing",
  promote: "promoting",
  set_sync: "running",
  stop: "stopping",
  fence: "being fenced",
};

const LEVEL_TINTS = { good: null, passing: "doubtful", bad: "bad" } as const;

function stateTint(status: NodeStatus): Tint | null {
  if (status.operation !== null) return status.operation.action === "set_sync" ? null : "doubtful";
  if (status.condition) return LEVEL_TINTS[status.condition.level];
  if (status.state === "primary" || status.role === "witness") return null;
  if (status.state === "standby") return status.streaming ? null : "doubtful";
  return status.state === "starting" ? "doubtful" : "bad";
}

function newTable(head: string[], look: TableLook): InstanceType<typeof Table> {
  const style = { head: [], border: [], "padding-left": look.ruled ? 1 : 0, "padding-right": 1 };
  const chars = noChars(["mid", "left-mid", "mid-mid", "right-mid"]);
  if (look.ruled) return new Table({ head, style, chars });
  const frame = noChars([
    ...["top", "top-mid", "top-left", "top-right"],
    ...["bottom", "bottom-mid", "bottom-left", "bottom-right", "left", "right"],
  ]);
  return new Table({ head, style, chars: { ...chars, ...frame, middle: " " } });
}

/** Leaves out parts of a table's frame. */
function noChars(parts: readonly string[]): Record<string, string> {
  return Object.fromEntries(parts.map((part) => [part, ""]));
}
