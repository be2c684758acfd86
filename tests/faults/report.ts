/**
 * What a series of runs comes to: a line per run for the screen, a table per scenario for people.
 *
 * @module
 */
import { medianOf } from "./judge.ts";
import type { Outcome } from "./play.ts";
import type { Result } from "./results.ts";
import type { Scenario } from "./scenario.ts";

/** A scenario that this machine cannot play. */
export interface Unsupported {
  readonly name: string;
  readonly because: string;
}

/** One line for a run. */
export function runLine(outcome: Outcome, number: number): string {
  const { scenario, writeOutageMs, readOutageMs, acknowledged, lost, overlapping } = outcome;
  const whole = outcome.wholeMs === null ? "not whole" : `whole +${seconds(outcome.wholeMs)}`;
  const verdict = outcome.faults.length === 0 ? "pass" : "FAIL";
  return [
    `${verdict}  ${scenario.padEnd(22)} #${number}`,
    `writes ${seconds(writeOutageMs)}`,
    `reads ${seconds(readOutageMs)}`,
    `${acknowledged} rows, ${lost} lost, ${overlapping} at once`,
    `${outcome.terms} terms`,
    whole,
  ].join("  ");
}

/**
 * The report, as Markdown: under what conditions, a table with a line per scenario, what failed, what
 * may lose by its rule, what is left out, and what each scenario does.
 */
export function renderReport(
  scenarios: readonly Scenario[],
  results: readonly Result[],
  unsupported: readonly Unsupported[],
): string {
  const played = scenarios.flatMap((scenario) => {
    const runs = results.filter((result) => result.scenario === scenario.name);
    return runs.length === 0 ? [] : [{ scenario, runs }];
  });
  const failures = results.flatMap(({ scenario, faults }) =>
    faults.map((fault) => `- \`${scenario}\`: ${fault.split("\n")[0]}`)
  );
  const strict = played.flatMap(({ scenario, runs }) => scenario.mayLose === null ? runs : []);
  const lossy = played.flatMap(({ scenario: { name, mayLose } }) =>
    mayLose === null ? [] : [`- \`${name}\` may lose rows by its rule: ${mayLose}.`]
  );
  return [
    summary(results, strict),
    "",
    "| scenario | runs | writes | wanted | reads | whole after | rows | lost | at once | terms | verdict |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...played.map(row),
    "",
    ...(failures.length === 0 ? [] : ["What failed:", "", ...failures, ""]),
    ...lossy,
    ...unsupported.map(({ name, because }) => `- \`${name}\` is not played here: ${because}.`),
    "",
    "What is done:",
    "",
    ...played.map(({ scenario: { name, what } }) => `- \`${name}\`: ${what}`),
    "",
  ].join("\n");
}

/**
 * How many runs, on what, how busy that was, and what was lost in `strict`: the runs of scenarios
 * that may lose nothing.
 */
function summary(results: readonly Result[], strict: readonly Result[]): string {
  if (results.length === 0) return "No run yet.";
  const sum = (of: (result: Result) => number) => strict.reduce((total, run) => total + of(run), 0);
  const days = [...new Set(results.map(({ at }) => at.slice(0, 10)))].toSorted();
  const commits = [...new Set(results.map(({ commit }) => commit))].filter((each) => each !== "");
  const cores = [...new Set(results.map(({ cores }) => cores))].join(" and ");
  const loads = results.map(({ load }) => load);
  const failed = results.filter(({ faults }) => faults.length > 0).length;
  return [
    `${results.length} runs, ${failed} failed; ${days.join(" to ")}, commit ${commits.join(", ")};`,
    `${cores} cores, on which ${medianOf(loads)!.toFixed(1)} processes`,
    `(${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}) ran or waited when a`,
    "run began, the cluster's own among them.",
    `Of ${sum(({ acknowledged }) => acknowledged)} acknowledged rows`,
    `${sum(({ lost }) => lost)} were lost, and`,
    `${sum(({ overlapping }) => overlapping)} acknowledged by a server that another had followed${
      strict.length === results.length ? "." : ","
    }`,
    ...(strict.length === results.length ? [] : ["where no rule allows it."]),
    "Outages in seconds, as median (least to most).",
  ].join("\n");
}

function row(
  { scenario, runs }: { readonly scenario: Scenario; readonly runs: readonly Result[] },
): string {
  const { name, wantedMs, mayLose } = scenario;
  const failed = runs.filter(({ faults }) => faults.length > 0).length;
  const sum = (of: (outcome: Outcome) => number) => runs.reduce((total, run) => total + of(run), 0);
  const passed = mayLose === null ? "pass" : "pass, by its rule";
  return `| ${
    [
      `\`${name}\``,
      runs.length,
      spread(runs.map(({ writeOutageMs }) => writeOutageMs)),
      wantedMs === null ? "" : wantedMs === 0 ? "0" : `≤ ${wantedMs / 1000}`,
      spread(runs.map(({ readOutageMs }) => readOutageMs)),
      spread(runs.flatMap(({ wholeMs }) => wholeMs ?? []), 1),
      sum(({ acknowledged }) => acknowledged),
      sum(({ lost }) => lost),
      sum(({ overlapping }) => overlapping),
      spread(runs.map(({ terms }) => terms * 1000), 0),
      failed === 0 ? passed : `${failed} failed`,
    ].join(" | ")
  } |`;
}

/** The median, with the least and the most in brackets; "never" of none. */
function spread(valuesMs: readonly number[], digits = 2): string {
  const median = medianOf(valuesMs);
  if (median === null) return "never";
  const text = (ms: number) => (ms / 1000).toFixed(digits);
  const [least, most] = [Math.min(...valuesMs), Math.max(...valuesMs)];
  return text(least) === text(most)
    ? text(median)
    : `${text(median)} (${text(least)}–${text(most)})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
