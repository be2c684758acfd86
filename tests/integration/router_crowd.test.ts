/** Clients that misbehave beside good ones; `deno task bench:clients` plays more of it. */
import assert from "node:assert/strict";
import { makeCertificate } from "../bench/certificate.ts";
import { startCrowd } from "../bench/crowd.ts";
import { BAD_CLIENTS, idleKb, playBadClient } from "../bench/misbehaviour.ts";

/** Far above what they wait on an idle machine, and far below what a held-up router would cost. */
const LONGEST_MS = 10_000;
const MOST_KB = 150 * 1024;

Deno.test({
  name: "startRouter() keeps bad clients from good ones, and memory in bounds",
  // The router is a process of its own; its end is awaited.
  sanitizeResources: false,
  async fn(t) {
    const tls = await makeCertificate();
    const crowd = await startCrowd(tls, "split");
    try {
      for (const name of BAD_CLIENTS) {
        await t.step(name, async () => {
          const played = await playBadClient(crowd, name, { seconds: 2, connects: 150 });
          assert.ok(played.waited.answers > 0);
          assert.ok(played.waited.longestMs < LONGEST_MS, `waited ${played.waited.longestMs} ms`);
          assert.ok(played.grewKb < MOST_KB, `grew by ${played.grewKb} KiB`);
          if (name === "connections at once") assert.match(played.note, /: 150 served$/);
        });
      }
    } finally {
      await crowd.stop();
    }
    await t.step("an idle client costs little", async () => {
      const idle = await startCrowd(tls, "split");
      try {
        const { activeKb } = await idleKb(idle, 200);
        // 120 KB are wanted of a thousand; of two hundred the runtime's own growth is a larger share.
        assert.ok(activeKb < 300, `${activeKb} KiB each`);
      } finally {
        await idle.stop();
      }
    });
  },
});
