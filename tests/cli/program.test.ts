import assert from "node:assert/strict";
import { runProgram } from "../../src/cli/program.ts";
import { recordingTerminal } from "./fixtures.ts";

async function run(...args: string[]) {
  const terminal = recordingTerminal();
  const code = await runProgram(args, { terminal, version: "1.2.3", self: ["metako"] });
  return { code, out: terminal.out.join("\n"), err: terminal.err.join("\n") };
}

Deno.test("runProgram() prints the version and nothing else", async () => {
  assert.deepEqual(await run("--version"), { code: 0, out: "1.2.3", err: "" });
});

Deno.test("runProgram() documents every command and exit code in its help", async () => {
  const { code, out } = await run("--help");
  assert.equal(code, 0);
  for (const word of ["run", "config", "status", "failover", "demo", "--config"]) {
    assert.ok(out.includes(word), word);
  }
  for (const exitCode of [0, 1, 2, 3, 4, 5, 70, 78]) {
    assert.match(out, new RegExp(`^ *${exitCode}  \\S`, "m"));
  }
});

Deno.test("runProgram() prints a command's own help", async () => {
  const { code, out } = await run("failover", "--help");
  assert.equal(code, 0);
  assert.match(out, /--to <node>/);
});

Deno.test("runProgram() gives 2 and says why where the words make no command", async () => {
  const cases: [string[], RegExp][] = [
    [["statsu"], /unknown command 'statsu'. The commands are run, config, status/],
    [["--colour"], /unknown option '--colour'/],
    [["status", "--jsno"], /unknown option '--jsno'/],
    [["status", "node1"], /too many arguments/],
    [["failover"], /required option '--to <node>'/],
    [["failover", "--to"], /argument missing/],
    [["demo", "--nodes", "two"], /whole number from 3 to 9/],
    [["demo", "--nodes", "2"], /whole number from 3 to 9/],
    [["demo", "--nodes", "3.5"], /whole number from 3 to 9/],
    [["demo", "--rows", "-1"], /whole number from 1/],
    [["demo", "--json"], /--json needs --check/],
  ];
  for (const [args, pattern] of cases) {
    const { code, err } = await run(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, pattern);
  }
});

Deno.test("runProgram() gives 78 and the remedy where the configuration is missing", async () => {
  const missing = "/nonexistent/metako.yaml";
  const commands = [
    ["--config", missing],
    ["run", "--config", missing],
    ["config", "check", missing],
    ["status", "--config", missing],
    ["--config", missing, "status"],
    ["failover", "--to", "node2", "--config", missing],
  ];
  for (const args of commands) {
    const { code, out, err } = await run(...args);
    assert.equal(code, 78, args.join(" "));
    assert.equal(out, "");
    assert.match(
      err,
      /^Cannot read the configuration \/nonexistent\/metako\.yaml: there is no such/,
    );
  }
});

Deno.test("runProgram() says what is wrong with a file that cannot be read as text", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/binary`, new Uint8Array([0xff, 0xfe, 0x00]));
    const commands: [string, RegExp][] = [
      [folder, /it is a folder\. Name the file in it/],
      [`${folder}/binary`, /binary/],
    ];
    for (const [file, pattern] of commands) {
      const { code, err } = await run("config", "check", file);
      assert.equal(code, 78);
      assert.match(err, pattern);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
