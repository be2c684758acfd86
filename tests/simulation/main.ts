/**
 * `deno task sim`: one seed in every detail, or many in sum.
 *
 *     deno task sim --seed 42 [--trace] [--storm 60]
 *     deno task sim --seeds 5000 [--from 1] [--jobs 2] [--storm 60]
 *     deno task sim --directed [--only id] [--trace]
 *
 * A storm lasts eight simulated minutes, or as many seconds as --storm says (CI's last 60). A seed
 * that fails is shrunk to a few faults and printed as a transcript. With --directed the schedules of
 * directed/ are played, and the stories of docs/protocol. The exit code is 1 where an
 * invariant broke, or where a batch of 500 seeds or more has not seen everything it should.
 */
import { parseArgs } from "node:util";
import { type BatchResult, joinBatches, playSeeds } from "./batch.ts";
import { SCRIPTS } from "./directed/all.ts";
import { playScript } from "./directed/play.ts";
import { coverageGaps, coverageTable, RARE_IN_SHORT_STORMS } from "./coverage.ts";
import { play } from "./play.ts";
import { type Scenario, scenarioOf } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { createTranscript, lineText } from "./transcript.ts";

/** A smaller batch may miss something rare by chance. */
const SEEDS_FOR_COVERAGE = 500;
/** Lines of a failing run that are worth reading. */
const LAST_LINES = 120;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: "1" },
    storm: { type: "string" },
    trace: { type: "boolean", default: false },
    "stop-after": { type: "string" },
    quiet: { type: "boolean", default: false },
    directed: { type: "boolean", default: false },
    only: { type: "string" },
  },
});

const storm: { readonly stormMs?: number } = values.storm === undefined
  ? {}
  : { stormMs: Number(values.storm) * 1000 };

const failed = values.directed
  ? showDirected(values.only)
  : values.seed !== undefined
  ? showSeed(Number(values.seed), values.trace)
  : await showBatch(Number(values.seeds ?? 200));
if (failed) Deno.exit(1);

function showDirected(only: string | undefined): boolean {
  const chosen = SCRIPTS.filter(({ id }) => only === undefined || id === only);
  let broken = 0;
  for (const script of chosen) {
    const transcript = createTranscript();
    const { violation, stuck } = playScript(script, values.trace ? transcript.take : null);
    if (values.trace) console.log(transcript.lines.map(lineText).join("\n"));
    if (stuck !== null) console.log(`STUCK ${stuck}`);
    if (violation !== null) {
      const { atMs, checker, what } = violation;
      console.log(`BROKEN ${script.id} at ${(atMs / 1000).toFixed(3)} s: ${checker}: ${what}`);
    }
    if (stuck !== null || violation !== null) broken++;
    if (violation !== null && values["stop-after"] !== undefined) break;
  }
  console.log(`${chosen.length} scripts, ${broken} broken`);
  return broken > 0;
}

function showSeed(seed: number, trace: boolean): boolean {
  const scenario = scenarioOf(seed, storm);
  console.log(describeScenario(scenario));
  const transcript = createTranscript();
  const outcome = play(scenario, trace ? transcript.take : null);
  if (trace) console.log(transcript.lines.map(lineText).join("\n"));
  console.log(
    `${Math.round(outcome.simulatedMs / 1000)} s simulated, ${outcome.tally.steps} steps, ` +
      `${outcome.tally.acknowledged} commits acknowledged`,
  );
  if (outcome.violation === null) {
    console.log("no invariant broke");
    return false;
  }
  const { checker, what } = outcome.violation;
  console.log(`BROKEN ${checker}: ${what}`);
  showShrunk(scenario);
  return true;
}

function showShrunk(scenario: Scenario): void {
  const short = shrink(scenario);
  const transcript = createTranscript(LAST_LINES);
  const { violation } = play(short, transcript.take);
  console.log(`\nShrunk from ${scenario.faults.length} faults to ${short.faults.length}:`);
  for (const { atMs, kind, target, other, forMs } of short.faults) {
    console.log(
      `  ${(atMs / 1000).toFixed(3)} s: ${kind} at ${target} (${other}), ${forMs} ms`,
    );
  }
  console.log(`\n${transcript.lines.map(lineText).join("\n")}`);
  if (violation !== null) console.log(`\nBROKEN ${violation.checker}: ${violation.what}`);
}

async function showBatch(count: number): Promise<boolean> {
  const first = Number(values.from);
  const last = first + count - 1;
  const startedMs = performance.now();
  const result = await playAll(first, last, Math.max(1, Number(values.jobs)));
  const elapsedS = (performance.now() - startedMs) / 1000;
  if (!values.quiet) console.log(coverageTable({ counts: new Map(result.counts) }));
  for (const { seed, checker, what, atMs } of result.failures) {
    console.log(`BROKEN seed ${seed} at ${(atMs / 1000).toFixed(3)} s: ${checker}: ${what}`);
  }
  console.log(
    `${result.seeds} seeds, ${Math.round(result.simulatedMs / 3600_000)} simulated hours, ` +
      `${result.steps} steps, ${result.acknowledged} commits acknowledged, ` +
      `${result.failures.length} broken, ${elapsedS.toFixed(1)} s`,
  );
  const excused = storm.stormMs === undefined ? [] : RARE_IN_SHORT_STORMS;
  const gaps = count >= SEEDS_FOR_COVERAGE
    ? coverageGaps({ counts: new Map(result.counts) }, excused)
    : [];
  for (const gap of gaps) console.log(`GAP ${gap}`);
  const worst = result.failures[0];
  if (worst !== undefined && !values.quiet) showShrunk(scenarioOf(worst.seed, storm));
  return result.failures.length > 0 || gaps.length > 0;
}

async function playAll(first: number, last: number, jobs: number): Promise<BatchResult> {
  if (jobs === 1) {
    const stopAfter = Number(values["stop-after"] ?? Infinity);
    return playSeeds({ first, last, stride: 1 }, { ...storm, stopAfter });
  }
  const shares = Array.from({ length: jobs }, (_, index) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url).href, { type: "module" });
    return new Promise<BatchResult>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<BatchResult>) => {
        worker.terminate();
        resolve(data);
      };
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage([{ first: first + index, last, stride: jobs }, storm]);
    });
  });
  return joinBatches(await Promise.all(shares));
}

function describeScenario({ seed, members, settings, weather, actions, faults }: Scenario): string {
  const first = settings[members[0]!.name]!;
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort().join(", ");
  return `seed ${seed}: ${
    members.map(({ name }) => name).join(", ")
  }; lease ${first.leaseMs} ms, ` +
    `heartbeat ${first.heartbeatIntervalMs} ms; latency ${weather.latencyMs} ms, loss ` +
    `${weather.loss}; actions fail ${actions.failing}; ${faults.length} faults of ${kinds}`;
}
