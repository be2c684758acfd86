import assert from "node:assert/strict";
import { mergeStatuses } from "../../src/coordination/merge.ts";
import { formatBytes, renderCluster } from "../../src/cli/table.ts";
import { answered, primaryOf, silent, statusOf } from "./fixtures.ts";

const PLAIN = { colour: false, ruled: false };

Deno.test("renderCluster() aligns plain columns and ends with the problems", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1")),
    answered(statusOf("node2", { lag_bytes: 1536 })),
    silent("node3", "connection refused"),
  ]);
  assert.deepEqual(renderCluster(view, PLAIN).split("\n"), [
    "node   role     state        term  timeline  LSN        lag     lease  durability",
    "node1  primary  running      4     2         0/3000148  -       2.9 s  ANY 1 (node2, node3)",
    "node2  standby  streaming    4     2         0/3000148  1.5 kB  2.4 s  -",
    "node3  -        unreachable  -     -         -          -       -      -",
    "",
    "Primary: node1, term 4; 2 of 3 nodes answered.",
    "  ! node3 does not answer: connection refused.",
  ]);
});

Deno.test("renderCluster() leaves the rules out where they do not fit", () => {
  const view = mergeStatuses([answered(primaryOf("node1"))]);
  const ruled = renderCluster(view, { colour: false, ruled: true, columns: 200 });
  const width = ruled.split("\n")[0]!.length;
  assert.match(ruled, /^┌/);
  const look = { colour: true, ruled: true };
  assert.match(renderCluster(view, { ...look, columns: width }), /^┌/);
  assert.match(renderCluster(view, { ...look, columns: null }), /^┌/);
  const narrow = renderCluster(view, { colour: false, ruled: true, columns: width - 1 });
  assert.equal(narrow, renderCluster(view, PLAIN));
});

Deno.test("renderCluster() names standbys as their members, where that is who they are", () => {
  const durability = "ANY 1 (node2-2440aa84, node3, gone-0badcafe, db-deadbeef)";
  const view = mergeStatuses([
    answered(primaryOf("node1", { durability })),
    answered(statusOf("node2")),
    answered(statusOf("db-deadbeef")),
    answered(statusOf("db")),
  ]);
  assert.match(
    renderCluster(view, PLAIN),
    / ANY 1 \(node2, node3, gone-0badcafe, db-deadbeef\)$/m,
  );
});

const MB = 1024 * 1024;

Deno.test("renderCluster() names a rewind whose size is not known yet", () => {
  const operation = { action: "rewind", since_ms: 100, progress: null };
  const view = mergeStatuses([answered(statusOf("node1", { state: "absent", operation }))]);
  const text = renderCluster(view, PLAIN);
  assert.match(text, /^node1 {2}standby {2}being rewound /m);
  assert.doesNotMatch(text, /is being rewound/);
});

Deno.test("renderCluster() says how far a copy is, and that a witness only votes", () => {
  const view = mergeStatuses([
    answered(statusOf("node1", {
      state: "absent",
      operation: {
        action: "clone",
        since_ms: 100,
        progress: {
          done_bytes: 455 * MB,
          total_bytes: 1000 * MB,
          bytes_per_second: 5 * MB,
          remaining_ms: 109_000,
        },
      },
    })),
    answered(statusOf("node2", { role: "witness", state: "absent", lease: null, timeline: null })),
  ]);
  const lines = renderCluster(view, PLAIN).split("\n");
  assert.match(lines[1]!, /^node1 {2}standby {2}being cloned 45 % /);
  assert.match(lines[2]!, /^node2 {2}witness {2}votes only /);
  assert.ok(
    lines.includes("node1 is being cloned: 455 MB of 1000 MB, 5 MB/s, 1 min 49 s left."),
    lines.join("\n"),
  );
});

Deno.test("renderCluster() colours a primary by whether it is to be believed", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1", { term: 3 })),
    answered(primaryOf("node2")),
  ]);
  const text = renderCluster(view, { colour: true, ruled: true });
  assert.ok(text.includes("\x1b[31mprimary\x1b[0m"));
  assert.ok(text.includes("\x1b[32mprimary\x1b[0m"));
  assert.ok(text.includes("│"));
});

Deno.test("renderCluster() prints no escape sequence without colour", () => {
  const view = mergeStatuses([silent("node1"), answered(statusOf("node2", { state: "stopped" }))]);
  for (const ruled of [true, false]) {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(renderCluster(view, { colour: false, ruled }), /\x1b/);
  }
});

Deno.test("formatBytes() picks the unit that keeps three digits", () => {
  const cases: [number, string][] = [
    [1023, "1023 B"],
    [1024, "1 kB"],
    [10 * 1024 * 1024 + 500_000, "10.5 MB"],
    [3 * 1024 ** 3, "3 GB"],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
});

Deno.test("renderCluster() says who may be elected, and why the others may not", () => {
  const lines = (changes: Parameters<typeof primaryOf>[1]) =>
    renderCluster(mergeStatuses([answered(primaryOf("node1", changes))]), PLAIN).split("\n").slice(
      3,
    );
  const record = {
    term: 4,
    seq: 9,
    leader: "node1",
    timeline: 2,
    electable: ["node2"],
    required: 1,
  };
  const electability = [
    { node: "node2", electable: true, because: "" },
    { node: "node3", electable: false, because: "it does not stream from the primary" },
  ];
  const common = { record, electability, possible_loss_bytes: 0 };
  assert.deepEqual(lines({ ...common, durability_policy: "quorum" }).slice(0, 3), [
    "Primary: node1, term 4; 1 of 1 node answered.",
    "Durability quorum: every commit is on node2, which may be elected.",
    "  - node3 may not be elected: it does not stream from the primary.",
  ]);
  const loose = { ...common, record: { ...record, required: 0 }, possible_loss_bytes: 2048 };
  assert.match(
    lines({ ...loose, durability_policy: "async" })[1]!,
    /^Durability async: node2 may be elected; missing there now: 2 kB\.$/,
  );
  const alone = electability.map((one) => ({ ...one, electable: false, because: "it is away" }));
  assert.match(lines({ ...common, electability: alone })[1]!, /: nobody else may be elected\.$/);
});
