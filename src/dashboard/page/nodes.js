/**
 * The table of members, with what the cards have no room for.
 *
 * @module
 */
import { h } from "./dom.js";
import { bytes, moment } from "./words.js";

/** Columns: heading, and the text of a member that answers. */
const COLUMNS = [
  ["Role", (node) => node.role],
  ["Phase", (node) => node.phase],
  ["PostgreSQL", (node) => [node.state, node.postgres_major].filter(Boolean).join(" ")],
  ["Term", (node) => node.term],
  ["Timeline", (node) => node.timeline ?? "–"],
  ["Position", (node) => node.lsn ?? "–"],
  ["Lag", (node) => bytes(node.lag_bytes)],
  ["Majority", (node) => node.has_majority ? "yes" : "no"],
  ["Writes go to", (node) => node.writes_to ?? "nobody"],
  ["Sessions", (node) => node.router?.sessions ?? "–"],
  ["Waiting", (node) => node.router?.waiting ?? "–"],
  ["Refused", (node) => node.router?.refused ?? "–"],
  ["Router", (node) => address(node.contact.database_host, node.contact.router_port)],
  ["Database", (node) => address(node.contact.database_host, node.contact.database_port)],
  ["Disk free", (node) => freeSpace(node.disks)],
  ["metako", (node) => node.version],
  ["Agent since", (node) => moment(node.started_at)],
];

/** Draws the table. @param {any} cluster the document of `metako status --json` */
export function drawNodes({ nodes }) {
  return h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Node", ...COLUMNS.map(([heading]) => heading)].map((heading) =>
          h("th", { scope: "col" }, heading)
        ),
      ),
    ),
    h("tbody", {}, nodes.map(row)),
  );
}

function row(node) {
  const name = h("th", { scope: "row" }, node.node);
  if (!node.reachable) {
    return h(
      "tr",
      { class: "silent" },
      name,
      h("td", { colspan: COLUMNS.length }, `does not answer: ${node.because}`),
    );
  }
  return h("tr", {}, name, COLUMNS.map(([, text]) => h("td", {}, String(text(node)))));
}

function address(host, port) {
  return port === null ? "–" : `${host}:${port}`;
}

function freeSpace(disks) {
  return disks.map(({ folder, free_bytes, low }) =>
    `${folder} ${bytes(free_bytes)}${low ? " (low)" : ""}`
  )
    .join(", ") || "–";
}
