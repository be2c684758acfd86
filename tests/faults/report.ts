/**
 * What a series of runs comes to: a line per run for the screen, a table per scenario for people.
 *
 * @module
 */
import { medianOf } from "./judge.ts";
import type { Outcome } from "./play.ts";
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

/** The report, as Markdown: a table with a line per scenario, then what failed, then what is left out. */
export function renderReport(
  scenarios: readonly Scenario[],
  outcomes: readonly Outcome[],
  unsupported: readonly Unsupported[],
): string {
  const rows = scenarios.flatMap((scenario) => {
    const runs = outcomes.filter((outcome) => outcome.scenario === scenario.name);
    return runs.length === 0 ? [] : [row(scenario, runs)];
  });
  const failures = outcomes.flatMap(({ scenario, faults }) =>
    faults.map((fault) => `- \`${scenario}\`: ${fault.split("\n")[0]}`)
  );
  return [
    "| scenario | what is done | runs | writes, s | wanted | reads, s | rows | lost | at once | terms | verdict |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    ...(failures.length === 0 ? [] : ["What failed:", "", ...failures, ""]),
    ...unsupported.map(({ name, because }) => `- \`${name}\` is not played here: ${because}`),
    "",
  ].join("\n");
}

function row({ name, what, wantedMs }: Scenario, runs: readonly Outcome[]): string {
  const failed = runs.filter(({ faults }) => faults.length > 0).length;
  const sum = (of: (outcome: Outcome) => number) => runs.reduce((total, run) => total + of(run), 0);
  return `| ${
    [
      `\`${name}\``,
      what,
      runs.length,
      spread(runs.map(({ writeOutageMs }) => writeOutageMs)),
      wantedMs === null ? "" : wantedMs === 0 ? "0" : `≤ ${wantedMs / 1000}`,
      spread(runs.map(({ readOutageMs }) => readOutageMs)),
      sum(({ acknowledged }) => acknowledged),
      sum(({ lost }) => lost),
      sum(({ overlapping }) => overlapping),
      spread(runs.map(({ terms }) => terms * 1000), 0),
      failed === 0 ? "pass" : `${failed} failed`,
    ].join(" | ")
  } |`;
}

/** The median, with the least and the most in brackets. */
function spread(valuesMs: readonly number[], digits = 2): string {
  const text = (ms: number) => (ms / 1000).toFixed(digits);
  const [least, most] = [Math.min(...valuesMs), Math.max(...valuesMs)];
  const median = text(medianOf(valuesMs) ?? 0);
  return text(least) === text(most) ? median : `${median} (${text(least)}–${text(most)})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
