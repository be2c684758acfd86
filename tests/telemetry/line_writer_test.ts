import assert from "node:assert/strict";
import { createLineWriter, PATIENCE_MS } from "../../src/telemetry/line_writer.ts";

/** Standard output that takes `room` bytes at a time and is full at `room` 0. */
function output() {
  const decoder = new TextDecoder();
  const state = { room: Infinity, text: "", attempts: 0, pausedMs: 0, fail: null as Error | null };
  const write = (bytes: Uint8Array): number => {
    state.attempts += 1;
    if (state.fail !== null) throw state.fail;
    const taken = Math.min(bytes.length, state.room);
    if (taken === 0) throw new Deno.errors.WouldBlock("full");
    state.text += decoder.decode(bytes.subarray(0, taken), { stream: true });
    return taken;
  };
  const line = createLineWriter(write, (count) => `missing ${count}`, (pauseMs) => {
    state.pausedMs += pauseMs;
  });
  return { state, line };
}

Deno.test("createLineWriter() writes on where only part of a line was taken", () => {
  const { state, line } = output();
  state.room = 3;
  line("hällo wörld");
  line("next");
  assert.equal(state.text, "hällo wörld\nnext\n");
});

Deno.test("createLineWriter() waits for a full pipe only so long, and only once", () => {
  const { state, line } = output();
  state.room = 0;
  line("a");
  assert.equal(state.pausedMs, PATIENCE_MS);
  line("b");
  line("c");
  assert.equal(state.pausedMs, PATIENCE_MS);
  assert.equal(state.text, "");
});

Deno.test("createLineWriter() says how many lines are missing once there is room again", () => {
  const { state, line } = output();
  state.room = 0;
  // The first line waits in the writer; those after it are what is missing.
  for (const text of ["a", "b", "c"]) line(text);
  state.room = Infinity;
  line("d");
  line("e");
  assert.equal(state.text, "a\nmissing 2\nd\ne\n");
});

Deno.test("createLineWriter() never mixes two lines where one was cut", () => {
  let text = "";
  let calls = 0;
  const cut = createLineWriter(
    (bytes) => {
      calls += 1;
      // Takes two bytes, then nothing until the pipe is read again.
      if (calls > 1 && calls < 20) throw new Deno.errors.WouldBlock("full");
      const taken = calls === 1 ? 2 : bytes.length;
      text += new TextDecoder().decode(bytes.subarray(0, taken));
      return taken;
    },
    (count) => `missing ${count}`,
    () => {},
  );
  cut("first");
  for (let i = 0; i < 20; i++) cut("lost");
  cut("last");
  assert.match(text, /^first\nmissing \d+\n(?:lost\n)*last\n$/);
});

Deno.test("createLineWriter() never writes again after its reader is gone", () => {
  const { state, line } = output();
  state.fail = new Deno.errors.BrokenPipe("gone");
  line("a");
  const { attempts } = state;
  state.fail = null;
  line("b");
  assert.equal(state.attempts, attempts);
  assert.equal(state.text, "");
});

Deno.test("createLineWriter() really waits where nobody hands it a pause", () => {
  const startedMs = performance.now();
  createLineWriter(() => {
    throw new Deno.errors.WouldBlock("full");
  }, String)("a");
  const elapsedMs = performance.now() - startedMs;
  assert.ok(elapsedMs >= PATIENCE_MS * 0.9 && elapsedMs < 40 * PATIENCE_MS, `${elapsedMs}`);
});

Deno.test("createLineWriter() writes again once a disk that was full has room", () => {
  const { state, line } = output();
  state.fail = Object.assign(new Error("No space left on device (os error 28)"), {
    code: "ENOSPC",
  });
  line("a");
  line("b");
  state.fail = null;
  line("c");
  assert.equal(state.text, "a\nmissing 1\nc\n");
});
