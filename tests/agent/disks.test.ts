import assert from "node:assert/strict";
import { isFull, isLow, watchDisks } from "../../src/agent/disks.ts";
import { type DiskSpace, readDiskSpace } from "../../src/postgres/disk.ts";

const MIB = 1024 ** 2;
const GIB = 1024 * MIB;

Deno.test("isLow() wants a share or an amount to be free, and some room on any disk", () => {
  const cases: [number, number, boolean][] = [
    [255 * MIB, 3 * GIB, true],
    [256 * MIB, 3 * GIB, false],
    // A small disk is not always nearly full.
    [9 * MIB, 100 * MIB, true],
    [11 * MIB, 100 * MIB, false],
    [4 * GIB, 100 * GIB, true],
    [5 * GIB, 100 * GIB, false],
    [5 * GIB, 1000 * GIB, false],
    [4 * GIB, 50 * GIB, false],
  ];
  for (const [freeBytes, totalBytes, expected] of cases) {
    assert.equal(isLow({ freeBytes, totalBytes }), expected, `${freeBytes} of ${totalBytes}`);
  }
});

Deno.test("isFull() is true where a table cannot be enlarged any more", () => {
  assert.equal(isFull({ freeBytes: 500_000 }), true);
  assert.equal(isFull({ freeBytes: 600_000 }), false);
});

/** Watches `folders` until they were looked at once. */
async function watched(
  spaces: Readonly<Record<string, DiskSpace | null>>,
  folders: Parameters<typeof watchDisks>[0],
  more: Parameters<typeof watchDisks>[0] = [],
) {
  const said: unknown[] = [];
  const looked = Promise.withResolvers<void>();
  const watch = watchDisks(folders, {
    log: (_, event, fields) => void said.push([event, fields?.because]),
    more: () => Promise.resolve(more),
    read: (path) => Promise.resolve(spaces[path] ?? null),
    changed: looked.resolve,
  });
  assert.deepEqual(watch.problems(), []);
  await looked.promise;
  watch.stop();
  return { watch, said };
}

const ROOMY = { device: 2, totalBytes: 100 * GIB, freeBytes: 90 * GIB };

Deno.test("watchDisks() names a full disk once, with every folder on it, and logs it", async () => {
  const full = { device: 1, totalBytes: GIB, freeBytes: 0 };
  const { watch, said } = await watched({ "/state": full, "/data": full }, [
    { use: "state", path: "/state" },
    { use: "data", path: "/data" },
    { use: "data", path: "/gone" },
  ]);
  const problem = "the disk under /state and /data is nearly full: 0 of 1024 MB are free; " +
    "free some room before PostgreSQL stops";
  assert.deepEqual(watch.problems(), [problem]);
  assert.deepEqual(said, [["disk_low", problem]]);
  assert.deepEqual(watch.spaces().map(({ path }) => path), ["/state", "/data"]);
  assert.equal(watch.full(), "the disk under /data");
});

Deno.test("watchDisks() watches WAL by itself exactly where it has a disk of its own", async () => {
  const folders = [
    { use: "data", path: "/data" },
    { use: "wal", path: "/data/pg_wal" },
  ] as const;
  const inside = await watched({ "/data": ROOMY, "/data/pg_wal": ROOMY }, folders);
  assert.deepEqual(inside.watch.spaces().map(({ use }) => use), ["data"]);
  const full = { device: 3, totalBytes: GIB, freeBytes: 0 };
  const apart = await watched({ "/data": ROOMY, "/data/pg_wal": full }, folders);
  assert.deepEqual(apart.watch.spaces().map(({ use }) => use), ["data", "wal"]);
  assert.equal(apart.watch.full(), "the disk under /data/pg_wal");
});

Deno.test("watchDisks() watches tablespaces where they have a disk of their own", async () => {
  const full = { device: 3, totalBytes: GIB, freeBytes: 0 };
  const folders = [{ use: "data", path: "/data" }] as const;
  const spaces = { "/data": ROOMY, "/same": ROOMY, "/apart": full, "/sorts": full };
  const { watch } = await watched(spaces, folders, [
    { use: "tablespace", path: "/same" },
    { use: "tablespace", path: "/apart" },
    { use: "temporary", path: "/sorts" },
  ]);
  assert.deepEqual(watch.spaces().map(({ path }) => path), ["/data", "/apart", "/sorts"]);
  assert.equal(watch.full(), "the disk under /apart");
  assert.match(watch.problems()[0]!, /^the disk under \/apart and \/sorts is nearly full/);
});

Deno.test("watchDisks() does not call PostgreSQL's disk full where only the state's is", async () => {
  const full = { device: 1, totalBytes: GIB, freeBytes: 0 };
  const { watch } = await watched({ "/state": full, "/data": ROOMY }, [
    { use: "state", path: "/state" },
    { use: "data", path: "/data" },
  ]);
  assert.equal(watch.full(), null);
  assert.equal(watch.problems().length, 1);
});

Deno.test("readDiskSpace() reads this disk, and null where there is no such folder", async () => {
  const space = await readDiskSpace("/");
  assert.ok(space !== null && space.totalBytes > 0 && space.freeBytes <= space.totalBytes);
  assert.equal(space.device, Deno.statSync("/").dev);
  assert.equal(await readDiskSpace("/no/such/folder"), null);
});
