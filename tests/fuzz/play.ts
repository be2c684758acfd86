/**
 * Plays targets in turns: those without sockets in a thread that is watched, the others against a
 * victim whose memory and descriptors are compared in the end.
 *
 * @module
 */
import { createListeners } from "./listeners.ts";
import { createThread } from "./thread.ts";
import { caseDice, count, type Counts, type Failure, reasonOf, type Target } from "./target.ts";
import { startVictim, type Victim } from "./victim_process.ts";
import type { VictimHealth } from "./victim.ts";
import { HANGS_AFTER_MS } from "./talk.ts";

/** What is played. */
export interface Plan {
  /** The first case's seed; each further one has the next. */
  readonly seed: number;
  /** Which targets; every one where empty. */
  readonly only: readonly string[];
  /** The most cases of each target; one is enough to play a failure again. */
  readonly cases: number;
  /** Asked between turns. */
  readonly goesOn: () => boolean;
}

/** How it went. */
export interface Outcome {
  readonly counts: Counts;
  /** At most one per target: a target that failed is not played any more. */
  readonly failures: readonly Failure[];
  /** The victim after the first turn and at the end; null where no target had to do with it. */
  readonly victim: { readonly before: VictimHealth; readonly after: VictimHealth } | null;
}

/** Cases of one turn. */
const CASES_OF_A_TURN = { pure: 240, listening: 24 };
/** Cases that are under way at the same time. */
const AT_ONCE = 8;
/** What V8 and the allocator may keep for themselves. */
const GROWTH_BYTES = 96 * 1024 * 1024;

/** The targets that need no socket, in the order of their turns. */
export const PURE = ["config", "documents", "state", "timeline", "history", "members"];
/** The targets that talk to listeners. */
export const LISTENING = ["http", "router", "reader"];

/** Plays until `plan.goesOn()` says no, or the cases are played. */
export async function play(plan: Plan): Promise<Outcome> {
  const chosen = (names: readonly string[]) =>
    names.filter((name) => plan.only.length === 0 || plan.only.includes(name));
  const counts: Counts = new Map();
  const failures: Failure[] = [];
  const folder = await Deno.makeTempDir({ prefix: "metako-fuzz-" });
  const thread = createThread(folder);
  const needsVictim = chosen(LISTENING).length > 0;
  const victim = needsVictim ? await startVictim() : null;
  const listeners = victim === null ? null : createListeners(victim.ports);
  let before: VictimHealth | null = null;
  let after: VictimHealth | null = null;
  try {
    const seeds = (turn: number, ofATurn: number) => ({
      from: plan.seed + Math.min(plan.cases, turn * ofATurn),
      to: plan.seed + Math.min(plan.cases, (turn + 1) * ofATurn),
    });
    const { pure, listening } = CASES_OF_A_TURN;
    for (let turn = 0; turn * listening < plan.cases && plan.goesOn(); turn++) {
      const healthy = (name: string) => failures.every(({ target }) => target !== name);
      for (const name of chosen(PURE).filter(healthy)) {
        const { outcomes, failure } = await thread.play({
          target: name,
          ...seeds(turn, pure),
        });
        for (const [outcome, times] of outcomes) count(counts, name, outcome, times);
        if (failure !== null) failures.push(failure);
      }
      for (const name of chosen(LISTENING).filter(healthy)) {
        const failure = await playListening(
          listeners!.target(name),
          seeds(turn, listening),
          counts,
        );
        if (failure !== null) failures.push(failure);
      }
      before ??= await victim?.health() ?? null;
    }
    after = victim === null ? null : await settled(victim);
  } catch (error) {
    failures.push({ target: "victim", seed: plan.seed, because: reasonOf(error) });
  } finally {
    thread.close();
    listeners?.close();
    const ended = await victim?.stop();
    if (ended !== undefined && ended.code !== 0) {
      const because = `it ended with ${ended.code}: ${ended.stderr}`;
      failures.push({ target: "victim", seed: plan.seed, because });
    }
    await Deno.remove(folder, { recursive: true });
  }
  if (before === null || after === null) return { counts, failures, victim: null };
  const because = compare(before, after);
  if (because !== null) failures.push({ target: "victim", seed: plan.seed, because });
  return { counts, failures, victim: { before, after } };
}

/** The victim at rest: the sessions that garbage left behind are over within their time limits. */
async function settled(victim: Victim): Promise<VictimHealth> {
  const giveUpAtMs = performance.now() + HANGS_AFTER_MS;
  for (;;) {
    const health = await victim.health();
    if (health.sessions === 0 || performance.now() > giveUpAtMs) return health;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** What has grown, or gone wrong inside; null where nothing has. */
function compare(before: VictimHealth, after: VictimHealth): string | null {
  if (after.errors.length > 0) return `its log has errors: ${after.errors.join("; ")}`;
  if (after.sessions > 0) return `${after.sessions} sessions are left`;
  if (after.descriptors > before.descriptors + 64) {
    return `it has ${after.descriptors} open descriptors, and had ${before.descriptors}`;
  }
  for (const name of ["rssBytes", "heapBytes"] as const) {
    if (after[name] > before[name] + GROWTH_BYTES) {
      return `${name} grew from ${before[name]} to ${after[name]}`;
    }
  }
  return null;
}

/** @throws {Error} where a case does not end */
async function ends(playing: string | Promise<string>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it does not end")), 2 * HANGS_AFTER_MS);
  });
  try {
    return await Promise.race([playing, hangs]);
  } finally {
    clearTimeout(timer);
  }
}

async function playListening(
  target: Target,
  { from, to }: { readonly from: number; readonly to: number },
  counts: Counts,
): Promise<Failure | null> {
  const failures: Failure[] = [];
  let next = from;
  const player = async () => {
    while (next < to && failures.length === 0) {
      const seed = next++;
      try {
        const dice = caseDice(target.name, seed);
        count(counts, target.name, await ends(target.play(dice)));
      } catch (error) {
        failures.push({ target: target.name, seed, because: reasonOf(error) });
      }
    }
  };
  // What a target answers with is drawn anew by each case of this one: they follow one another.
  const players = target.inTurn === true ? 1 : AT_ONCE;
  await Promise.all(Array.from({ length: players }, player));
  if (failures.length > 0) return failures[0]!;
  try {
    await target.check?.();
    return null;
  } catch (error) {
    const because = `after the cases from ${from} on: ${reasonOf(error)}`;
    return { target: target.name, seed: from, because };
  }
}
