/** Handing WAL to the archive before a data directory is replaced: on folders, without a server. */
import assert from "node:assert/strict";
import type { Position } from "../../src/core/record.ts";
import { archiveWaiting } from "../../src/postgres/archive.ts";
import type { PostgresOptions } from "../../src/postgres/options.ts";
import { rememberTries } from "../../src/postgres/tries.ts";

const SEGMENTS = [1, 2, 3, 4].map((number) => `00000001000000000000000${number}`);
const SIZE = 1024 * 1024;

interface Seen {
  readonly archived: readonly string[];
  readonly waiting: readonly string[];
  readonly log: readonly Readonly<Record<string, unknown>>[];
}

async function archive(conf: string, fork: Position | null): Promise<Seen> {
  const root = await Deno.makeTempDir();
  try {
    // A name that the shell would take apart.
    const dataDir = `${root}/data $dir`;
    await Deno.mkdir(`${dataDir}/pg_wal/archive_status`, { recursive: true });
    await Deno.mkdir(`${root}/archive`);
    await Deno.writeTextFile(`${dataDir}/postgresql.conf`, conf.replaceAll("ROOT", root));
    const status = `${dataDir}/pg_wal/archive_status`;
    for (const name of SEGMENTS) {
      await Deno.writeFile(`${dataDir}/pg_wal/${name}`, new Uint8Array(SIZE));
      await Deno.writeTextFile(`${status}/${name}.${name.endsWith("1") ? "done" : "ready"}`, "");
    }
    await Deno.writeTextFile(`${status}/00000002.history.ready`, "");
    const log: Record<string, unknown>[] = [];
    const options = {
      log: (level, event, fields) => void log.push({ level, event, ...fields }),
    } as Partial<PostgresOptions> as PostgresOptions;
    const starts = rememberTries("start", options);
    const rest = { binDir: "/bin", major: 15, owner: null, privateDir: root, starts };
    await archiveWaiting({ options, dataDir, ...rest }, fork);
    const names = async (folder: string) =>
      (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
    return {
      archived: await names(`${root}/archive`),
      waiting: (await names(status)).filter((name) => name.endsWith(".ready")),
      log,
    };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const COPY =
  "archive_mode = on\narchive_command = 'test ! -e ROOT/archive/%f && cp %p ROOT/archive/%f'\n";
const ready = (
  ...names: string[]
) => [...names.map((name) => `${name}.ready`), "00000002.history.ready"];

Deno.test("archiveWaiting() hands over what waits, and no history file", async () => {
  const { archived, waiting, log } = await archive(COPY, null);
  assert.deepEqual(archived, SEGMENTS.slice(1));
  assert.deepEqual(waiting, ready());
  assert.deepEqual(log.map(({ outcome, segments, missing }) => ({ outcome, segments, missing })), [
    { outcome: "done", segments: 3, missing: [] },
  ]);
});

Deno.test("archiveWaiting() keeps back what reaches beyond the fork", async () => {
  const fork = { timeline: 1, lsn: BigInt(4 * SIZE) };
  const { archived, waiting } = await archive(COPY, fork);
  assert.deepEqual(archived, SEGMENTS.slice(1, 3), "the third ends where the histories part");
  assert.deepEqual(waiting, ready(SEGMENTS[3]!));
});

Deno.test("archiveWaiting() says which segments are missing where the command fails", async () => {
  const failing = COPY.replace("test !", `test %f != ${SEGMENTS[2]} && test !`);
  const { archived, waiting, log } = await archive(failing, null);
  assert.deepEqual(archived, [SEGMENTS[1]]);
  assert.deepEqual(waiting, ready(SEGMENTS[2]!, SEGMENTS[3]!));
  assert.deepEqual(log.map(({ level, outcome, missing }) => ({ level, outcome, missing })), [
    { level: "warning", outcome: "failed", missing: SEGMENTS.slice(2) },
  ]);
});

Deno.test("archiveWaiting() does nothing where nothing is archived, or by a library", async () => {
  for (const conf of [COPY.replace("on\n", "off\n"), `${COPY}archive_library = 'x'\n`, ""]) {
    const { archived, log } = await archive(conf, null);
    assert.deepEqual([archived, log], [[], []], conf);
  }
});
