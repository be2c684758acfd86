/**
 * A scenario: what is done to a cluster, and by which rule it passes.
 *
 * @module
 */
import type { DemoNode } from "../../src/cli/demo/plan.ts";
import type { Shape, World } from "./world.ts";

/** What a scenario plays on. */
export interface Stage {
  readonly world: World;
  /** The primary when it began. */
  readonly primary: DemoNode;
  /** The other data nodes. */
  readonly standbys: readonly DemoNode[];
  readonly wait: (ms: number) => Promise<void>;
  /** Waits until another node than `not` is primary; its name. */
  readonly untilPrimary: (not?: DemoNode) => Promise<DemoNode>;
  /** From now on outages count; called at the beginning, and again by those that prepare. */
  readonly begins: () => void;
  /** Fails the run, with what was expected and what came. */
  readonly fail: (because: string) => void;
}

/** One scenario. */
export interface Scenario {
  readonly name: string;
  /** One sentence: what is done. */
  readonly what: string;
  readonly shape: Shape;
  /** Who is primary at the end; "any" where either is right. */
  readonly primary: "another" | "same" | "any";
  /** Strikes, and undoes what only hands would undo; the cluster has to become whole after it. */
  readonly play: (stage: Stage) => Promise<void>;
  /** What the project wants of the median outage of writes, in milliseconds; null: nothing. */
  readonly wantedMs: number | null;
  /** Why two primaries may acknowledge, and commits be given up, by its rule; null: never. */
  readonly mayLose: string | null;
}

/** The defaults of a scenario: nothing lost, another primary, no wish for the outage. */
export function scenario(
  given: Pick<Scenario, "name" | "what" | "play"> & Partial<Scenario>,
): Scenario {
  return { shape: THREE, primary: "any", wantedMs: null, mayLose: null, ...given };
}

/** Three data nodes with default settings. */
export const THREE: Shape = { name: "three", nodes: 3, witnesses: 0, settings: {} };

/** Two data nodes and a witness. */
export const WITNESS: Shape = { name: "witness", nodes: 3, witnesses: 1, settings: {} };

/** Three data nodes with the shortest lease that the project promises something for. */
export const QUICK: Shape = {
  name: "quick",
  nodes: 3,
  witnesses: 0,
  settings: {
    coordination: {
      cluster_mode: { failover_timeout: "1s", heartbeat_interval: "200ms" },
    },
  },
};
