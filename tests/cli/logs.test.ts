import assert from "node:assert/strict";
import { followFile, logsCommand, renderLogLine } from "../../src/cli/logs.ts";
import { recordingTerminal } from "./fixtures.ts";

function line(level: string, change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    time: "2026-01-01T10:00:00.123Z",
    level: level.toUpperCase(),
    event: "vote",
    node: "node1",
    ...change,
  });
}

const PLAIN = { colour: false };

Deno.test("renderLogLine() leaves out what is quieter than asked for", () => {
  for (const [level, shown] of [["debug", 4], ["info", 3], ["warning", 2], ["error", 1]] as const) {
    const texts = ["debug", "info", "warning", "error"].map((each) =>
      renderLogLine(line(each), level, PLAIN)
    );
    assert.equal(texts.filter((text) => text !== null).length, shown, level);
  }
});

Deno.test("renderLogLine() prints every field that says something, and lines of others as they are", () => {
  assert.equal(
    renderLogLine(
      line("warning", { because: "", term: 3, peer: "", ok: false, list: [1] }),
      "info",
      PLAIN,
    ),
    "2026-01-01 10:00:00.123 warning node1 vote (term 3, ok false, list [1])",
  );
  for (const other of ["", "PostgreSQL starts", "{broken", '{"no":"event"}', "[1]", "{}"]) {
    assert.equal(renderLogLine(other, "error", PLAIN), other);
  }
});

Deno.test("logsCommand() prints a file, its last unfinished line too", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, `${line("info")}\n${line("debug")}\nhalf`);
    const terminal = recordingTerminal();
    assert.equal(await logsCommand({ file, follow: false, level: "info" }, terminal), 0);
    assert.deepEqual(terminal.out, ["2026-01-01 10:00:00.123 info    node1 vote", "half"]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("logsCommand() gives 1 and the remedy where there is no such file", async () => {
  const terminal = recordingTerminal();
  assert.equal(
    await logsCommand({ file: "/nowhere/log", follow: true, level: "info" }, terminal),
    1,
  );
  assert.match(terminal.err[0]!, /^Cannot read the log \/nowhere\/log: .*journalctl/);
});

Deno.test("followFile() goes on where it stopped, joins cut lines, and takes a new file up", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/log`;
  const stop = new AbortController();
  const lines: string[] = [];
  const arrived = async (count: number) => {
    while (lines.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  try {
    await Deno.writeTextFile(file, "one\ntw");
    const following = followFile(file, stop.signal, (text) => void lines.push(text));
    await arrived(1);
    await Deno.writeTextFile(file, "o\nthree\n", { append: true });
    await arrived(3);
    await Deno.writeTextFile(`${folder}/new`, "four, in a file that took the other's place\n");
    await Deno.rename(`${folder}/new`, file);
    await arrived(4);
    stop.abort();
    await following;
    assert.deepEqual(lines, ["one", "two", "three", "four, in a file that took the other's place"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
