import assert from "node:assert/strict";
import { isLow, watchDisks } from "../../src/agent/disks.ts";
import { parseDiskSpace, readDiskSpace } from "../../src/postgres/disk.ts";

const MIB = 1024 ** 2;
const GIB = 1024 * MIB;

Deno.test("isLow() wants a share or an amount to be free, and some room on any disk", () => {
  const cases: [number, number, boolean][] = [
    [255 * MIB, GIB, true],
    [256 * MIB, GIB, false],
    [4 * GIB, 100 * GIB, true],
    [5 * GIB, 100 * GIB, false],
    [5 * GIB, 1000 * GIB, false],
    [4 * GIB, 50 * GIB, false],
  ];
  for (const [freeBytes, totalBytes, expected] of cases) {
    assert.equal(isLow({ freeBytes, totalBytes }), expected, `${freeBytes} of ${totalBytes}`);
  }
});

Deno.test("watchDisks() names a full disk once, with every folder on it, and logs it", async () => {
  const said: unknown[] = [];
  const full = { totalBytes: GIB, freeBytes: 0 };
  const watch = watchDisks([
    { use: "state", path: "/state" },
    { use: "data", path: "/data" },
    { use: "data", path: "/gone" },
  ], {
    log: (_, event, fields) => void said.push([event, fields?.because]),
    read: (path) => Promise.resolve(path === "/gone" ? null : full),
  });
  assert.deepEqual(watch.problems(), []);
  await new Promise((resolve) => setTimeout(resolve, 0));
  watch.stop();
  const problem = "the disk under /state and /data is nearly full: 0 of 1024 MB are free; " +
    "free some room before PostgreSQL stops";
  assert.deepEqual(watch.problems(), [problem]);
  assert.deepEqual(said, [["disk_low", problem]]);
  assert.deepEqual(watch.spaces().map(({ path }) => path), ["/state", "/data"]);
});

Deno.test("readDiskSpace() reads this disk, and null where there is no such folder", async () => {
  const space = await readDiskSpace("/");
  assert.ok(space !== null && space.totalBytes > 0 && space.freeBytes <= space.totalBytes);
  assert.equal(await readDiskSpace("/no/such/folder"), null);
});

Deno.test("parseDiskSpace() reads the last line, whatever blanks the names have", () => {
  const text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n" +
    "//nas/my share 1000 1 999 1% /mnt/two words\n";
  assert.deepEqual(parseDiskSpace(text), { totalBytes: 1_024_000, freeBytes: 1_022_976 });
});
