import assert from "node:assert/strict";
import { niceMaximum, pathOf } from "../../src/dashboard/page/chart.js";
import { primarySince, sentencesOf } from "../../src/dashboard/page/history.js";
import { rowsOf } from "../../src/dashboard/page/nodes.js";
import { createParser } from "../../src/dashboard/page/stream.js";
import { candidatesOf } from "../../src/dashboard/page/switchover.js";
import { describeNode, describeTopology } from "../../src/dashboard/page/topology.js";
import { gauge, speed } from "../../src/dashboard/page/trends.js";
import {
  age,
  byteRate,
  bytes,
  moment,
  number,
  rate,
  span,
} from "../../src/dashboard/page/words.js";
import type { NodeStatus } from "../../src/coordination/status.ts";
import { statusDocument } from "../../src/coordination/status_document.ts";
import { HISTORY, picture, standby, STATUS } from "./support.ts";

Deno.test("bytes() has one decimal below 100, and a dash for what is not known", () => {
  const said = [0, 1, 1023, 1024, 1536, 102_400, 1_048_524, 1_048_576, 5e15].map((count) =>
    bytes(count)
  );
  assert.deepEqual(said, [
    "0 B",
    "1 B",
    "1023 B",
    "1 kB",
    "1.5 kB",
    "100 kB",
    "1.0 MB",
    "1 MB",
    "4547 TB",
  ]);
  assert.deepEqual([bytes(null), byteRate(undefined), rate(null), number(null), span(null)], [
    "–",
    "–",
    "–",
    "–",
    "–",
  ]);
});

Deno.test("span() and age() name at most two units", () => {
  const said = [0, 840, 1400, 20_000, 200_000, 3_600_000, 190_000_000].map((ms) => span(ms));
  assert.deepEqual(said, ["0 ms", "840 ms", "1.4 s", "20 s", "3 min 20 s", "1 h", "2 d 4 h"]);
  assert.deepEqual([age(-5), age(59_999), age(61_000)], ["just now", "just now", "1 min ago"]);
});

Deno.test("moment() leaves alone what is no time", () => {
  assert.equal(moment("soon"), "soon");
  assert.match(moment(0), /^19(70|69)-\d\d-\d\d \d\d:\d\d:\d\d$/);
});

Deno.test("niceMaximum() is the least nice number that holds everything", () => {
  assert.deepEqual([0, 5, 6, 11, 20, 99, 101].map((most) => niceMaximum(most, 5)), [
    5,
    5,
    10,
    20,
    20,
    100,
    200,
  ]);
  assert.equal(niceMaximum(3 * 1024 ** 2, 1024, 1024), 5 * 1024 ** 2);
  assert.equal(niceMaximum(700 * 1024, 1024, 1024), 1024 ** 2);
});

Deno.test("pathOf() breaks where nothing is known, and shows a value that stands alone", () => {
  const scale = { from: 0, to: 300, maximum: 80 };
  assert.equal(pathOf([], scale), "");
  assert.equal(
    pathOf([[0, 0], [100, 80], [200, null], [300, 40]], scale),
    "M0,80L100,0M300,40h0.1",
  );
  assert.equal(pathOf([[0, 500]], scale), "M0,0h0.1", "what is beyond stays inside");
});

Deno.test("gauge() and speed() read the samples", () => {
  const sample = (at_ms: number, count: number | null) => ({
    at_ms,
    nodes: { node1: { connections: count } },
  });
  const samples = [
    sample(0, 10),
    sample(2000, 14),
    sample(4000, 3),
    sample(6000, null),
    sample(8000, 9),
  ];
  assert.deepEqual(gauge(samples, "node1", "connections").map(([, value]) => value), [
    10,
    14,
    3,
    null,
    9,
  ]);
  assert.deepEqual(speed(samples, "node1", "connections"), [
    [2000, 2],
    [4000, null],
    [6000, null],
    [8000, null],
  ]);
  assert.deepEqual(gauge(samples, "node9", "connections")[0], [0, null]);
});

Deno.test("createParser() finds the same events however the text is cut", () => {
  const text = 'event: hello\ndata: {"node":"a"}\n\nevent: sample\ndata: 5\n\n';
  for (let cut = 0; cut <= text.length; cut++) {
    const found: unknown[] = [];
    const parse = createParser((type: string, data: unknown) => void found.push([type, data]));
    parse(text.slice(0, cut));
    parse(text.slice(cut));
    assert.deepEqual(found, [["hello", { node: "a" }], ["sample", 5]]);
  }
});

Deno.test("primarySince() is the moment at which this term's primary was seen", () => {
  assert.equal(primarySince(HISTORY, "node1", 3), "2026-01-01T00:00:00.000Z");
  assert.equal(primarySince(HISTORY, "node1", 4), null);
  assert.equal(primarySince([], null, null), null);
});

Deno.test("sentencesOf() tells outage, votes and loss, and leaves out what is not known", () => {
  assert.deepEqual(sentencesOf(HISTORY[0]), [
    "node2 hands term 2 over to this node",
    "412 ms without writes",
    "votes: node1, node2",
    "nothing lost",
  ]);
  const bare = { ...HISTORY[0], outage_ms: null, votes: null, loss: null, because: "" };
  assert.deepEqual(sentencesOf(bare), []);
  const lost = { ...bare, loss: "possible", loss_because: "5 bytes", asked_by: "10.0.0.9" };
  assert.deepEqual(sentencesOf(lost), ["commits may be lost: 5 bytes", "asked by 10.0.0.9"]);
  const named = { ...bare, asked_by: "10.0.0.9", operator: "alice@ops1" };
  assert.deepEqual(sentencesOf(named), ["asked by alice@ops1 (from 10.0.0.9)"]);
  const tool = { ...named, tool: "metako switchover" };
  assert.deepEqual(sentencesOf(tool), ["asked by alice@ops1 (metako switchover, from 10.0.0.9)"]);
  const hangup = { type: "operator", node: "node1", operator: null, tool: "SIGHUP" };
  assert.deepEqual(sentencesOf({ ...hangup, asked_by: "local", because: "nothing has changed" }), [
    "SIGHUP asked node1",
    "nothing has changed",
  ]);
});

function described(name: string, ...nodes: readonly NodeStatus[]) {
  const document = statusDocument(picture(...nodes));
  return describeNode(document.nodes.find(({ node }) => node === name), document);
}

Deno.test("describeNode() says what a node is, and on whom it hangs", () => {
  assert.deepEqual(described("node1"), {
    name: "node1",
    kind: "primary",
    title: "Primary",
    link: null,
    lines: [
      "PostgreSQL 15 runs, timeline 2",
      "every commit is on node2 as well",
      "router: 2 sessions",
    ],
    progress: null,
  });
  assert.deepEqual(described("node2"), {
    name: "node2",
    kind: "standby",
    title: "Standby",
    link: { ok: true, text: "streams from node1, 0 B behind" },
    lines: [
      "PostgreSQL 15 runs, timeline 2",
      "may not be elected: it does not stream",
      "router: 2 sessions",
    ],
    progress: null,
  });
});

Deno.test("describeNode() shows who does not stream, is cloned, or only votes", () => {
  const detached = standby("node2", { streaming: false, lag_bytes: null });
  assert.deepEqual(described("node2", STATUS, detached).link, {
    ok: false,
    text: "does not stream from node1",
  });
  const cloned = standby("node2", {
    role: "none",
    state: "absent",
    state_because: "it has no data yet",
    operation: {
      action: "clone",
      since_ms: 9000,
      progress: { done_bytes: 512, total_bytes: 1024, bytes_per_second: 64, remaining_ms: 8000 },
    },
  });
  const shown = described("node2", STATUS, cloned);
  assert.equal(shown.kind, "trouble");
  assert.equal(shown.lines[0], "PostgreSQL 15 is absent, timeline 2: it has no data yet");
  assert.deepEqual(shown.progress, {
    text: "being cloned: 50 % of 1 kB, 64 B/s, 8.0 s left",
    done: 0.5,
  });
  const witness = standby("node3", { role: "witness", state: "absent", following: null });
  assert.deepEqual(
    [described("node3", STATUS, witness).title, described("node3", STATUS, witness).link],
    ["Witness", null],
  );
});

Deno.test("describeNode() tells what is wrong with a server, and what to do", () => {
  const condition = { name: "disk_full", level: "bad", because: "no room", remedy: "Free some" };
  const told = { ...standby("node2"), reachable: true, verified: true, condition };
  const cluster = { nodes: [told], primary: "node1" };
  assert.equal(describeNode(told, cluster).lines[1], "disk full: no room. Free some");
  const well = { ...told, condition: { ...condition, level: "good" } };
  assert.equal(describeNode(well, cluster).lines[1], "router: 2 sessions");
});

Deno.test("describeTopology() sorts members into who leads, who follows, and the rest", () => {
  const document = statusDocument(picture());
  const topology = describeTopology(document);
  assert.equal(topology.root?.name, "node1");
  assert.deepEqual(topology.below.map(({ name }: { name: string }) => name), ["node2", "node3"]);
  assert.deepEqual(topology.beside, []);
  assert.equal(describeTopology({ ...document, primary: null }).root, null);
});

Deno.test("rowsOf() has a cell for each column, and the reason of who is silent", () => {
  const silent = { node: "node3", reachable: false, because: "it refuses connections" };
  const { nodes } = statusDocument(picture());
  const [first, , last] = rowsOf({ nodes: [...nodes.slice(0, 2), silent] });
  assert.equal(first.cells[0], "primary");
  assert.ok(first.cells.includes("127.0.0.1:6432"));
  assert.deepEqual(last, { node: "node3", because: "it refuses connections", cells: [] });
});

Deno.test("candidatesOf() names the electable, and why others are not", () => {
  const primary = {
    ...STATUS,
    electability: [
      { node: "node2", electable: true, because: "" },
      { node: "node3", electable: false, because: "it does not stream" },
    ],
  };
  const document = statusDocument(picture(primary, standby("node2", { lag_bytes: 2048 })));
  assert.deepEqual(candidatesOf(document), [
    { node: "node2", electable: true, text: "node2 (2 kB behind)" },
    { node: "node3", electable: false, text: "node3: it does not stream" },
  ]);
  assert.deepEqual(candidatesOf({ nodes: [], primary: null }), []);
});
