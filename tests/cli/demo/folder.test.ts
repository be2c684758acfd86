import assert from "node:assert/strict";
import { makeFolder } from "../../../src/cli/demo/folder.ts";

async function withTempDir(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await work(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("makeFolder() makes a temporary folder that others may pass through", async () => {
  const made = await makeFolder(null, null);
  assert.ok(made.ok);
  assert.equal((await Deno.stat(made.path)).mode! & 0o777, 0o755);
  await Deno.remove(made.path);
});

Deno.test("makeFolder() refuses a folder that is not empty", () =>
  withTempDir(async (path) => {
    await Deno.writeTextFile(`${path}/precious`, "");
    const made = await makeFolder(path, null);
    assert.ok(!made.ok);
    assert.match(made.because, /must be empty, it holds precious/);
  }));

Deno.test("makeFolder() refuses a folder that PostgreSQL's user could not reach", () =>
  withTempDir(async (path) => {
    await Deno.chmod(path, 0o700);
    const made = await makeFolder(`${path}/demo`, "postgres");
    assert.ok(!made.ok);
    assert.match(made.because, /postgres, who may not pass through .*chmod o\+x/);
    await Deno.chmod(path, 0o711);
    assert.ok((await makeFolder(`${path}/demo`, "postgres")).ok);
  }));

Deno.test("makeFolder() says what is wrong where the path is a file", () =>
  withTempDir(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "");
    const made = await makeFolder(`${path}/file`, null);
    assert.ok(!made.ok);
    assert.match(made.because, /^Cannot start the demo in .*Name another folder/);
  }));
