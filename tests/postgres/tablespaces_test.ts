import assert from "node:assert/strict";
import { join } from "node:path";
import { listTablespaces } from "../../src/postgres/tablespaces.ts";

Deno.test("listTablespaces() follows the links, and tells tables from temporary files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const links = join(folder, "data", "pg_tblspc");
    await Deno.mkdir(join(links, "16390"), { recursive: true });
    for (const [number, name, holds] of [[16387, "tables", "5"], [16388, "sorts", "pgsql_tmp"]]) {
      await Deno.mkdir(join(folder, `${name}`, "PG_15_202209061", `${holds}`), { recursive: true });
      await Deno.symlink(join(folder, `${name}`), join(links, `${number}`));
    }
    await Deno.symlink(join(folder, "gone"), join(links, "16389"));
    assert.deepEqual(await listTablespaces(join(folder, "data")), [
      { path: join(folder, "gone"), holdsTables: false },
      { path: join(folder, "sorts"), holdsTables: false },
      { path: join(folder, "tables"), holdsTables: true },
    ]);
    assert.deepEqual(await listTablespaces(join(folder, "nowhere")), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
