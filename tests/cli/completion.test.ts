import assert from "node:assert/strict";
import { SHELLS } from "../../src/cli/completion.ts";
import { runProgram } from "../../src/cli/program.ts";
import { recordingTerminal } from "./fixtures.ts";

async function script(shell: string): Promise<string> {
  const terminal = recordingTerminal();
  const context = { terminal, version: "0", self: ["metako"] };
  assert.equal(await runProgram(["completion", shell], context), 0);
  return terminal.out.join("\n");
}

/** What bash proposes behind `words`, the last of which is being written. */
async function proposals(...words: string[]): Promise<string[]> {
  const list = words.map((word) => `'${word}'`).join(" ");
  const body = `${await script("bash")}
COMP_WORDS=(metako ${list}); COMP_CWORD=${words.length}; _metako; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { success, stdout } = await new Deno.Command("bash", {
    args: ["--norc", "-c", body],
    env: { LC_ALL: "C" },
  }).output();
  assert.equal(success, true);
  return new TextDecoder().decode(stdout).split("\n").filter((word) => word !== "");
}

Deno.test("completionScript() makes bash propose commands, and options of the command", async () => {
  assert.deepEqual(await proposals("sw"), ["switchover"]);
  assert.deepEqual(await proposals("config", "i"), ["init"]);
  assert.deepEqual(await proposals("status", "--j"), ["--json"]);
  assert.deepEqual(await proposals("failover", "--to", "node2", "--acc"), ["--accept-data-loss"]);
  assert.deepEqual(await proposals("guard"), []);
});

Deno.test("completionScript() knows every command in every shell", async () => {
  for (const shell of SHELLS) {
    const text = await script(shell);
    for (const word of ["status", "failover", "history", "doctor", "completion"]) {
      assert.match(text, new RegExp(`\\b${word}\\b`), `${shell} ${word}`);
    }
    assert.doesNotMatch(text, /guardian/);
  }
});

Deno.test("completion gives 2 for a shell that is not known", async () => {
  const terminal = recordingTerminal();
  const context = { terminal, version: "0", self: ["metako"] };
  assert.equal(await runProgram(["completion", "tcsh"], context), 2);
  assert.match(terminal.err.join("\n"), /bash, zsh, fish/);
});
