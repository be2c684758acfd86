/**
 * The documentation's commands, typed as they stand: the quick start from a host with nothing on it to
 * a cluster that survived a crash, the commands of the other pages on that cluster, and the end of it.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { shownLines, shownStatements, type Statement } from "../docs/commands.ts";
import { openPlace, type Outcome, type Place, placeObstacle } from "../docs/played/place.ts";
import { SHEET, TABLE, type Wanted } from "../docs/played/sheet.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));
const QUICK_START = read("docs/quick-start.md");
/** What the quick start says to wait for, with both standbys in it. */
const WHOLE =
  /3 of 3 nodes answered\.[^]*every commit is on at least 1 of node\d, node\d, which may be elected/;
const WHOLE_MS = 120_000;

const obstacle = await placeObstacle();
if (obstacle !== null) console.log(`The documentation is not played: ${obstacle}.`);

Deno.test({
  name: "the documentation's commands do what it says",
  ignore: obstacle !== null,
  async fn(test) {
    const place = await openPlace();
    const story = new Story(place);
    try {
      // Each goes on from where the one before it ended.
      const steps: [string, () => Promise<void>][] = [
        ["the installation", () => install(story)],
        ["the quick start on one host", () => quickStart(story)],
        ["an application's role, through the router", () => applicationRole(story)],
        ["the other pages", () => otherPages(story)],
        ["the commands of README's table", () => table(story)],
        ["the paths of the HTTP API", () => paths(story)],
        ["the end of the quick start", () => end(story)],
      ];
      for (const [name, fn] of steps) {
        if (!await test.step({ name, fn, sanitizeOps: false, sanitizeResources: false })) break;
      }
    } finally {
      await place.close();
    }
  },
});

Deno.test("what the documentation has developers type in the source works", async () => {
  const path = `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`;
  for (const [text, row] of Object.entries(SHEET)) {
    if (row.how !== "source") continue;
    const output = await new Deno.Command("bash", {
      args: ["-c", `{ ${text}\n} 2>&1`],
      cwd: ROOT,
      env: { PATH: path, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const said = new TextDecoder().decode(output.stdout);
    assert.ok(
      (row.exit ?? [0]).includes(output.code),
      `${text}\nended with ${output.code}: ${said}`,
    );
    assert.ok(row.shows?.test(said) ?? true, `${text}\nsays no ${row.shows}: ${said}`);
  }
});

/** What was typed, and what for. */
class Story {
  readonly played = new Set<string>();
  constructor(readonly place: Place) {}

  async type(text: string, wanted: Wanted = {}, limitMs?: number): Promise<Outcome> {
    const outcome = await this.place.type(text, limitMs);
    const { exit = [0], shows } = wanted;
    assert.ok(
      exit.includes(outcome.code),
      `${text}\nended with ${outcome.code}: ${outcome.output}`,
    );
    assert.ok(shows?.test(outcome.output) ?? true, `${text}\nsays no ${shows}: ${outcome.output}`);
    this.played.add(text);
    return outcome;
  }

  /** Types it again where a busy host made metako refuse, or take it back. */
  async insist(text: string, wanted: Wanted = {}): Promise<void> {
    const endsAtMs = performance.now() + WHOLE_MS;
    for (;;) {
      const { code, output } = await this.type(text, { exit: [0, 1, 3] }, WHOLE_MS);
      if (code === 0 && (wanted.shows?.test(output) ?? true)) return;
      assert.ok(performance.now() < endsAtMs, `${text}\nstill ends with ${code}: ${output}`);
      await this.place.type("sleep 1");
    }
  }

  /** Looks again and again, as a reader does. */
  async until(text: string, shows: RegExp, limitMs: number): Promise<void> {
    const endsAtMs = performance.now() + limitMs;
    for (;;) {
      const { output } = await this.place.type(text);
      if (shows.test(output)) return void this.played.add(text);
      assert.ok(
        performance.now() < endsAtMs,
        `${text}\nstill says, after ${limitMs} ms: ${output}`,
      );
      await this.place.type("sleep 0.5");
    }
  }

  whole(limitMs: number): Promise<void> {
    return this.until("metako status --config node2.yaml", WHOLE, limitMs);
  }
}

async function install(story: Story): Promise<void> {
  await story.place.type("home=$PWD; mkdir three");
  for (const [text, row] of Object.entries(SHEET)) {
    if (row.how !== "install") continue;
    await story.place.type(`cd $home/${row.folder}`);
    await story.type(text);
  }
  await story.type("test $(stat -c %U:%a /etc/metako/metako.yaml) = postgres:600");
  await story.type("metako config check /etc/metako/metako.yaml", {
    shows: /host: 192\.168\.1\.102/,
  });
}

/** The statements of the quick start's last section. */
function onOneHost(): readonly Statement[] {
  return shownStatements(QUICK_START).filter(({ section }) => section === "On one host");
}

/** A statement of it. */
function the(pattern: RegExp): string {
  const found = onOneHost().filter(({ text }) => pattern.test(text));
  assert.equal(found.length, 1, `one command on one host fits ${pattern}`);
  return found[0]!.text;
}

async function quickStart(story: Story): Promise<void> {
  await story.place.type("cd $home");
  await story.type(the(/config init/));
  await story.type(the(/^for [^]*metako run/));
  const watch = the(/--watch/);
  // Until two may be elected; Ctrl-C ends it.
  const seen = await story.type(
    `${watch} > watched & watching=$!
    for i in $(seq 600); do sleep 0.2; grep -q "of node2, node3, which may be elected" watched && break; done
    kill -INT $watching; wait $watching; code=$?; tail -20 watched; (exit $code)`,
    { shows: WHOLE },
    WHOLE_MS,
  );
  assert.match(seen.output, /^node1 +primary +running/m);
  story.played.add(watch);
  await story.type(the(/^kill -9/));
  // Right behind it there may be no primary yet.
  const status = the(/status --config shop\/node2.yaml$/);
  await story.type(status, { exit: [0, 5] });
  await story.until(status, /Primary: node[23], term \d+; 2 of 3 nodes answered/, WHOLE_MS);
  await story.type(the(/metako logs/), { shows: /elected|primary_changed/ });
  await story.type(the(/^metako run/));
  await story.until(the(/status --config shop\/node1.yaml$/), WHOLE, WHOLE_MS);
  await story.place.type("cd $home/shop");
}

/** Steps 5 and 6 of the quick start. */
async function applicationRole(story: Story): Promise<void> {
  const [, sql] = /```sql\n([^]*?)```/.exec(QUICK_START) ?? [];
  const psql = shownLines(QUICK_START).map(({ text }) => text)
    .find((text) => text.startsWith("psql -h 127.0.0.1"));
  assert.ok(sql !== undefined && psql !== undefined);
  const password = '$(sed -n \'s/^  password: *"*\\([^" ]*\\)"*.*/\\1/p\' node1.yaml | head -1)';
  await story.type(`PGPASSWORD=${password} ${psql} -v ON_ERROR_STOP=1 <<'END'\n${sql}END`);
  story.played.add(psql);
  await story.type(
    "PGPASSWORD=… psql 'host=127.0.0.1,127.0.0.1,127.0.0.1 port=6434,6433,6432 user=app " +
      "dbname=shop connect_timeout=3' -Atc 'create table t(); select pg_is_in_recovery()'",
    { shows: /^f$/m },
  );
}

async function otherPages(story: Story): Promise<void> {
  await story.place.type(
    "install -m 600 -o postgres -g postgres node1.yaml /etc/metako/metako.yaml",
  );
  for (const [text, row] of Object.entries(SHEET)) {
    if (row.how !== "look") continue;
    if (row.primary !== undefined) await lead(story, row.primary);
    // Who is asked has a terminal.
    const typed = row.answer === undefined
      ? text
      : `printf '${row.answer}\\n' | script -qec '${text}' /dev/null`;
    if (row.changes === undefined) await story.type(typed, row, WHOLE_MS);
    else {
      await story.insist(typed, row);
      await story.whole(WHOLE_MS);
    }
    story.played.add(text);
  }
}

/** Hands over, where another node leads. */
async function lead(story: Story, node: string): Promise<void> {
  const { output } = await story.place.type("metako status --config node2.yaml");
  if (output.includes(`Primary: ${node},`)) return;
  await story.insist(`metako switchover --to ${node} --config node2.yaml`);
  await story.whole(WHOLE_MS);
}

async function table(story: Story): Promise<void> {
  await lead(story, "node1");
  for (const row of Object.values(TABLE)) {
    if (typeof row !== "string") await story.insist(row.type, row);
  }
  await story.whole(WHOLE_MS);
}

/** Every path that the page lists answers, and none with a fault. */
async function paths(story: Story): Promise<void> {
  const rows = read("docs/operations/http-api.md").split("\n").filter((line) =>
    /^\| `\//.test(line)
  );
  const listed = rows.flatMap((row) => [...row.split("|")[1]!.matchAll(/`(\/[^`]*)`/g)])
    .map(([, path]) => path!);
  assert.ok(listed.length > 15, listed.join());
  const { output } = await story.type(
    listed.map((path) => `curl -so /dev/null -w '%{http_code} ${path}\\n' 127.0.0.1:8081${path}`)
      .join("\n"),
  );
  for (const [index, line] of output.trim().split("\n").entries()) {
    assert.match(line, new RegExp(`^(200|503) ${listed[index]}$`));
  }
  assert.match(output, /^200 \/dashboard$/m);
}

async function end(story: Story): Promise<void> {
  await story.place.type("cd $home");
  await story.type(the(/^pkill/));
  await story.type(the(/^for [^]*pg_ctl/));
  await story.until("pgrep -af 'metako|postgres' || echo nothing", /^nothing$/m, WHOLE_MS);
  const played = Object.entries(SHEET).filter(([, { how }]) => how !== "left" && how !== "source");
  assert.deepEqual(played.map(([text]) => text).filter((text) => !story.played.has(text)), []);
}
