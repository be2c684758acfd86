import assert from "node:assert/strict";
import { POLICIES } from "./imports.ts";
import { inspect } from "./inspect.ts";

const ROOT = new URL("../../", import.meta.url);

function typescriptFiles(folder: string): string[] {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(new URL(folder, ROOT))];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    if (entry.isDirectory) return typescriptFiles(`${folder}${entry.name}/`);
    return /\.[cm]?[jt]sx?$/.test(entry.name) ? [`${folder}${entry.name}`] : [];
  });
}

const packages: readonly string[] = Object.keys(
  JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT))).imports,
);

Deno.test("inspect() finds nothing against the house's rules", async (test) => {
  const files = ["main.ts", ...typescriptFiles("src/"), ...typescriptFiles("tests/simulation/")];
  assert.ok(files.length > 50, `only ${files.length} files were found`);
  for (const room of [...Object.keys(POLICIES), "main.ts"]) {
    const within = files.filter((file) => file === room || file.startsWith(`src/${room}/`));
    await test.step(room, () => {
      const found = within.flatMap((file) =>
        inspect(file, Deno.readTextFileSync(new URL(file, ROOT)), packages)
      );
      assert.equal(found.join("\n"), "");
    });
  }
  await test.step("no file stands outside a room", () => {
    const rooms = Object.keys(POLICIES).map((room) => `src/${room}/`);
    const stray = files.filter((file) =>
      file.startsWith("src/") && !rooms.some((room) => file.startsWith(room))
    );
    assert.deepEqual(stray, []);
  });
  await test.step("the simulation imports the core only", () => {
    const found = files.filter((file) => file.startsWith("tests/simulation/")).flatMap((file) =>
      inspect(file, Deno.readTextFileSync(new URL(file, ROOT)), packages)
    );
    assert.equal(found.join("\n"), "");
  });
});
