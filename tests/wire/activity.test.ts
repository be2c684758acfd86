import assert from "node:assert/strict";
import {
  createActivity,
  isAtRest,
  isBusy,
  noteCopyIn,
  noteReady,
  noteRequest,
} from "../../src/wire/activity.ts";

/** Client messages by their letters; `z` `t` stand for ReadyForQuery, `g` for CopyInResponse. */
function play(script: string): { busy: boolean; atRest: boolean } {
  const activity = createActivity();
  for (const letter of script) {
    if (letter === "z") noteReady(activity, "idle");
    else if (letter === "t") noteReady(activity, "in_transaction");
    else if (letter === "g") noteCopyIn(activity);
    else noteRequest(activity, letter);
  }
  return { busy: isBusy(activity), atRest: isAtRest(activity) };
}

const BUSY = { busy: true, atRest: false };
const IDLE = { busy: false, atRest: true };

Deno.test("isBusy() counts every Query of a pipeline", () => {
  assert.deepEqual(play("QQQzz"), BUSY);
  assert.deepEqual(play("QQQzzz"), IDLE);
});

Deno.test("isBusy() is true from Parse to the ReadyForQuery of its Sync", () => {
  assert.deepEqual(play("PBDE"), BUSY);
  assert.deepEqual(play("PBDES"), BUSY);
  assert.deepEqual(play("PBDESz"), IDLE);
  assert.deepEqual(play("PBESPBEz"), BUSY);
});

Deno.test("isAtRest() is false inside a transaction", () => {
  assert.deepEqual(play("Qt"), { busy: false, atRest: false });
});

Deno.test("isBusy() does not wait for Syncs that a COPY swallowed", () => {
  assert.deepEqual(play("PBDESgcSz"), IDLE);
  assert.deepEqual(play("PBDESgSScSz"), IDLE);
  assert.deepEqual(play("QgSfz"), IDLE);
  assert.deepEqual(play("Qgcz"), IDLE);
});

Deno.test("noteRequest() leaves a CopyDone alone that ends nothing", () => {
  assert.deepEqual(play("PBESc"), BUSY);
});

Deno.test("noteReady() never counts below nothing", () => {
  assert.deepEqual(play("zzQ"), BUSY);
});
