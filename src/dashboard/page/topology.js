/**
 * The cluster as a tree: the primary, below it who streams from it, and whoever stands beside.
 *
 * @module
 */
import { h } from "./dom.js";
import { byteRate, bytes, number, span } from "./words.js";

/**
 * Puts one node of the picture into words.
 *
 * @param {any} node one of `nodes` in the document of `metako status --json`
 * @param {any} cluster the whole document
 */
export function describeNode(node, cluster) {
  if (!node.reachable) {
    return {
      name: node.node,
      kind: node.node === cluster.primary ? "primary" : "silent",
      title: node.node === cluster.primary ? "Primary, agent silent" : "Does not answer",
      link: null,
      lines: [node.because],
      progress: null,
    };
  }
  const isPrimary = node.node === cluster.primary;
  return {
    name: node.node,
    kind: isPrimary ? "primary" : kindOf(node),
    title: isPrimary ? "Primary" : titleOf(node),
    link: linkOf(node, cluster),
    lines: [
      serverLine(node),
      conditionLine(node.condition),
      isPrimary ? durabilityLine(node) : electableLine(node, cluster),
      routerLine(node.router),
      node.verified ? null : "its answer is not signed with this cluster's key",
    ].filter((line) => line !== null),
    progress: progressOf(node.operation),
  };
}

/**
 * The whole cluster in words: who leads, who hangs on whom, who stands beside.
 *
 * @param {any} cluster the document of `metako status --json`
 */
export function describeTopology(cluster) {
  const nodes = cluster.nodes.map((node) => describeNode(node, cluster));
  const root = nodes.find(({ kind }) => kind === "primary") ?? null;
  const others = nodes.filter((node) => node !== root);
  return {
    root,
    below: others.filter(({ link }) => link !== null),
    beside: others.filter(({ link }) => link === null),
  };
}

/** Draws the tree. @param {ReturnType<typeof describeTopology>} topology */
export function drawTopology({ root, below, beside }) {
  const top = root === null ? h("p", { class: "card none" }, "no primary") : card(root);
  return [
    h(
      "div",
      { class: "tree" },
      h("div", { class: "root" }, top),
      below.length > 0 &&
        h("ul", { class: "branches", "aria-label": "Standbys" }, below.map(branch)),
    ),
    beside.length > 0 &&
    h(
      "ul",
      { class: "beside", "aria-label": "Other members" },
      beside.map((node) => h("li", {}, card(node))),
    ),
  ];
}

function branch(node) {
  return h(
    "li",
    { class: node.link.ok ? "streams" : "broken" },
    h("p", { class: "link" }, node.link.text),
    card(node),
  );
}

function card({ name, kind, title, lines, progress }) {
  return h(
    "article",
    { class: `card ${kind}`, "aria-label": `${name}: ${title}` },
    h("h3", {}, name, " ", h("span", { class: `badge ${kind}` }, title)),
    lines.map((line) => h("p", {}, line)),
    progress !== null && [
      h("p", {}, progress.text),
      h("progress", { max: 1, value: progress.done, "aria-label": progress.text }),
    ],
  );
}

function kindOf(node) {
  if (node.role === "witness") return "witness";
  if (node.role === "candidate") return "candidate";
  return node.state === "standby" ? "standby" : "trouble";
}

function titleOf(node) {
  switch (node.role) {
    case "primary":
      return "Former primary";
    case "standby":
      return "Standby";
    case "candidate":
      return "Candidate";
    case "witness":
      return "Witness";
    default:
      return node.state === "standby" ? "Standby" : "No role";
  }
}

/** How a standby hangs on the primary; null on who does not. */
function linkOf(node, { primary }) {
  if (node.state !== "standby" || node.node === primary) return null;
  if (node.following === null) return null;
  const behind = node.lag_bytes === null ? "" : `, ${bytes(node.lag_bytes)} behind`;
  return node.streaming
    ? { ok: node.following === primary, text: `streams from ${node.following}${behind}` }
    : { ok: false, text: `does not stream from ${node.following}${behind}` };
}

function serverLine(node) {
  if (node.role === "witness") return `term ${node.term}, votes without PostgreSQL`;
  const release = node.postgres_major === null ? "PostgreSQL" : `PostgreSQL ${node.postgres_major}`;
  const running = node.state === "primary" || node.state === "standby";
  const timeline = node.timeline === null ? "" : `, timeline ${node.timeline}`;
  const because = running || !node.state_because ? "" : `: ${node.state_because}`;
  return `${release} ${running ? "runs" : `is ${node.state}`}${timeline}${because}`;
}

/** What the agent makes of its server where it is not well; null where it says nothing. */
function conditionLine(condition) {
  if (!condition || condition.level === "good") return null;
  const { name, because, remedy } = condition;
  return [`${name.replaceAll("_", " ")}: ${because}`, remedy].filter(Boolean).join(". ");
}

/** On whom commits are before they are acknowledged. */
function durabilityLine({ durability, record }) {
  if (record === null || record.required === 0) {
    return durability === "" ? null : `commits wait for standbys: ${durability}`;
  }
  const { required, electable } = record;
  const some = required < electable.length ? `${required} of ` : "";
  return `every commit is on ${some}${electable.join(", ")} as well`;
}

function electableLine(node, { nodes, primary }) {
  const leader = nodes.find((each) => each.reachable && each.node === primary);
  const known = leader?.electability?.find((each) => each.node === node.node);
  if (known === undefined) return null;
  return known.electable ? "may be elected" : `may not be elected: ${known.because}`;
}

function routerLine(router) {
  if (router === null) return null;
  const waiting = router.waiting === 0 ? "" : `, ${number(router.waiting)} waiting`;
  return `router: ${count(router.sessions, "session")}${waiting}`;
}

function count(value, word) {
  return `${value} ${word}${value === 1 ? "" : "s"}`;
}

/** What an action on PostgreSQL is called; the others go by their own names. */
const DOING = {
  initialise: "being created",
  clone: "being cloned",
  rewind: "being rewound",
  start_primary: "starting",
  start_standby: "starting",
  follow: "attaching",
  revoke: "detaching",
  promote: "promoting",
  stop: "stopping",
  fence: "being fenced",
};

function progressOf(operation) {
  if (operation === null) return null;
  const { since_ms, progress } = operation;
  const action = DOING[operation.action] ?? operation.action;
  if (progress === null) {
    // What takes a moment is nothing to look at.
    return since_ms < 3000 ? null : { text: `${action}, for ${span(since_ms)}`, done: null };
  }
  const done = progress.done_bytes / progress.total_bytes;
  const speed = progress.bytes_per_second === null
    ? ""
    : `, ${byteRate(progress.bytes_per_second)}`;
  const left = progress.remaining_ms === null ? "" : `, ${span(progress.remaining_ms)} left`;
  return {
    text: `${action}: ${Math.floor(done * 100)} % of ${bytes(progress.total_bytes)}${speed}${left}`,
    done: Math.min(1, done),
  };
}
