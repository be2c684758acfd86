/**
 * What the documentation tells people to type exists: every `metako …` parses as the program itself
 * parses it, every task is one of deno.json, every file that is linked to is there.
 */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { objectionTo } from "./cli.ts";
import { shownLines, simpleCommands } from "./commands.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TASKS = Object.keys(JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json"))).tasks);

/** In front of a command that it runs; what belongs to them goes too. */
const WRAPPERS = [/^do$/, /^sudo$/, /^exec$/, /^time$/, /^nohup$/, /^[A-Z_]+=.*/];

function pages(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return pages(path);
    return name.endsWith(".md") ? [path] : [];
  });
}

const PAGES = [join(ROOT, "README.md"), join(ROOT, "CHANGELOG.md"), ...pages(join(ROOT, "docs"))];

interface Place {
  readonly where: string;
  readonly words: readonly string[];
}

/** Every simple command of every page. */
const COMMANDS: readonly Place[] = PAGES.flatMap((page) =>
  shownLines(Deno.readTextFileSync(page)).flatMap(({ line, text }) =>
    simpleCommands(text).map((words) => {
      const first = words.findIndex((word) => !WRAPPERS.some((wrapper) => wrapper.test(word)));
      return { where: `${relative(ROOT, page)}:${line}`, words: words.slice(Math.max(first, 0)) };
    })
  )
);

/** The words behind the program's name, however it is reached. */
function metakoWords(words: readonly string[]): readonly string[] | null {
  const at = words.findIndex((word) => /^(?:\S*\/)?metako$/.test(word));
  const runs = at === 0 ||
    at > 0 && /^docker(-compose)?$/.test(words[0]!) && words.includes("exec");
  return runs ? words.slice(at + 1) : null;
}

function taskOf(words: readonly string[]): string | null {
  const at = words.findIndex((word) => /^deno(@[\d.]+)?$/.test(word));
  return at >= 0 && words[at + 1] === "task" ? words[at + 2] ?? "" : null;
}

Deno.test("every metako command in the documentation is one that metako takes", async () => {
  let seen = 0;
  for (const { where, words } of COMMANDS) {
    const behind = metakoWords(words);
    if (behind === null) continue;
    seen++;
    assert.equal(await objectionTo(behind), null, `${where}: metako ${behind.join(" ")}`);
  }
  assert.ok(seen > 10, `only ${seen} commands were found`);
});

Deno.test("every metako command in running text is one that metako takes, as far as it goes", async () => {
  // `metako failover --to ANOTHER` and the like, in backquotes; the shortest name a command only.
  for (const page of PAGES) {
    for (const [, text] of Deno.readTextFileSync(page).matchAll(/`metako ([a-z][^`\n]*)`/g)) {
      const [name = "", next = ""] = text!.split(" ");
      const words = name === "config" ? [name, next, "--help"] : [name, "--help"];
      if (name === "config" && next === "") continue;
      assert.equal(await objectionTo(words), null, `${relative(ROOT, page)}: metako ${text}`);
    }
  }
});

Deno.test("every task in the documentation is one of deno.json", () => {
  for (const { where, words } of COMMANDS) {
    const task = taskOf(words);
    if (task !== null) assert.ok(TASKS.includes(task), `${where}: deno task ${task}`);
  }
  for (const page of PAGES) {
    for (const [, task] of Deno.readTextFileSync(page).matchAll(/`deno task ([\w:-]+)/g)) {
      assert.ok(TASKS.includes(task!), `${relative(ROOT, page)}: deno task ${task}`);
    }
  }
});

Deno.test("every file and heading that the documentation links to is there", () => {
  for (const page of PAGES) {
    for (const [, target] of Deno.readTextFileSync(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      const [path = "", heading] = target!.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      const where = `${relative(ROOT, page)} links to ${target}`;
      assert.ok(exists(file), where);
      if (heading === undefined || !file.endsWith(".md")) continue;
      assert.ok(anchors(file).includes(decodeURIComponent(heading)), where);
    }
  }
});

Deno.test("simpleCommands() reads what documentation writes", () => {
  const read = (line: string) => simpleCommands(line).map((words) => words.join("|"));
  assert.deepEqual(read("metako status --json # all"), ["metako|status|--json"]);
  assert.deepEqual(read("a 'b c' | metako logs; d && e"), ["a|b c", "metako|logs", "d", "e"]);
  assert.deepEqual(read("kill $(pgrep -f 'x y') > log 2>&1"), ["kill", "pgrep|-f|x y"]);
  assert.deepEqual(read("metako run --config a.yaml >> a.log &"), ["metako|run|--config|a.yaml"]);
});

Deno.test("shownLines() joins continued lines, and leaves other blocks alone", () => {
  const page = "```bash\na \\\n  b\nc\n```\n```text\nd\n```\n";
  assert.deepEqual(shownLines(page), [{ line: 2, text: "a b" }, { line: 4, text: "c" }]);
});

Deno.test("objectionTo() refuses what metako refuses", async () => {
  assert.equal(await objectionTo(["status", "--json"]), null);
  assert.match(await objectionTo(["status", "--jsn"]) ?? "", /unknown option/);
  assert.match(await objectionTo(["failover"]) ?? "", /--to/);
  assert.match(await objectionTo(["statsu"]) ?? "", /unknown command/);
  assert.match(await objectionTo(["status", "extra"]) ?? "", /too many/);
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(file: string): readonly string[] {
  return [...Deno.readTextFileSync(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-")
  );
}
