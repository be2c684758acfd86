import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeState, encodeState, openStateFile } from "../../src/agent/state_file.ts";
import type { Durable } from "../../src/core/effect.ts";
import { NOTHING_DURABLE } from "../../src/core/initial.ts";

const DURABLE: Durable = {
  term: 7,
  votedFor: "node2",
  record: {
    term: 7,
    seq: 3,
    members: [{ name: "node1", kind: "data", memory: "00c0ffee" }, { name: "w", kind: "witness" }],
    systemIdentifier: "7300000000000000001",
    leader: { node: "node2", incarnation: "0a1b2c3d" },
    timeline: 4,
    startLsn: 0x16B374D848n,
    electable: [{ node: "node1", incarnation: "ffffffff" }],
    required: 1,
  },
  resignedTerm: 5,
  admitted: true,
  memory: "0a0b0c0d",
};
const WHERE = { path: "/state/state.json", cluster: "c", node: "node1" };
const CONTENT = { cluster: "c", node: "node1", durable: DURABLE };

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("decodeState() gives back what encodeState() was given", () => {
  const read = decodeState(encodeState(CONTENT), WHERE);
  assert.deepEqual(read, { ok: true, durable: DURABLE, existed: true });
});

Deno.test("decodeState() reads a file that was written before memories had names", () => {
  const { memory: _, ...earlier } = DURABLE;
  const read = decodeState(encodeState({ ...CONTENT, durable: earlier as Durable }), WHERE);
  assert.deepEqual(read, { ok: true, durable: { ...DURABLE, memory: null }, existed: true });
});

Deno.test("decodeState() refuses every text with one byte changed, and names file and remedy", () => {
  const text = encodeState(CONTENT);
  fc.assert(fc.property(fc.nat(text.length - 2), fc.integer({ min: 33, max: 126 }), (at, code) => {
    const letter = String.fromCharCode(code);
    fc.pre(letter !== text[at]);
    const read = decodeState(text.slice(0, at) + letter + text.slice(at + 1), WHERE);
    assert.ok(!read.ok);
    assert.match(read.because, /Cannot read the state file \/state\/state\.json.*remove it/);
  }));
});

Deno.test("decodeState() refuses every torn text", () => {
  const text = encodeState(CONTENT);
  for (let length = 0; length < text.length - 1; length++) {
    assert.ok(!decodeState(text.slice(0, length), WHERE).ok, `cut after ${length}`);
  }
});

Deno.test("decodeState() refuses the file of another node or cluster", () => {
  const read = decodeState(encodeState({ ...CONTENT, node: "node2" }), WHERE);
  assert.ok(!read.ok);
  assert.match(read.because, /belongs to node node2 of cluster c, this is node1 of c/);
});

Deno.test("decodeState() refuses a format that it does not know", () => {
  const durable = { ...DURABLE, votes: 3 } as Durable;
  const read = decodeState(encodeState({ ...CONTENT, durable }), WHERE);
  assert.ok(!read.ok);
  assert.match(read.because, /durable/);
});

Deno.test("read() says that nothing exists yet in an empty folder", async () => {
  await inFolder(async (stateDir) => {
    const file = openStateFile({ stateDir, cluster: "c", node: "node1" });
    assert.deepEqual(await file.read(), { ok: true, durable: NOTHING_DURABLE, existed: false });
  });
});

Deno.test("write() replaces the file as a whole and keeps it from other users", async () => {
  await inFolder(async (stateDir) => {
    const file = openStateFile({ stateDir, cluster: "c", node: "node1" });
    await file.write({ ...DURABLE, term: 1 });
    await file.write(DURABLE);
    assert.deepEqual(await file.read(), { ok: true, durable: DURABLE, existed: true });
    const { mode } = await Deno.stat(file.path);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(stateDir)].map(({ name }) => name), ["state.json"]);
  });
});

Deno.test("write() ignores what a crash left of an earlier write", async () => {
  await inFolder(async (stateDir) => {
    const file = openStateFile({ stateDir, cluster: "c", node: "node1" });
    await Deno.writeTextFile(`${file.path}.new`, "torn".repeat(1000));
    await file.write(DURABLE);
    assert.deepEqual(await file.read(), { ok: true, durable: DURABLE, existed: true });
  });
});

Deno.test("read() refuses a folder in the file's place", async () => {
  await inFolder(async (stateDir) => {
    await Deno.mkdir(`${stateDir}/state.json`);
    const read = await openStateFile({ stateDir, cluster: "c", node: "node1" }).read();
    assert.ok(!read.ok);
  });
});
