import assert from "node:assert/strict";
import { renderLogLine } from "../../src/cli/logs.ts";
import { decodeLine, encodeLine } from "../../src/coordination/progress.ts";
import { decodeDocument } from "../../src/coordination/read_client.ts";
import { nodeStatusSchema } from "../../src/coordination/status.ts";
import { KEYS, signed, STATUS } from "./support.ts";

const EVIL = "gone\x1b]0;pwned\x07\x9b2J\u202Edne\r\n";
const TAMED = "gone ]0;pwned 2J dne ";

Deno.test("decodeDocument() leaves nothing in a status that steers a terminal", () => {
  const text = JSON.stringify({ ...STATUS, label: EVIL, problems: [EVIL] });
  const decoded = decodeDocument(nodeStatusSchema, text);
  assert.ok(decoded.ok);
  assert.equal(decoded.message.label, TAMED);
  assert.deepEqual(decoded.message.problems, [TAMED]);
});

Deno.test("decodeLine() leaves nothing in a step that steers a terminal", () => {
  const { envelope } = signed({ sender: "@operator" });
  const step = { step: EVIL, outcome: "running", elapsedMs: 1 } as const;
  const line = decodeLine(
    KEYS.operator,
    envelope,
    0,
    encodeLine(KEYS.operator, envelope, 0, step).trim(),
  );
  assert.ok(line.ok);
  assert.equal(line.step.step, TAMED);
});

Deno.test("renderLogLine() leaves nothing in a line that steers a terminal", () => {
  const line = JSON.stringify({ level: "INFO", event: "e", node: EVIL, because: EVIL, [EVIL]: 1 });
  for (const each of [line, EVIL]) {
    assert.doesNotMatch(renderLogLine(each, "debug", { colour: false })!, /\p{Cc}|\p{Cf}/u);
  }
});
