/**
 * The charts of the last hour, out of the samples that the node keeps.
 *
 * @module
 */
import { drawChart } from "./chart.js";
import { byteRate, bytes, number, rate } from "./words.js";

const HOUR_MS = 3_600_000;

/** Of a node that has just started, so much time is shown. */
const LEAST_MS = 600_000;

/**
 * One value of every sample; null where the node did not answer.
 *
 * @param {readonly any[]} samples
 * @param {string} node
 * @param {string} key
 * @returns {(readonly [number, number | null])[]}
 */
export function gauge(samples, node, key) {
  return samples.map(({ at_ms, nodes }) => [at_ms, nodes[node]?.[key] ?? null]);
}

/**
 * The speed of a counter, per second, between each two samples. One that went back began anew, and
 * says nothing there.
 *
 * @param {readonly any[]} samples
 * @param {string} node
 * @param {string} key
 * @returns {(readonly [number, number | null])[]}
 */
export function speed(samples, node, key) {
  const values = gauge(samples, node, key);
  return values.slice(1).map(([at, value], index) => {
    const [before, earlier] = values[index];
    if (value === null || earlier === null || value < earlier || at <= before) return [at, null];
    return [at, (value - earlier) / ((at - before) / 1000)];
  });
}

/**
 * Draws the charts.
 *
 * @param {{ samples: readonly any[], nodes: readonly string[], data: readonly string[],
 *   primary: string | null, history: readonly any[] }} input `data`: the members with PostgreSQL
 */
export function drawTrends({ samples, nodes, data, primary, history }) {
  const to = samples.at(-1)?.at_ms ?? Date.now();
  const known = to - (samples[0]?.at_ms ?? to);
  const from = to - Math.min(HOUR_MS, Math.max(LEAST_MS, known));
  const marks = history.filter((entry) => entry.type === "primary")
    .map((entry) => ({ at: Date.parse(entry.at), text: `${entry.to} became the primary` }))
    .filter(({ at }) => at >= from && at <= to);
  const chart = (title, names, read, key, look) =>
    drawChart({
      title,
      // A node has the same colour in every chart.
      series: names.map((name) => ({
        name,
        colour: nodes.indexOf(name),
        points: read(samples, name, key),
      })),
      marks,
      from,
      to,
      ...look,
    });
  const standbys = data.filter((node) => node !== primary);
  const size = { least: 64 * 1024, base: 1024, format: bytes };
  return [
    chart("Replication lag", standbys, gauge, "lag_bytes", size),
    chart("WAL written", primary === null ? data : [primary], speed, "wal_bytes", {
      ...size,
      format: byteRate,
    }),
    chart("Router sessions", nodes, gauge, "sessions", { least: 5, base: 10, format: number }),
    chart("New connections", nodes, speed, "connections", { least: 1, base: 10, format: rate }),
  ];
}
