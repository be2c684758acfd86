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
