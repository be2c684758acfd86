import assert from "node:assert/strict";
import { ownSocket } from "../../src/agent/own_socket.ts";

const PID_FILE = ["4711", "/data", "1764240000", "5433", "/run/pg", "127.0.0.1", "0 0", "ready"];

Deno.test("ownSocket() finds the socket in postmaster.pid, and what becomes of it within a second", async () => {
  const dataDir = await Deno.makeTempDir();
  const write = (lines: readonly string[]) =>
    Deno.writeTextFile(`${dataDir}/postmaster.pid`, `${lines.join("\n")}\n`);
  let nowMs = 0;
  let wanted = true;
  const find = ownSocket({ node: "n1", dataDir, wanted: () => wanted, now: () => nowMs });
  const target = (node: string) => ({ node, host: "127.0.0.1", port: 5433 });
  /** Asks, lets it look, and asks once more. */
  const after = async (ms: number) => {
    nowMs += ms;
    find(target("n1"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    return find(target("n1"));
  };
  try {
    assert.equal(await after(0), null, "no server has run there yet");
    await write(PID_FILE);
    assert.equal(await after(500), null, "it looked half a second ago");
    assert.equal(await after(500), "/run/pg/.s.PGSQL.5433");
    assert.equal(find(target("n2")), null, "another node's server is elsewhere");
    await write(PID_FILE.with(4, ""));
    assert.equal(await after(1000), null, "it has no socket");
    await write(PID_FILE.with(4, "@abstract"));
    assert.equal(await after(1000), null, "an abstract one is no file");
    await write(PID_FILE);
    assert.equal(await after(1000), "/run/pg/.s.PGSQL.5433");
    wanted = false;
    assert.equal(find(target("n1")), null, "router.local_socket was set to false");
    wanted = true;
    await Deno.remove(`${dataDir}/postmaster.pid`);
    assert.equal(await after(1000), null, "the server has stopped");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("ownSocket() knows none where the server's files are out of reach", () => {
  const find = ownSocket({ node: "n1", dataDir: null, wanted: () => true, now: () => 0 });
  assert.equal(find({ node: "n1", host: "127.0.0.1", port: 5432 }), null);
});
