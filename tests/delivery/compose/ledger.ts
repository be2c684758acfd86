/**
 * What the client of compose.yaml has seen, read from its log.
 */

/** A row whose INSERT returned. */
export interface Acknowledged {
  readonly number: number;
  /** The node that was the primary. */
  readonly node: string;
  /** When Docker saw the line, in milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * Reads `docker compose logs --timestamps`: one line per row, whatever stands in front of it.
 *
 * @returns in the order of the log
 */
export function acknowledged(log: string): readonly Acknowledged[] {
  return log.split("\n").flatMap((line) => {
    const [, at, number, node] =
      /(\d{4}-\d\d-\d\dT[\d:.]+Z)\s.*\brow (\d+) is on (\S+)/.exec(line) ?? [];
    return at === undefined ? [] : [{ number: Number(number), node: node!, atMs: Date.parse(at) }];
  });
}

/**
 * The longest time without an acknowledged row that began or ended within a span.
 *
 * @returns milliseconds; the time until now counts where nothing came any more
 */
export function outageMs(
  rows: readonly Acknowledged[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): number {
  const times = rows.map(({ atMs }) => atMs);
  const inside = times.filter((atMs) => atMs >= fromMs && atMs <= toMs);
  const before = times.filter((atMs) => atMs < fromMs).at(-1) ?? fromMs;
  const after = times.find((atMs) => atMs > toMs) ?? toMs;
  const all = [before, ...inside, after];
  return Math.max(...all.slice(1).map((atMs, index) => atMs - all[index]!));
}
