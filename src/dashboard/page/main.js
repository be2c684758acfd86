/**
 * The page: follows the node's events, and draws what they say.
 *
 * @module
 */
import { byId, drawing, h } from "./dom.js";
import { drawHistory, primarySince } from "./history.js";
import { drawNodes, rowsOf } from "./nodes.js";
import { follow } from "./stream.js";
import { openSwitchover } from "./switchover.js";
import { offerThemes } from "./theme.js";
import { describeTopology, drawTopology } from "./topology.js";
import { drawTrends } from "./trends.js";
import { askCredential, readOpenly } from "./unlock.js";
import { age, clock, moment } from "./words.js";

const state = { hello: null, cluster: null, history: [], samples: [], heardAtMs: 0 };

const draw = {
  verdict: drawing(byId("verdict"), drawVerdict),
  since: drawing(byId("since"), drawSince),
  actions: drawing(byId("actions"), drawActions),
  problems: drawing(byId("problems"), drawProblems),
  topology: drawing(byId("topology"), drawTopology),
  trends: drawing(byId("trends"), drawTrends),
  members: drawing(byId("members"), drawNodes),
  history: drawing(byId("history"), drawHistory),
};

/** What each event changes. */
const take = {
  hello(hello) {
    state.hello = hello;
    byId("cluster").textContent = hello.cluster;
    byId("footer").textContent = `metako ${hello.version}, ${hello.node}`;
  },
  samples(samples) {
    state.samples = samples;
  },
  sample(sample) {
    const kept = Math.round(3_600_000 / state.hello.sample_every_ms);
    state.samples = [...state.samples, sample].slice(-kept);
  },
  history(history) {
    state.history = history;
  },
  cluster(cluster) {
    state.cluster = cluster;
    state.heardAtMs = Date.now();
  },
};

function redraw() {
  const { cluster, hello, history, samples } = state;
  if (cluster === null || hello === null) return;
  const { nodes, primary, term, problems } = cluster;
  const since = primarySince(history, primary, term);
  draw.verdict({ primary, writable: cluster.has_majority });
  draw.since({
    primary,
    term,
    since,
    age: since === null ? "" : age(Date.now() - Date.parse(since)),
  });
  draw.actions({ primary, node: hello.node, page: hello.pages[primary] ?? null });
  draw.problems(problems);
  draw.topology(describeTopology(cluster));
  draw.members(rowsOf(cluster));
  draw.history(history);
  draw.trends({
    samples,
    primary,
    history,
    nodes: nodes.map(({ node }) => node),
    data: nodes.filter(({ role }) => role !== "witness").map(({ node }) => node),
  });
  document.title = `${primary ?? "no primary"} – ${hello.cluster} – metako`;
}

function drawVerdict({ primary, writable }) {
  return writable
    ? h("p", { class: "verdict good" }, h("strong", {}, primary), " takes writes")
    : h("p", { class: "verdict trouble" }, "Nobody takes writes");
}

function drawSince({ primary, term, since, age }) {
  if (primary === null) return `term ${term ?? "unknown"}`;
  return since === null ? `primary of term ${term}` : [
    "primary of term ",
    String(term),
    " since ",
    h("time", { datetime: since }, moment(since)),
    ` (${age})`,
  ];
}

function drawActions({ primary, node, page }) {
  if (primary === null) return null;
  if (primary === node) {
    const click = () =>
      openSwitchover(byId("switchover"), {
        cluster: state.cluster,
        name: state.hello.cluster,
        node,
      });
    return h("button", { type: "button", id: "switch-over", click }, "Switch over…");
  }
  return page !== null &&
    h("a", { class: "button", href: page }, `Switch over on ${primary}'s page`);
}

function drawProblems(problems) {
  if (problems.length === 0) return h("p", { class: "quiet" }, "Nothing is wrong.");
  return h("ul", { class: "problem problems" }, problems.map((text) => h("li", {}, text)));
}

function onState(connection, because) {
  const live = byId("live");
  live.className = connection;
  document.body.className = connection;
  live.textContent = liveText(connection, because);
}

function liveText(connection, because) {
  if (connection === "open") return "live";
  if (connection === "locked") return "not open";
  const old = state.heardAtMs === 0 ? "" : `; what stands here is from ${clock(state.heardAtMs)}`;
  return `not connected: ${because}${old}`;
}

offerThemes(byId("theme"));
follow("/dashboard/events", {
  read: readOpenly,
  onEvent(type, data) {
    take[type]?.(data);
    if (type === "hello") byId("live").textContent = `live, as ${data.node} sees it`;
    redraw();
  },
  onState,
  unlock: (because) => askCredential(byId("unlock"), because),
});
