/**
 * A small line chart: a few series over the same time, gaps where nothing is known.
 *
 * @module
 */
import { h, svg } from "./dom.js";
import { clock } from "./words.js";

const WIDTH = 300;
const HEIGHT = 80;

/** How many the style has; each but the first has a dash of its own. */
const COLOURS = 6;

/**
 * The scale's upper end: 1, 2 or 5 times a power of the base, at least as large as every value.
 *
 * @param {number} largest
 * @param {number} least what the scale has where all is quiet
 * @param {number} base 10, or 1024 for bytes
 */
export function niceMaximum(largest, least, base = 10) {
  if (largest <= least) return least;
  const power = base ** Math.floor(Math.log(largest) / Math.log(base));
  const steps = base === 10 ? [1, 2, 5, 10] : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024];
  return power * (steps.find((step) => step * power >= largest) ?? base);
}

/**
 * The path of a series in a box of 300 × 80: one stroke per run of known values.
 *
 * @param {readonly (readonly [number, number | null])[]} points time and value
 * @param {{ from: number, to: number, maximum: number }} scale
 * @example
 * ```js
 * const scale = { from: 0, to: 300, maximum: 80 };
 * pathOf([[0, 0], [100, 80], [200, null], [300, 40]], scale); // "M0,80L100,0M300,40h0.1"
 * ```
 */
export function pathOf(points, { from, to, maximum }) {
  let path = "";
  let length = 0;
  // A value that stands alone is a dot; without any length it would be none in a dashed line.
  const end = () => length === 1 ? "h0.1" : "";
  for (const [at, value] of points) {
    if (value === null) {
      path += end();
      length = 0;
      continue;
    }
    const x = round((at - from) / (to - from) * WIDTH);
    const y = round(HEIGHT - Math.min(1, Math.max(0, value / maximum)) * HEIGHT);
    path += `${length === 0 ? "M" : "L"}${x},${y}`;
    length++;
  }
  return path + end();
}

/**
 * Draws a chart with its legend.
 *
 * @param {{
 *   title: string,
 *   series: readonly { name: string, colour: number,
 *     points: readonly (readonly [number, number | null])[] }[],
 *   marks: readonly { at: number, text: string }[],
 *   from: number,
 *   to: number,
 *   least: number,
 *   base: number,
 *   format: (value: number | null) => string,
 * }} chart
 */
export function drawChart({ title, series, marks, from, to, least, base, format }) {
  const largestOf = (points) => Math.max(0, ...points.map(([, value]) => value ?? 0));
  const maximum = niceMaximum(
    Math.max(0, ...series.map(({ points }) => largestOf(points))),
    least,
    base,
  );
  const scale = { from, to, maximum };
  const lines = series.map(({ name, colour, points }) => ({
    name,
    className: `line line-${colour % COLOURS}`,
    path: pathOf(points, scale),
    now: format(points.at(-1)?.[1] ?? null),
    most: format(points.some(([, value]) => value !== null) ? largestOf(points) : null),
  }));
  const spoken = lines.map(({ name, now, most }) => `${name} now ${now}, at most ${most}`).join(
    "; ",
  );
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, title),
    h(
      "div",
      { class: "plot" },
      h("span", { class: "top", "aria-hidden": "true" }, format(maximum)),
      svg(
        "svg",
        {
          viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
          preserveAspectRatio: "none",
          role: "img",
          "aria-label": `${title} in the last hour: ${spoken}`,
        },
        svg("path", {
          class: "grid",
          d: `M0,0H${WIDTH}M0,${HEIGHT / 2}H${WIDTH}M0,${HEIGHT}H${WIDTH}`,
        }),
        marks.map(({ at, text }) => {
          const x = round((at - from) / (to - from) * WIDTH);
          return svg("path", { class: "mark", d: `M${x},0V${HEIGHT}` }, svg("title", {}, text));
        }),
        lines.map(({ className, path }) => svg("path", { class: className, d: path })),
      ),
      h(
        "div",
        { class: "times", "aria-hidden": "true" },
        h("span", {}, clock(from)),
        h("span", {}, clock((from + to) / 2)),
        h("span", {}, "now"),
      ),
    ),
    h(
      "ul",
      { class: "legend" },
      lines.map(({ name, className, now, most }) =>
        h(
          "li",
          {},
          svg(
            "svg",
            { viewBox: "0 0 16 4", "aria-hidden": "true" },
            svg("path", { class: className, d: "M0,2H16" }),
          ),
          h("span", { class: "name" }, name),
          h("strong", {}, now),
          h("span", { class: "most" }, `most ${most}`),
        )
      ),
    ),
  );
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
