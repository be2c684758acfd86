/**
 * Makes a failing scenario short: faults are left out, and everything else is made calm, as long as
 * the same invariant still breaks.
 */
import { play } from "./play.ts";
import type { Fault, Scenario } from "./scenario.ts";
import type { Violation } from "./world.ts";

/** How many runs shrinking may cost. */
const MAXIMUM_RUNS = 400;

/**
 * The shortest scenario found in which the checker that `scenario` fails still complains.
 *
 * @param trial plays a scenario and says what broke
 * @returns the scenario itself where nothing breaks in it
 */
export function shrink(
  scenario: Scenario,
  trial: (scenario: Scenario) => Violation | null = (one) => play(one).violation,
): Scenario {
  const violation = trial(scenario);
  if (violation === null) return scenario;
  let best = scenario;
  let runs = 0;
  const attempt = (candidate: Scenario): boolean => {
    if (runs++ >= MAXIMUM_RUNS) return false;
    if (trial(candidate)?.checker !== violation.checker) return false;
    best = candidate;
    return true;
  };

  const brokeInStorm = violation.atMs < scenario.stormMs;
  if (brokeInStorm) {
    const endMs = Math.ceil(violation.atMs) + 1;
    attempt({
      ...best,
      stormMs: endMs,
      faults: best.faults.filter(({ atMs }) => atMs < endMs),
    });
  }
  dropFaults(() => best.faults, (faults) => attempt({ ...best, faults }));
  for (const calm of CALMER) attempt(calm(best));
  dropFaults(() => best.faults, (faults) => attempt({ ...best, faults }));
  const lastMs = Math.max(0, ...best.faults.map(({ atMs, forMs }) => atMs + forMs));
  if (!brokeInStorm && lastMs + 1000 < best.stormMs) attempt({ ...best, stormMs: lastMs + 1000 });
  return best;
}

const CALMER: readonly ((scenario: Scenario) => Scenario)[] = [
  (one) => ({ ...one, actions: { failing: 0, slow: 0 } }),
  (one) => ({ ...one, weather: { ...one.weather, loss: 0, duplication: 0, straggling: 0 } }),
  (one) => ({ ...one, weather: { ...one.weather, latencyMs: 1 } }),
  (one) => ({ ...one, clients: { ...one.clients, direct: false } }),
  (one) => ({
    ...one,
    clocks: Object.fromEntries(
      Object.keys(one.clocks).map((name) => [name, { offsetMs: 0, rate: 1 }]),
    ),
  }),
];

/** Leaves out halves, then quarters, and so on down to single faults. */
function dropFaults(
  faults: () => readonly Fault[],
  attempt: (faults: readonly Fault[]) => boolean,
): void {
  for (let size = Math.ceil(faults().length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < faults().length;) {
      const rest = [...faults().slice(0, from), ...faults().slice(from + size)];
      if (!attempt(rest)) from += size;
    }
  }
}
