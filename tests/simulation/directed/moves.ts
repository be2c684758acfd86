/**
 * What several schedules do.
 */
import { cut } from "../network.ts";
import type { Traffic } from "../network.ts";
import type { Stage } from "../stage.ts";
import { writeRow } from "../wal.ts";

/** Cuts both directions between `name` and each of the others. */
export function part(
  stage: Stage,
  name: string,
  others: readonly string[],
  traffic: Traffic,
): void {
  for (const other of others) {
    cut(stage.world.network, name, other, traffic);
    cut(stage.world.network, other, name, traffic);
  }
}

/** Writes rows on a server, a few milliseconds apart. */
export function write(stage: Stage, name: string, rows: number): void {
  for (let row = 0; row < rows; row++) {
    writeRow(stage.world, stage.host(name));
    stage.wait(5);
  }
}

/** How many rows a node has. */
export function rowsOf(stage: Stage, name: string): number {
  return stage.host(name).data?.wal.length ?? 0;
}

/** True where all of them have the same rows, and have flushed them. */
export function areLevel(stage: Stage, names: readonly string[]): boolean {
  const [first, ...others] = names.map((name) => stage.host(name).data);
  const flushed = first?.flushed ?? 0;
  return first?.wal.length === flushed &&
    others.every((data) => data?.wal.length === flushed && data.flushed === flushed);
}

/** The nodes that are electable under the record that `name` holds, in alphabetical order. */
export function electableOf(stage: Stage, name: string): string {
  const { record } = stage.host(name).disk;
  return (record?.electable ?? []).map(({ node }) => node).sort().join(" ");
}

/** Waits until the record that `name` leads by makes just these electable. */
export function untilElectable(stage: Stage, name: string, nodes: string): void {
  stage.until(`electable: ${nodes}`, () => electableOf(stage, name) === nodes);
}
