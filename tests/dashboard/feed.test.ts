import assert from "node:assert/strict";
import { statusDocument } from "../../src/coordination/status_document.ts";
import { LOOK_EVERY_MS, MAXIMUM_VIEWERS } from "../../src/dashboard/feed.ts";
import { sampleOf } from "../../src/dashboard/samples.ts";
import { createTestFeed, createViewer, picture, settle, STATUS } from "./support.ts";

Deno.test("createFeed() asks nobody until somebody looks, and when nobody does any more", async () => {
  const { feed, clock, counts } = createTestFeed();
  await clock.advance(10 * LOOK_EVERY_MS);
  assert.deepEqual(counts, { looks: 0, reads: 0 });
  const leave = feed.join(createViewer().see);
  await clock.advance(2 * LOOK_EVERY_MS);
  assert.deepEqual(counts, { looks: 3, reads: 1 });
  leave?.();
  await clock.advance(10 * LOOK_EVERY_MS);
  assert.deepEqual(counts, { looks: 3, reads: 1 });
  assert.equal(clock.pending(), 0);
});

Deno.test("createFeed() tells a viewer everything, in order", async () => {
  const { feed, clock } = createTestFeed();
  const viewer = createViewer();
  feed.join(viewer.see);
  await settle();
  assert.deepEqual(viewer.types(), ["hello", "samples", "cluster", "history"]);
  assert.deepEqual(viewer.events[2], { type: "cluster", data: statusDocument(picture()) });
  await clock.advance(LOOK_EVERY_MS);
  assert.deepEqual(viewer.types().slice(4), ["cluster"]);
});

Deno.test("createFeed() has one loop for all viewers, and tells a late one what is known", async () => {
  const { feed, clock, counts } = createTestFeed();
  feed.join(createViewer().see);
  await settle();
  const late = createViewer();
  feed.join(late.see);
  assert.deepEqual(late.types(), ["hello", "samples", "history", "cluster"]);
  await clock.advance(3 * LOOK_EVERY_MS);
  assert.equal(counts.looks, 4);
});

Deno.test("createFeed() ends a loop whose viewer left in the middle of a look", async () => {
  const looks: PromiseWithResolvers<ReturnType<typeof picture>>[] = [];
  const { feed, clock } = createTestFeed({
    look() {
      looks.push(Promise.withResolvers());
      return looks.at(-1)!.promise;
    },
  });
  feed.join(() => {})!();
  const viewer = createViewer();
  feed.join(viewer.see);
  for (const { resolve } of looks) resolve(picture());
  await clock.advance(LOOK_EVERY_MS);
  assert.equal(looks.length, 3, "the abandoned look was followed by another");
  assert.deepEqual(viewer.types().filter((type) => type === "cluster"), ["cluster"]);
});

Deno.test("createFeed() reads the histories again at a change of the primary, and every 10 s", async () => {
  let term = 3;
  const { feed, clock, counts } = createTestFeed({
    look: () => Promise.resolve(picture({ ...STATUS, term })),
  });
  feed.join(createViewer().see);
  await clock.advance(2 * LOOK_EVERY_MS);
  assert.equal(counts.reads, 1);
  term = 4;
  await clock.advance(LOOK_EVERY_MS);
  assert.equal(counts.reads, 2);
  await clock.advance(9 * LOOK_EVERY_MS);
  assert.equal(counts.reads, 2);
  await clock.advance(LOOK_EVERY_MS);
  assert.equal(counts.reads, 3);
});

Deno.test("createFeed() keeps each sample and tells it", () => {
  const { feed } = createTestFeed();
  const sample = sampleOf(5, new Map([["node1", STATUS]]));
  const viewer = createViewer();
  feed.join(viewer.see);
  feed.sampled(sample);
  assert.deepEqual(viewer.events.at(-1), { type: "sample", data: sample });
  const late = createViewer();
  feed.join(late.see);
  assert.deepEqual(late.events[1], { type: "samples", data: [sample] });
});

Deno.test("createFeed() takes as many viewers as it may, and another one when one has left", () => {
  const { feed } = createTestFeed();
  const leave = Array.from({ length: MAXIMUM_VIEWERS }, () => feed.join(() => {}));
  assert.equal(feed.join(() => {}), null);
  leave[0]?.();
  assert.notEqual(feed.join(() => {}), null);
});
