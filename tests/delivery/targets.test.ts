import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileArguments, isTarget, TARGETS } from "./targets.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const { tasks } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));

Deno.test("TARGETS are machines that this compiler knows", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--target", "none-of-them", "main.ts"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const complaint = new TextDecoder().decode(stderr);
  assert.notEqual(code, 0);
  for (const name of Object.values(TARGETS)) assert.ok(complaint.includes(name), complaint);
});

Deno.test("deno.json has a task for each of TARGETS, and one for all", () => {
  const runs = "deno run -A tests/delivery/compile.ts";
  assert.equal(tasks.compile.command, runs);
  assert.equal(tasks["compile:all"].command, `${runs} --all`);
  for (const name of Object.keys(TARGETS)) {
    assert.equal(tasks[`compile:${name}`]?.command, `${runs} ${name}`);
  }
});

Deno.test("compileArguments() names the output by the target", () => {
  assert.deepEqual(compileArguments({ target: null, exclude: [] }), [
    "compile",
    "--allow-all",
    "--output",
    "dist/metako",
    "main.ts",
  ]);
  const args = compileArguments({ target: "linux-arm64", exclude: ["/a/test"] });
  assert.deepEqual(args.slice(2), [
    "--exclude",
    "/a/test",
    "--target",
    "aarch64-unknown-linux-gnu",
    "--output",
    "dist/metako-linux-arm64",
    "main.ts",
  ]);
});

Deno.test("isTarget() knows no target that is not one", () => {
  assert.deepEqual(["linux-x64", "toString", "windows-x64", ""].map(isTarget), [
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("compile.ts refuses a target that it does not know, before it does anything", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(dirname(fileURLToPath(import.meta.url)), "compile.ts"), "vax"],
    cwd: ROOT,
  }).output();
  assert.equal(code, 2);
  assert.match(new TextDecoder().decode(stderr), /must be --all or one of linux-x64.*is vax/);
});
