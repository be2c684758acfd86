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

/**
 * The cells of each member; `because` where it does not answer.
 *
 * @param {any} cluster the document of `metako status --json`
 */
export function rowsOf({ nodes }) {
  return nodes.map((node) => ({
    node: node.node,
    because: node.reachable ? null : node.because,
    cells: node.reachable ? COLUMNS.map(([, text]) => String(text(node))) : [],
  }));
}

/** Draws the table. @param {ReturnType<typeof rowsOf>} rows */
export function drawNodes(rows) {
  const headings = ["Node", ...COLUMNS.map(([heading]) => heading)];
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, headings.map((heading) => h("th", { scope: "col" }, heading)))),
    h("tbody", {}, rows.map(row)),
  );
}

function row({ node, because, cells }) {
  const name = h("th", { scope: "row" }, node);
  if (because === null) return h("tr", {}, name, cells.map((text) => h("td", {}, text)));
  const text = `does not answer: ${because}`;
  return h("tr", { class: "silent" }, name, h("td", { colspan: COLUMNS.length }, text));
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
