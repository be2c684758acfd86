/**
 * The clusters that are put to the test, and what is done to each.
 *
 * @module
 */
import { type Blow, BLOWS, HOST, TWO_HOSTS } from "./blows.ts";

/** A cluster and its blows. */
export interface Profile {
  readonly name: string;
  /** Nodes, witnesses included. */
  readonly nodes: number;
  readonly witnesses: number;
  /** Rounds, unless the command line says otherwise. */
  readonly rounds: number;
  /** Dealt in turn. */
  readonly blows: readonly Blow[];
  /** Sections that every node's configuration file has besides. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The least that a pair may wait with the default lease and margin. */
const PAIR = { coordination: { pair_mode: { failover_delay: "3500ms" } } };

/** Every profile; the first is the default. */
export const PROFILES: readonly Profile[] = [
  { name: "mixed", nodes: 3, witnesses: 0, rounds: 10, blows: BLOWS, settings: {} },
  { name: "three", nodes: 3, witnesses: 0, rounds: 50, blows: [HOST], settings: {} },
  { name: "witness", nodes: 3, witnesses: 1, rounds: 50, blows: [HOST], settings: {} },
  { name: "five", nodes: 5, witnesses: 0, rounds: 20, blows: [TWO_HOSTS], settings: {} },
  { name: "pair", nodes: 2, witnesses: 0, rounds: 20, blows: [HOST], settings: PAIR },
];
