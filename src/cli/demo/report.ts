/**
 * The report of `metako demo --check`: what was measured, and whether it is good.
 *
 * The report is the JSON that `--json` prints, so its keys are part of the command's interface. The
 * verdict is computed from it by {@linkcode judge}, in one place and without looking at anything
 * else, so that a report can be judged again later.
 *
 * @module
 */

/** How a scripted event went. Times are milliseconds. */
export interface EventReport {
  /** Who was primary before. */
  readonly from: string;
  /** Who was primary after. */
  readonly to: string;
  /** Longest time without an acknowledged row around the event; null: writes never resumed. */
  readonly outage_ms: number | null;
}

/** What the script measured. A stage that was not reached is null. */
export interface DemoReport {
  /** The servers' version, as they say it. */
  readonly postgresql: string | null;
  /** How many nodes the cluster had. */
  readonly nodes: number;
  /** From the first start to every standby streaming and electable. */
  readonly start_ms: number | null;
  /** `kill -9` of the primary's postmaster and agent. */
  readonly crash: EventReport | null;
  /** How long the killed postmaster's backends outlived it; null: not measured, or they stayed. */
  readonly backends_outlived_ms: number | null;
  /** From the start of the killed host's agent to its standby streaming and electable. */
  readonly rejoin_ms: number | null;
  /** `metako failover --to` the node that had been killed. */
  readonly switchover: EventReport | null;
  /** The ledger, and what the servers hold of it. */
  readonly rows: {
    readonly acknowledged: number;
    /** Numbers of acknowledged rows that the final primary lacks; null: not verified. */
    readonly missing: readonly number[] | null;
    /** Rows whose INSERT did not return, and how many of them are in the table. */
    readonly open: number;
    readonly open_present: number;
    /** Rows counted on each standby after it had replayed everything. */
    readonly on_standbys: readonly { readonly node: string; readonly rows: number }[];
    /** Rows counted on the final primary. */
    readonly on_primary: number | null;
  };
  /** Who was seen as primary, with a majority, in which term. */
  readonly terms: readonly { readonly term: number; readonly primary: string }[];
  /** Processes that the stop left behind, one line each. */
  readonly left_over: readonly string[];
  /** What went wrong in the script itself, with the last status and the end of the logs. */
  readonly stopped_because: string | null;
}

/**
 * Everything that makes a report a failure, one sentence each; empty: it passed.
 */
export function judge(report: DemoReport): readonly string[] {
  const faults: string[] = [];
  const { rows } = report;
  if (report.stopped_because !== null) faults.push(report.stopped_because);
  if (report.crash?.outage_ms === null) faults.push("Writes did not resume after the crash.");
  if (report.switchover?.outage_ms === null) {
    faults.push("Writes did not resume after the switchover.");
  }
  if (report.stopped_because === null) {
    const unreached = report.crash === null || report.switchover === null ||
      report.rejoin_ms === null || rows.missing === null;
    if (unreached) faults.push("The script did not reach its end.");
    if (rows.acknowledged === 0) faults.push("No row was acknowledged, so nothing was proved.");
  }
  if (rows.missing !== null && rows.missing.length > 0) {
    const shown = rows.missing.slice(0, 10).join(", ");
    const more = rows.missing.length > 10 ? ", …" : "";
    faults.push(`${rows.missing.length} acknowledged rows are missing: ${shown}${more}.`);
  }
  for (const standby of rows.on_standbys) {
    if (standby.rows !== rows.on_primary) {
      faults.push(
        `${standby.node} holds ${standby.rows} rows, the primary ${rows.on_primary}.`,
      );
    }
  }
  if (report.left_over.length > 0) {
    faults.push(`Processes were left over: ${report.left_over.join("; ")}.`);
  }
  return faults;
}

/** The report for people; ends without a line feed. */
export function renderReport(report: DemoReport): string {
  const { rows } = report;
  const faults = judge(report);
  const lines: (string | null)[] = [
    `PostgreSQL ${report.postgresql ?? "of unknown version"}, ${report.nodes} nodes`,
    line("cluster up after", report.start_ms),
    eventLine("host crash", report.crash),
    line("backends outlived it by", report.backends_outlived_ms),
    line("killed host back after", report.rejoin_ms),
    eventLine("switchover", report.switchover),
    `  ${"rows acknowledged".padEnd(WIDTH)}${rows.acknowledged}` +
    (rows.open === 0
      ? ""
      : ` (and ${rows.open} unanswered, ${rows.open_present} of them in the table)`),
    `  ${"rows missing".padEnd(WIDTH)}${rows.missing?.length ?? "not verified"}`,
    rows.on_standbys.length === 0
      ? null
      : `  ${"rows on standbys".padEnd(WIDTH)}${
        rows.on_standbys.map((standby) => `${standby.node} ${standby.rows}`).join(", ")
      }`,
    `  ${"primary of each term".padEnd(WIDTH)}${
      report.terms.map(({ term, primary }) => `${term}: ${primary}`).join(", ") || "-"
    }`,
    `  ${"processes left over".padEnd(WIDTH)}${report.left_over.length}`,
    ...faults.map((fault) => `FAILED: ${fault}`),
    faults.length === 0 ? "Passed." : null,
  ];
  return lines.filter((text) => text !== null).join("\n");
}

const WIDTH = 25;

function line(label: string, ms: number | null): string | null {
  return ms === null ? null : `  ${label.padEnd(WIDTH)}${Math.round(ms)} ms`;
}

function eventLine(label: string, event: EventReport | null): string | null {
  if (event === null) return null;
  const outage = event.outage_ms === null
    ? "writes did not resume"
    : `${Math.round(event.outage_ms)} ms outage`;
  return `  ${label.padEnd(WIDTH)}${outage} (${event.from} -> ${event.to})`;
}
