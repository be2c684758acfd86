import assert from "node:assert/strict";
import type { LogLevel } from "../../src/core/log.ts";
import { createLog } from "../../src/telemetry/log.ts";

/** A log whose lines are kept, each parsed. */
function recorded(level: LogLevel, node = "node1") {
  let text = "";
  const decoder = new TextDecoder();
  const log = createLog({
    level,
    node,
    write: (bytes) => {
      text += decoder.decode(bytes);
      return bytes.length;
    },
  });
  return { log, text: () => text, lines: () => text.split("\n").slice(0, -1).map(parsed) };
}

function parsed(line: string): Record<string, unknown> {
  return JSON.parse(line);
}

Deno.test("createLog() writes one JSON object per event, its common fields first", () => {
  const { log, lines, text } = recorded("info");
  log("info", "vote", { outcome: "granted", term: 7, lsn: 0x16B374D848n });
  const [line] = lines();
  const { time, ...rest } = line!;
  assert.deepEqual(rest, {
    level: "INFO",
    event: "vote",
    node: "node1",
    outcome: "granted",
    term: 7,
    lsn: "16/B374D848",
  });
  assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 10_000);
  assert.match(text(), /^\{"time":"[^"]+","level":"INFO","event":"vote","node":"node1",.*\}\n$/);
});

Deno.test("createLog() writes nothing quieter than its level", () => {
  const loudness: readonly LogLevel[] = ["debug", "info", "warning", "error"];
  for (const [index, level] of loudness.entries()) {
    const { log, lines } = recorded(level);
    for (const each of loudness) log(each, each);
    assert.deepEqual(lines().map((line) => line.event), loudness.slice(index));
    assert.deepEqual(
      lines().map((line) => line.level),
      loudness.slice(index).map((each) => each.toUpperCase()),
    );
  }
});

Deno.test("createLog() keeps the logs of several agents in one process apart", () => {
  const one = recorded("info", "one");
  const two = recorded("error", "two");
  one.log("info", "first");
  two.log("info", "quiet");
  two.log("error", "second");
  assert.deepEqual(one.lines().map(({ node, event }) => [node, event]), [["one", "first"]]);
  assert.deepEqual(two.lines().map(({ node, event }) => [node, event]), [["two", "second"]]);
});

Deno.test("createLog() hides fields that are named like secrets, wherever they stand", () => {
  const { log, text } = recorded("info");
  const secret = "hunter2";
  log("info", "connect", {
    password: secret,
    clusterSecret: secret,
    settings: { replication_password: secret, list: [{ key: secret }] },
  });
  assert.ok(!text().includes(secret));
  assert.ok(text().includes('"password":"********"'));
});

Deno.test("createLog() lets no field replace its own", () => {
  const { log, lines } = recorded("info", "node1");
  log("info", "peer", { node: "node2", time: "never", level: "loud", event: "other" });
  const { event, node, level, field_node, field_time, field_level, field_event } = lines()[0]!;
  assert.deepEqual(
    { event, node, level, field_node, field_time, field_level, field_event },
    {
      event: "peer",
      node: "node1",
      level: "INFO",
      field_node: "node2",
      field_time: "never",
      field_level: "loud",
      field_event: "other",
    },
  );
});

Deno.test("createLog() writes one line whatever the fields hold", () => {
  const { log, lines, text } = recorded("info");
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  log("info", "strange", {
    circle,
    newline: "a\nb",
    braces: "{event} {0}",
    error: new TypeError("no"),
    nothing: undefined,
    none: null,
    infinite: Infinity,
    bytes: new Uint8Array(3),
    set: new Set([1n]),
    map: new Map([["a", new Date(0)]]),
    below: -1n,
    list: [undefined],
  });
  assert.equal(text().split("\n").length, 2);
  const { time: _, circle: __, ...rest } = lines()[0]!;
  assert.deepEqual(rest, {
    level: "INFO",
    event: "strange",
    node: "node1",
    newline: "a\nb",
    braces: "{event} {0}",
    error: "TypeError: no",
    none: null,
    infinite: "Infinity",
    bytes: "3 bytes",
    set: ["0/1"],
    map: { a: "1970-01-01T00:00:00.000Z" },
    below: "-1",
    list: [null],
  });
});

Deno.test("createLog() passes an event's braces through", () => {
  const { log, lines } = recorded("info");
  log("info", "odd_{name}", { name: "x" });
  assert.equal(lines()[0]?.event, "odd_{name}");
});

Deno.test("createLog() has written its line when the process exits at once", async () => {
  const module = new URL("../../src/telemetry/log.ts", import.meta.url).href;
  const code = `import { createLog } from ${JSON.stringify(module)};
    createLog({ level: "info", node: "node1" })("error", "last_word", { text: "x".repeat(4000) });
    Deno.exit(3);`;
  const { code: exit, stdout } = await run(code, "null").output();
  assert.equal(exit, 3);
  assert.equal(parsed(new TextDecoder().decode(stdout)).event, "last_word");
});

Deno.test("createLog() goes on without a reader of its lines", async () => {
  const module = new URL("../../src/telemetry/log.ts", import.meta.url).href;
  const code = `import { createLog } from ${JSON.stringify(module)};
    const log = createLog({ level: "info", node: "node1" });
    await Deno.stdin.readable.getReader().read();
    for (let i = 0; i < 100; i++) log("info", "unheard", { text: "x".repeat(4000) });
    Deno.exit(7);`;
  const child = run(code, "piped").spawn();
  await child.stdout.cancel();
  await child.stdin.close();
  const { code: exit } = await child.status;
  assert.equal(exit, 7);
});

function run(code: string, stdin: "null" | "piped"): Deno.Command {
  const config = new URL("../../deno.json", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--config",
      config,
      `data:text/javascript,${encodeURIComponent(code)}`,
    ],
    stdin,
    stdout: "piped",
    stderr: "inherit",
  });
}
