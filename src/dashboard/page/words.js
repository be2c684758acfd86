/**
 * Numbers and times as people read them.
 *
 * @module
 */

/**
 * Bytes with a binary unit: `0 B`, `1.5 MB`. "–" where the number is not known.
 *
 * @param {number | null | undefined} count
 */
export function bytes(count) {
  if (count === null || count === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  for (; value >= 1023.5 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? Math.round(value) : short(value)} ${units[unit]}`;
}

/** Bytes per second. @param {number | null | undefined} count */
export function byteRate(count) {
  return count === null || count === undefined ? "–" : `${bytes(count)}/s`;
}

/** A number per second: `0.3/s`. @param {number | null | undefined} count */
export function rate(count) {
  return count === null || count === undefined ? "–" : `${short(count)}/s`;
}

/** A whole number. @param {number | null | undefined} count */
export function number(count) {
  return count === null || count === undefined ? "–" : String(Math.round(count));
}

/**
 * A time span in its two largest units: `840 ms`, `1.4 s`, `3 min 20 s`, `2 d 4 h`.
 *
 * @param {number | null | undefined} ms
 */
export function span(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count !== 0);
  return parts.slice(first, first + 2).filter(([count]) => count !== 0)
    .map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/**
 * How long ago, coarsely, so that it does not change every second: `just now`, `3 min`, `2 h`.
 *
 * @param {number} ms
 */
export function age(ms) {
  if (ms < 60_000) return "just now";
  return `${span(Math.floor(ms / 60_000) * 60_000)} ago`;
}

/** A moment in the reader's own zone. @param {number | string} at milliseconds, or RFC 3339 */
export function moment(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Hours and minutes in the reader's own zone. @param {number} atMs */
export function clock(atMs) {
  return moment(atMs).slice(11, 16);
}

/** @param {number} value */
function short(value) {
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}
