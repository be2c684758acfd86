/**
 * configs/metako.service keeps PostgreSQL alive when the agent is not, and is a unit that systemd
 * takes.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../src/cli/exit_codes.ts";
import { objectionTo } from "../docs/cli.ts";

const UNIT = new URL("../../configs/metako.service", import.meta.url);

/** The values of a unit's section by key, in their order. */
function section(text: string, name: string): Map<string, readonly string[]> {
  const values = new Map<string, readonly string[]>();
  let inside = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("[")) inside = line === `[${name}]`;
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (inside && key !== undefined) values.set(key, [...values.get(key) ?? [], value ?? ""]);
  }
  return values;
}

const text = await Deno.readTextFile(UNIT);
const service = section(text, "Service");
const only = (key: string) => {
  const values = service.get(key) ?? [];
  assert.equal(values.length, 1, `${key} is set ${values.length} times`);
  return values[0];
};

Deno.test("metako.service leaves PostgreSQL and its guardian alone when the agent ends", () => {
  assert.equal(only("KillMode"), "process");
  assert.equal(only("OOMPolicy"), "continue");
  // systemd takes these folders away with the agent.
  assert.equal(service.has("PrivateTmp"), false);
  assert.equal(service.has("RuntimeDirectory"), false);
  assert.equal(service.has("DynamicUser"), false);
});

Deno.test("metako.service starts the agent again, but not with an unusable configuration", async () => {
  assert.equal(only("Restart"), "always");
  assert.equal(section(text, "Unit").get("StartLimitIntervalSec")?.[0], "0");
  assert.equal(only("RestartPreventExitStatus"), `${EXIT.configuration}`);
  const [program, ...words] = only("ExecStart")!.split(" ");
  assert.equal(program, "/usr/local/bin/metako");
  assert.equal(await objectionTo(words), null);
});

Deno.test("metako.service takes no right away that the agent or PostgreSQL needs", () => {
  assert.equal(only("User"), "postgres");
  // Both make machine code while they run.
  assert.equal(service.has("MemoryDenyWriteExecute"), false);
  assert.match(only("ReadWritePaths")!, /(^| )-\/var\/lib\/postgresql( |$)/);
  assert.equal(only("StateDirectory"), "metako");
  for (const family of ["AF_UNIX", "AF_INET", "AF_INET6"]) {
    assert.ok(only("RestrictAddressFamilies")!.split(" ").includes(family), family);
  }
});

Deno.test("systemd-analyze, where it is at hand, has nothing to say against metako.service", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // It looks for the program too, which no test installs.
    const copy = join(folder, "metako.service");
    await Deno.writeTextFile(copy, text.replaceAll("/usr/local/bin/metako", Deno.execPath()));
    const end = await new Deno.Command("systemd-analyze", { args: ["verify", copy] }).output()
      .catch((error) => {
        if (error instanceof Deno.errors.NotFound) return null;
        throw error;
      });
    if (end === null) return;
    // It reads the host's own units as well, which are no affair of this one.
    const said = new TextDecoder().decode(end.stderr).split("\n");
    assert.deepEqual(said.filter((line) => line.includes("metako")), []);
    assert.equal(end.code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
