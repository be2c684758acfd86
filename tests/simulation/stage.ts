/**
 * A stage: a calm world in which only what a script says goes wrong. Stories are told on it
 * (golden/), and exact faults at exact moments are played on it (directed/).
 */
import type { Answer, Request } from "../../src/core/message.ts";
import type { NodeName } from "../../src/core/record.ts";
import type { Settings } from "../../src/core/settings.ts";
import { startClients } from "./clients.ts";
import { primaryOf } from "./hosts.ts";
import { createWorld, isComplete } from "./play.ts";
import { type Fault, membersOf, type Scenario, settingsOf } from "./scenario.ts";
import { type Host, hostOf, run, runUntil, tell, type World } from "./world.ts";

/** What is on the stage, and what happens there. */
export interface Script {
  readonly id: string;
  readonly data: number;
  readonly witnesses: number;
  /** True where the first start is part of it. */
  readonly fromTheStart?: boolean;
  readonly seed?: number;
  readonly latencyMs?: number;
  readonly settings?: Partial<Settings>;
  /** True where two leases may overlap: firewalls refuse, or a pair is cut in two. */
  readonly doubtful?: boolean;
  /** False where agents have no guardian. */
  readonly guarded?: boolean;
  play(stage: Stage): void;
}

/** What a script can do. */
export interface Stage {
  readonly world: World;
  host(name: string): Host;
  /** Announces what the script does next. */
  say(text: string): void;
  wait(forMs: number): void;
  /** Looks every 50 ms, or as often as it is told. @throws {Stuck} where it does not come about */
  until(what: string, condition: () => boolean, everyMs?: number): void;
  /** Waits until `name`, or anybody, is the primary. */
  untilPrimary(name?: string): void;
  /** Waits until every standby follows and may be elected. */
  untilComplete(): void;
  /** The next such message from one to the other arrives so much later. */
  hold(
    from: NodeName,
    to: NodeName,
    matches: (message: Request | Answer) => boolean,
    forMs: number,
  ): void;
}

/** What a script waits for does not come about. */
export class Stuck extends Error {}

/** Waits are given up after this long. */
const PATIENCE_MS = 60_000;
/** A cluster that has just become complete settles for so long before the script begins. */
const SETTLE_MS = 2000;

/** What the checkers are told where leases may overlap. */
const DOUBT: Fault = {
  atMs: 0,
  kind: "firewallRefuses",
  target: "primary",
  other: "",
  forMs: Infinity,
  choice: 0,
};

/** Builds a world, and a stage for it. */
export function createStage(script: Script): Stage {
  const world = createWorld(calm(script), null);
  startClients(world);
  const stage: Stage = {
    world,
    host: (name) => hostOf(world, name),
    say: (text) => tell(world, null, "fault", text),
    wait: (forMs) => run(world, forMs),
    until(what, condition, everyMs) {
      const came = runUntil(world, PATIENCE_MS, condition, everyMs);
      const [violation] = world.violations;
      if (violation !== undefined) throw new Error(`${violation.checker}: ${violation.what}`);
      if (!came) throw new Stuck(`${script.id}: ${what} did not come about`);
    },
    untilPrimary: (name) =>
      stage.until(`primary ${name ?? ""}`, () => {
        const primary = primaryOf(world);
        return primary !== null && (name === undefined || primary.name === name);
      }),
    untilComplete: () => stage.until("a complete cluster", () => isComplete(world)),
    hold: (from, to, matches, forMs) => void world.held.push({ from, to, matches, forMs }),
  };
  return stage;
}

/** Waits until the script can begin. */
export function openStage(stage: Stage, script: Script): void {
  if (script.fromTheStart === true) return;
  stage.untilComplete();
  stage.wait(SETTLE_MS);
}

function calm(script: Script): Scenario {
  const members = membersOf(script);
  return {
    seed: script.seed ?? 1,
    members,
    settings: settingsOf(members, script.settings),
    clocks: Object.fromEntries(members.map(({ name }) => [name, { offsetMs: 0, rate: 1 }])),
    weather: { latencyMs: script.latencyMs ?? 1, loss: 0, duplication: 0, straggling: 0 },
    actions: { failing: 0, slow: 0 },
    clients: { everyMs: 200, direct: false },
    guarded: script.guarded ?? true,
    stormMs: 0,
    faults: script.doubtful === true ? [DOUBT] : [],
  };
}
