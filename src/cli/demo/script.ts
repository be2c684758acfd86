/**
 * The script of `metako demo --check`: the cluster is made to lose its primary, and to change it on
 * purpose, while a client writes; afterwards every acknowledged row is looked for.
 *
 * Start, write, `kill -9` of the primary's postmaster and agent, write, start the killed host again,
 * `metako failover --to` it, write, count. The writer uses the routers of the other nodes, since the
 * client of a host that crashed has lost its router with it.
 *
 * @module
 */
import { failoverCommand } from "../failover.ts";
import { EXIT } from "../exit_codes.ts";
import { pause } from "../interrupt.ts";
import type { ClusterView } from "../../agent/mod.ts";
import type { Terminal } from "../terminal.ts";
import type { DemoCluster } from "./cluster.ts";
import {
  openRowSink,
  prepareApplication,
  readEndOfWal,
  readRows,
  waitForReplay,
} from "./database.ts";
import {
  acknowledgedSince,
  missingRows,
  newLedger,
  outageMs,
  survivingOpenRows,
} from "./ledger.ts";
import type { DemoNode } from "./plan.ts";
import { listProcesses, waitUntilGone, worksIn } from "./processes.ts";
import type { DemoReport, EventReport } from "./report.ts";
import { type Outcome, settledPrimary, type Watcher } from "./watcher.ts";
import { startWriter, type Writer } from "./writer.ts";

/** What the script needs beside the cluster. */
export interface ScriptOptions {
  /** Follows the cluster. */
  readonly watcher: Watcher;
  /** Rows to be acknowledged before and after each event. */
  readonly rows: number;
  /** Prints a line about what is being done. */
  readonly say: (text: string) => void;
  /** Cuts the script short. */
  readonly signal: AbortSignal;
}

/** Limits of the stages; generous, because a slow machine is not a fault. */
const LIMITS_MS = { start: 120_000, rows: 60_000, promotion: 60_000, rejoin: 120_000 };
/** For so long a cluster must look settled: nodes learn of one another with each heartbeat. */
const SETTLED_MS = 1_000;
const REPLAY_LIMIT_MS = 30_000;
const BACKENDS_LIMIT_MS = 30_000;
const WRITER_PAUSE_MS = 10;

type Draft = { -readonly [Key in keyof DemoReport]: DemoReport[Key] };

/**
 * Plays the script on a cluster whose agents are not started yet. Does not stop the cluster, and so
 * leaves `left_over` empty.
 *
 * @returns the report as far as it got; `stopped_because` says what went wrong
 */
export async function playScript(
  cluster: DemoCluster,
  options: ScriptOptions,
): Promise<DemoReport> {
  const draft: Draft = {
    postgresql: null,
    nodes: cluster.plan.nodes.length,
    start_ms: null,
    crash: null,
    backends_outlived_ms: null,
    rejoin_ms: null,
    switchover: null,
    rows: {
      acknowledged: 0,
      missing: null,
      open: 0,
      open_present: 0,
      on_standbys: [],
      on_primary: null,
    },
    terms: [],
    left_over: [],
    stopped_because: null,
  };
  const outcome = await play(cluster, options, draft).catch((error: unknown): Outcome<null> => {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, because: `The script was cut short: ${reason}.` };
  });
  draft.stopped_because = outcome.ok ? null : outcome.because;
  draft.terms = options.watcher.terms();
  return draft;
}

async function play(
  cluster: DemoCluster,
  options: ScriptOptions,
  draft: Draft,
): Promise<Outcome<null>> {
  const { watcher, say } = options;
  say(`Starting ${draft.nodes} nodes in ${cluster.plan.folder}.`);
  const startedMs = performance.now();
  for (const node of cluster.plan.nodes) cluster.start(node);
  const first = await watcher.waitFor({
    what: "every standby to stream and be electable",
    limitMs: LIMITS_MS.start,
    until: settledPrimary,
    holdMs: SETTLED_MS,
  });
  if (!first.ok) return first;
  draft.start_ms = first.value.sinceMs - startedMs;
  say(`${first.value.value} is primary, every standby streams.`);

  const victim = nodeNamed(cluster, first.value.value);
  const survivors = cluster.plan.nodes.filter((node) => node !== victim);
  draft.postgresql = await prepareApplication(cluster.plan, survivors[0]!.routerPort);
  const writer = startWriter({
    ledger: newLedger(),
    routers: survivors.map((node) => () => openRowSink(cluster.plan, node.routerPort)),
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    pauseMs: WRITER_PAUSE_MS,
  });
  try {
    const events = await playEvents(cluster, options, draft, victim, writer);
    if (!events.ok) return events;
  } finally {
    await writer.stop();
    const { acknowledged, open } = writer.ledger;
    draft.rows = { ...draft.rows, acknowledged: acknowledged.length, open: open.length };
  }
  return await verify(cluster, options, draft, writer);
}

async function playEvents(
  cluster: DemoCluster,
  options: ScriptOptions,
  draft: Draft,
  victim: DemoNode,
  writer: Writer,
): Promise<Outcome<null>> {
  const { watcher, say } = options;
  const before = await waitForRows(writer, options, performance.now(), "before the crash");
  if (!before.ok) return before;

  say(`Killing ${victim.name}: its postmaster and its agent, at once.`);
  const crashMs = performance.now();
  cluster.killHost(victim);
  const backends = backendsOutlived(victim);
  const elected = await watcher.waitFor({
    what: "another node to become primary",
    limitMs: LIMITS_MS.promotion,
    until: (view) => view.primary !== null && view.primary !== victim.name ? view.primary : null,
  });
  if (!elected.ok) return elected;
  const crash = await eventReport(writer, options, victim.name, elected.value.value, crashMs);
  if (!crash.ok) return crash;
  draft.crash = crash.value;
  draft.backends_outlived_ms = await backends;

  say(`Starting ${victim.name} again.`);
  const restartMs = performance.now();
  cluster.start(victim);
  const back = await watcher.waitFor({
    what: `${victim.name} to stream and be electable again`,
    limitMs: LIMITS_MS.rejoin,
    until: settledPrimary,
    holdMs: SETTLED_MS,
  });
  if (!back.ok) return back;
  draft.rejoin_ms = back.value.sinceMs - restartMs;

  return await playSwitchover(options, draft, { from: back.value.value, to: victim, writer });
}

async function playSwitchover(
  options: ScriptOptions,
  draft: Draft,
  event: { readonly from: string; readonly to: DemoNode; readonly writer: Writer },
): Promise<Outcome<null>> {
  const { watcher, say } = options;
  const { from, to, writer } = event;
  say(`metako failover --to ${to.name}`);
  const printed: string[] = [];
  const terminal: Terminal = {
    print: (text) => void (printed.push(text), say(`  ${text}`)),
    complain: (text) => void (printed.push(text), say(`  ${text}`)),
    write: () => {},
    interactive: false,
    colour: false,
  };
  const startMs = performance.now();
  const wish = { config: to.configFile, to: to.name, force: "none" } as const;
  const code = await failoverCommand(wish, terminal);
  if (code !== EXIT.ok) {
    const because = `metako failover --to ${to.name} ended with exit code ${code}: ` +
      printed.slice(-2).join(" ");
    return { ok: false, because };
  }
  const moved = await watcher.waitFor({
    what: `${to.name} to be primary`,
    limitMs: LIMITS_MS.promotion,
    until: (view: ClusterView) => view.primary === to.name ? to.name : null,
  });
  if (!moved.ok) return moved;
  const report = await eventReport(writer, options, from, to.name, startMs);
  if (!report.ok) return report;
  draft.switchover = report.value;
  const settled = await watcher.waitFor({
    what: `${from} to stream from ${to.name} and be electable`,
    limitMs: LIMITS_MS.rejoin,
    until: settledPrimary,
    holdMs: SETTLED_MS,
  });
  return settled.ok ? { ok: true, value: null } : settled;
}

/** Compares the ledger with the final primary, and the standbys with it. */
async function verify(
  cluster: DemoCluster,
  options: ScriptOptions,
  draft: Draft,
  writer: Writer,
): Promise<Outcome<null>> {
  const name = options.watcher.latest()?.primary ?? null;
  if (name === null) return { ok: false, because: "There is no primary to verify the rows on." };
  options.say(`Comparing ${writer.ledger.acknowledged.length} acknowledged rows with ${name}.`);
  const { plan } = cluster;
  const primary = nodeNamed(cluster, name);
  const present = await readRows(plan, primary.databasePort);
  const end = await readEndOfWal(plan, primary.databasePort);
  draft.rows = {
    ...draft.rows,
    missing: missingRows(writer.ledger, present),
    open_present: survivingOpenRows(writer.ledger, present),
    on_primary: present.size,
  };
  for (const standby of plan.nodes.filter((node) => node !== primary)) {
    if (!await waitForReplay(plan, standby.databasePort, end, REPLAY_LIMIT_MS)) {
      const because = `${standby.name} had not replayed up to ${end} after` +
        ` ${REPLAY_LIMIT_MS / 1000} s.`;
      return { ok: false, because };
    }
    const rows = (await readRows(plan, standby.databasePort)).size;
    const counted = [...draft.rows.on_standbys, { node: standby.name, rows }];
    draft.rows = { ...draft.rows, on_standbys: counted };
  }
  return { ok: true, value: null };
}

/** Waits until writes have resumed and gone on for a while, then measures. */
async function eventReport(
  writer: Writer,
  options: ScriptOptions,
  from: string,
  to: string,
  startMs: number,
): Promise<Outcome<EventReport>> {
  const resumed = await waitForRows(writer, options, performance.now(), `after ${from} -> ${to}`);
  if (!resumed.ok) return resumed;
  const untilMs = performance.now();
  const outage = outageMs(writer.ledger.acknowledged, { fromMs: startMs, untilMs });
  return { ok: true, value: { from, to, outage_ms: outage } };
}

async function waitForRows(
  writer: Writer,
  options: ScriptOptions,
  fromMs: number,
  when: string,
): Promise<Outcome<null>> {
  while (acknowledgedSince(writer.ledger, fromMs) < options.rows) {
    const waitedMs = performance.now() - fromMs;
    // A load of many rows takes its own time on top of the limit.
    if (waitedMs > LIMITS_MS.rows + options.rows * WRITER_PAUSE_MS * 10) {
      const error = writer.lastError();
      const because = `Only ${acknowledgedSince(writer.ledger, fromMs)} of ${options.rows} rows` +
        ` were acknowledged ${when}${error === null ? "" : `; the last error was: ${error}`}.`;
      return { ok: false, because };
    }
    if (!await pause(50, options.signal)) return { ok: false, because: `Interrupted ${when}.` };
  }
  return { ok: true, value: null };
}

/** How long backends of a killed postmaster live on; null where that cannot be seen, or they stay. */
async function backendsOutlived(node: DemoNode): Promise<number | null> {
  const backends = () => listProcesses().filter((process) => worksIn(process, node.dataDir));
  const startMs = performance.now();
  const remaining = await waitUntilGone(backends, BACKENDS_LIMIT_MS);
  return Deno.build.os !== "linux" || remaining.length > 0 ? null : performance.now() - startMs;
}

function nodeNamed(cluster: DemoCluster, name: string): DemoNode {
  const node = cluster.plan.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`there is no node ${name} in the demo`);
  return node;
}
