/**
 * A stage for short stories: a calm world in which only what the script says goes wrong.
 */
import type { Settings } from "../../../src/core/settings.ts";
import { startClients } from "../clients.ts";
import { primaryOf } from "../hosts.ts";
import { createWorld, isComplete } from "../play.ts";
import { membersOf, type Scenario, settingsOf } from "../scenario.ts";
import { createTranscript, lineText } from "../transcript.ts";
import { type Host, hostOf, run, runUntil, tell, type World } from "../world.ts";

/** One story of docs/protocol. */
export interface Story {
  /** The name of its page. */
  readonly id: string;
  readonly title: string;
  /** What a reader should learn from it. */
  readonly lesson: string;
  readonly data: number;
  readonly witnesses: number;
  /** True where the first start is part of the story. */
  readonly fromTheStart?: boolean;
  readonly seed?: number;
  readonly latencyMs?: number;
  readonly settings?: Partial<Settings>;
  play(stage: Stage): void;
}

/** What a script can do. */
export interface Stage {
  readonly world: World;
  host(name: string): Host;
  /** Announces what the script does next. */
  say(text: string): void;
  wait(forMs: number): void;
  /** @throws where it does not come about */
  until(what: string, condition: () => boolean): void;
  /** Waits until `name`, or anybody, is the primary. */
  untilPrimary(name?: string): void;
  /** Waits until every standby follows and may be elected. */
  untilComplete(): void;
}

/** A story's transcript, line by line. @throws where an invariant breaks or the story gets stuck */
export function tellStory(story: Story): string[] {
  const transcript = createTranscript();
  const world = createWorld(calm(story), null);
  startClients(world);
  const stage: Stage = {
    world,
    host: (name) => hostOf(world, name),
    say: (text) => tell(world, null, "fault", text),
    wait: (forMs) => run(world, forMs),
    until(what, condition) {
      const came = runUntil(world, 60_000, condition);
      const [violation] = world.violations;
      if (violation !== undefined) throw new Error(`${violation.checker}: ${violation.what}`);
      if (!came) throw new Error(`${story.id}: ${what} did not come about`);
    },
    untilPrimary: (name) =>
      stage.until(`primary ${name ?? ""}`, () => {
        const primary = primaryOf(world);
        return primary !== null && (name === undefined || primary.name === name);
      }),
    untilComplete: () => stage.until("a complete cluster", () => isComplete(world)),
  };
  if (story.fromTheStart !== true) {
    stage.untilComplete();
    run(world, 2000);
  }
  world.trace = transcript.take;
  story.play(stage);
  const startMs = transcript.lines[0]?.atMs ?? 0;
  return transcript.lines.map((line) =>
    lineText({ ...line, atMs: line.atMs - startMs }).slice(3).trimEnd()
  );
}

function calm(story: Story): Scenario {
  const members = membersOf(story);
  return {
    seed: story.seed ?? 1,
    members,
    settings: settingsOf(members, story.settings),
    clocks: Object.fromEntries(members.map(({ name }) => [name, { offsetMs: 0, rate: 1 }])),
    weather: { latencyMs: story.latencyMs ?? 1, loss: 0, duplication: 0, straggling: 0 },
    actions: { failing: 0, slow: 0 },
    clients: { everyMs: 200, direct: false },
    guarded: true,
    stormMs: 0,
    faults: [],
  };
}
