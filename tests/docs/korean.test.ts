/**
 * The Korean README is in step with the English one: the same headings in the same order of levels, and
 * the same commands to type.
 */
import assert from "node:assert/strict";
import { shownLines } from "./commands.ts";

const page = (path: string) => Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
const english = page("README.md");
const korean = page("docs/README.ko.md");

Deno.test("docs/README.ko.md has the headings of README.md", () => {
  const levels = (text: string) => [...text.matchAll(/^(#+) /gm)].map(([, marks]) => marks);
  assert.deepEqual(levels(korean), levels(english));
});

Deno.test("docs/README.ko.md shows the commands of README.md", () => {
  const commands = (text: string) => shownLines(text).map(({ text }) => text);
  assert.deepEqual(commands(korean), commands(english));
});

Deno.test("docs/README.ko.md has the rows of README.md's tables", () => {
  const rows = (text: string) =>
    [...text.matchAll(/^\| (`[^|]+?) *\|/gm)].map(([, first]) => first);
  assert.ok(rows(english).length > 15);
  assert.deepEqual(rows(korean), rows(english));
});

Deno.test("docs/README.ko.md leads wherever README.md leads", () => {
  const targets = (text: string, base: string) =>
    new Set(
      [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
        .map(([, target]) => new URL(target!, base).href),
    );
  const reached = targets(korean, "file:///docs/README.ko.md");
  const missing = [...targets(english, "file:///README.md")].filter((target) =>
    !reached.has(target) && !target.endsWith("/README.ko.md")
  );
  assert.deepEqual(missing, []);
});

Deno.test("docs/README.ko.md has the lists of README.md", () => {
  const sections = (text: string) =>
    text.split(/^## /m).slice(1, 3).map((section) => section.match(/^- /gm)?.length ?? 0);
  assert.deepEqual(sections(korean), sections(english));
});
