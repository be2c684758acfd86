/**
 * Plays the cases of the targets without sockets, in a thread of its own: a case that never ends
 * would stop the one that watches.
 *
 * Takes `{target, from, to}`, answers `{outcomes, failure}`; the seed in work is in shared memory.
 *
 * @module
 */
import { configTarget } from "./targets/config.ts";
import { documentsTarget } from "./targets/documents.ts";
import { historyTarget, stateTarget, timelineTarget } from "./targets/files.ts";
import { membersTarget } from "./targets/members.ts";
import { caseDice, type Failure, reasonOf, type Target } from "./target.ts";

/** What the worker is asked. */
export interface Order {
  readonly target: string;
  /** Seeds from `from` up to, and without, `to`. */
  readonly from: number;
  readonly to: number;
  readonly folder: string;
  /** One number: the seed in work. */
  readonly progress: SharedArrayBuffer;
}

/** What it answers. */
export interface Report {
  readonly outcomes: readonly (readonly [string, number])[];
  readonly failure: Failure | null;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Order>) => void;
  postMessage(report: Report): void;
};

scope.onmessage = async ({ data: { target: name, from, to, folder, progress } }) => {
  const targets: readonly Target[] = [
    configTarget,
    documentsTarget,
    stateTarget,
    timelineTarget,
    membersTarget,
    historyTarget(folder),
  ];
  const target = targets.find((each) => each.name === name)!;
  const inWork = new Uint32Array(progress);
  const outcomes = new Map<string, number>();
  let failure: Failure | null = null;
  for (let seed = from; seed < to && failure === null; seed++) {
    inWork[0] = seed;
    try {
      const outcome = await target.play(caseDice(name, seed));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    } catch (error) {
      failure = { target: name, seed, because: reasonOf(error) };
    }
  }
  scope.postMessage({ outcomes: [...outcomes], failure });
};
