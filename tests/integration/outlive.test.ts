/** pgbench, unchanged, while the primary goes: what `deno task bench:outlive` plays, in short. */
import assert from "node:assert/strict";
import { noPostgres } from "./router_postgres.ts";
import { openStage } from "../bench/outlive_plays.ts";

const SIZE = { seconds: 6, clients: 8 };

Deno.test({
  name: "pgbench's sessions outlive their primary",
  ignore: noPostgres,
  async fn(t) {
    const stage = await openStage();
    try {
      await t.step("a switchover ends no session and loses no row", async () => {
        const { acknowledged, missing, ended } = await stage.play(
          { going: "switchover", load: "TPC-B" },
          SIZE,
        );
        assert.ok(acknowledged > 0);
        assert.deepEqual(missing, []);
        assert.deepEqual(ended, []);
      });

      await t.step("a killed PostgreSQL ends those in a transaction, and says so", async () => {
        const { missing, ended } = await stage.play(
          { going: "postgres killed", load: "TPC-B with pauses" },
          SIZE,
        );
        assert.deepEqual(missing, []);
        assert.ok(ended.length < SIZE.clients, ended.join("\n"));
        for (const words of ended) assert.match(words, /^(FATAL: .*\.?|its end, between two .*)$/);
      });

      await t.step("a killed host does not disturb reads", async () => {
        const { acknowledged, ended } = await stage.play(
          { going: "host killed", load: "reads" },
          SIZE,
        );
        assert.ok(acknowledged > 0);
        assert.deepEqual(ended, []);
      });
    } finally {
      await stage.stop();
    }
  },
});
