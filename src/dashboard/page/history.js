/**
 * The changes of the primary, the newest first.
 *
 * @module
 */
import { h } from "./dom.js";
import { moment, span } from "./words.js";

const KINDS = {
  first: "first seen",
  planned: "planned",
  unplanned: "failover",
  forced: "forced",
};

/**
 * Since when a node has been the primary of a term; null where the history does not say.
 *
 * @param {readonly any[]} history
 * @param {string | null} primary
 * @param {number | null} term
 * @returns {string | null}
 */
export function primarySince(history, primary, term) {
  return history.findLast((entry) =>
    entry.type === "primary" && entry.to === primary && entry.term === term
  )?.at ?? null;
}

/** What an entry says, in sentences. @param {any} entry @returns {string[]} */
export function sentencesOf(entry) {
  if (entry.type === "operator") {
    return [`${askerOf(entry)} asked ${entry.node}`, entry.because].filter(Boolean);
  }
  return [
    entry.because,
    entry.outage_ms === null ? "" : `${span(entry.outage_ms)} without writes`,
    entry.votes === null ? "" : `votes: ${entry.votes.join(", ")}`,
    entry.loss === "none" ? "nothing lost" : "",
    entry.loss === "possible" ? `commits may be lost: ${entry.loss_because ?? ""}` : "",
    entry.asked_by === null ? "" : `asked by ${askerOf(entry)}`,
  ].filter((text) => text !== "");
}

/** Who asked, with what and from where, as far as it is known. */
function askerOf({ operator, tool, asked_by }) {
  const where = asked_by === "local" ? "" : `from ${asked_by}`;
  const how = [tool, where].filter(Boolean).join(", ");
  if (operator) return `${operator} (${how})`;
  return tool ? (where === "" ? tool : `${tool} (${where})`) : asked_by;
}

/** Draws the list. @param {readonly any[]} history the oldest first */
export function drawHistory(history) {
  if (history.length === 0) return h("p", { class: "quiet" }, "Nothing is written down yet.");
  return h("ol", { class: "history", reversed: true }, history.toReversed().map(item));
}

function item(entry) {
  const isRequest = entry.type === "operator";
  const title = isRequest ? requestTitle(entry) : changeTitle(entry);
  const badge = isRequest ? entry.outcome : KINDS[entry.kind];
  const weight = entry.loss === "possible" || entry.kind === "forced"
    ? "trouble"
    : entry.kind ?? "";
  return h(
    "li",
    {},
    h("time", { datetime: entry.at }, moment(entry.at)),
    h(
      "div",
      {},
      h("strong", {}, title),
      " ",
      h("span", { class: `badge ${weight}` }, badge),
      " ",
      h("span", { class: "quiet" }, `term ${entry.term}`),
      h("p", {}, sentencesOf(entry).join(" · ")),
    ),
  );
}

function requestTitle({ action, to, node }) {
  if (to === null) return `${action} ${node}`;
  return action.startsWith("members") ? `${action} ${to}` : `${action} to ${to}`;
}

function changeTitle({ from, to }) {
  if (from === null) return to;
  return from === to ? `${to} again` : `${from} → ${to}`;
}
