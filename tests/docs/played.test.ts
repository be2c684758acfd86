/**
 * No command of the documentation goes untried without somebody having said why.
 */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { shownStatements } from "./commands.ts";
import { SHEET, TABLE } from "./played/sheet.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function pages(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return pages(path);
    return name.endsWith(".md") ? [path] : [];
  });
}

const TYPED = ["README.md", "CHANGELOG.md", "SECURITY.md"].map((name) => join(ROOT, name))
  .concat(pages(join(ROOT, "docs")))
  .flatMap((page) =>
    shownStatements(Deno.readTextFileSync(page)).map(({ line, text }) => ({
      where: `${relative(ROOT, page)}:${line}`,
      text,
    }))
  );

Deno.test("every command of the documentation has a row in SHEET, and every row a command", () => {
  for (const { where, text } of TYPED) {
    assert.ok(
      Object.hasOwn(SHEET, text),
      `${where}: add a row to tests/docs/played/sheet.ts that says how this is tried: ${text}`,
    );
  }
  const texts = new Set(TYPED.map(({ text }) => text));
  assert.deepEqual(Object.keys(SHEET).filter((text) => !texts.has(text)), []);
});

Deno.test("every command of README's table has a row in TABLE, and every row a command", () => {
  const named = [...Deno.readTextFileSync(join(ROOT, "README.md")).matchAll(/^\| `([^`]+)`/gm)]
    .map(([, command]) => command);
  assert.deepEqual(Object.keys(TABLE), named);
});

Deno.test("shownStatements() keeps a loop together, and leaves comments out", () => {
  const page = "# A\n```bash\na '#b'   # c\nfor x in y; do\n  d \\\n    e\ndone\n```\n## B\n" +
    "```bash\nf\n```\n";
  assert.deepEqual(shownStatements(page), [
    { section: "A", line: 3, text: "a '#b'" },
    { section: "A", line: 4, text: "for x in y; do\nd e\ndone" },
    { section: "B", line: 11, text: "f" },
  ]);
});
