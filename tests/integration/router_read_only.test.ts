/** Read-only transactions on a standby, and what in them is the primary's business. */
import assert from "node:assert/strict";
import { loadParser } from "../../src/sql/parser.ts";
import { concatBytes, cStringBytes, int32Bytes, messageBytes } from "../../src/wire/bytes.ts";
import { queryBytes } from "../../src/wire/messages.ts";
import { parseDataRow, syncBytes } from "../../src/wire/requests.ts";
import { withRouter } from "../router/harness.ts";
import {
  logIn,
  noPostgres,
  psql,
  startDatabase,
  startStandby,
  verifying,
  viewOf,
} from "./router_postgres.ts";

const PORT = "SELECT inet_server_port();\n";
const LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";

Deno.test({
  name: "bringHome() begins a read-only transaction again on the primary where that has to be",
  ignore: noPostgres,
  async fn(t) {
    const primary = await startDatabase();
    const standby = await startStandby(primary);
    const parser = await loadParser();
    const view = viewOf(primary, standby);
    const [a, b] = [String(primary.port), String(standby.port)];
    try {
      await withRouter({ view, ports: { parser, roles: verifying(primary) } }, async ({ port }) => {
        const lines = async (stdin: string) => {
          const { code, stdout, stderr } = await psql({ port, stdin });
          assert.equal(code, 0, stderr);
          return stdout.trimEnd().split("\n");
        };
        const refusal = async (stdin: string) => {
          const { code, stderr } = await psql({ port, stdin: `\\set VERBOSITY verbose\n${stdin}` });
          assert.equal(code, 3, stderr);
          return stderr;
        };

        await t.step("as the first statement: nobody notices", async () => {
          const firsts = [
            ["LISTEN news", []],
            ["PREPARE p AS SELECT 7", []],
            ["SELECT pg_advisory_lock(42)", [""]],
            ["DECLARE c CURSOR WITH HOLD FOR VALUES (8), (9)", []],
          ] as const;
          for (const [statement, printed] of firsts) {
            const script = `BEGIN READ ONLY;\n${statement};\n${PORT}COMMIT;\n`;
            assert.deepEqual(await lines(script), [...printed, a], statement);
          }
          assert.deepEqual(await lines(`BEGIN READ ONLY;\n${PORT}COMMIT;\n`), [b]);
        });

        await t.step("what it left behind is there afterwards", async () => {
          const script = "BEGIN READ ONLY;\nPREPARE p AS SELECT 7;\nCOMMIT;\nEXECUTE p;\n" +
            "BEGIN READ ONLY;\nDECLARE c CURSOR WITH HOLD FOR VALUES (8), (9);\nCOMMIT;\nFETCH 1 FROM c;\n" +
            "BEGIN READ ONLY;\nFETCH 1 FROM c;\nEXECUTE p;\nCOMMIT;\n" +
            "BEGIN READ ONLY;\nDEALLOCATE p;\nCOMMIT;\nSELECT count(*) FROM pg_prepared_statements;\n";
          assert.deepEqual(await lines(script), ["7", "8", "9", "7", "0"]);
        });

        await t.step("a transaction keeps its isolation level on the way", async () => {
          const script = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;\n" +
            "SELECT pg_try_advisory_xact_lock(1);\nSHOW transaction_isolation;\n" +
            "SHOW transaction_read_only;\n" + `${PORT}COMMIT;\n`;
          assert.deepEqual(await lines(script), ["t", "repeatable read", "on", a]);
        });

        await t.step("behind another statement it is refused, and rolled back", async () => {
          for (
            const statement of [
              "SELECT pg_advisory_lock(42)",
              "PREPARE p AS SELECT 7",
              "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
              "LISTEN news",
            ]
          ) {
            const stderr = await refusal(`BEGIN READ ONLY;\nSELECT 1;\n${statement};\n`);
            assert.match(stderr, /ERROR: +0A000: cannot do this .*standby b.*\n.*HINT: .*first/s);
          }
          const script = `\\set ON_ERROR_STOP off\nBEGIN READ ONLY;\nSELECT 1;\n` +
            `SELECT pg_advisory_lock(42);\nSELECT 2;\nROLLBACK;\nSELECT 3;\n`;
          assert.deepEqual(await lines(script), ["1", "3"]);
          for (const database of [primary, standby]) await database.becomes("0", LOCKS);
        });

        await t.step("in batches too, where the rest of the batch is dropped", async () => {
          const peer = await logIn(primary, port);
          const run = (text: string) =>
            concatBytes([
              messageBytes("P", cStringBytes(""), cStringBytes(text), Uint8Array.of(0, 0)),
              messageBytes("B", cStringBytes(""), cStringBytes(""), new Uint8Array(6)),
              messageBytes("E", cStringBytes(""), int32Bytes(0)),
            ]);
          const value = async () => parseDataRow((await peer.until("D"))!.payload)?.[0];
          await peer.send(run("BEGIN READ ONLY"), syncBytes());
          await peer.until("Z");
          await peer.send(run("SELECT pg_try_advisory_lock(3)"), run("SELECT 5"), syncBytes());
          assert.deepEqual([await value(), await value()], ["t", "5"]);
          await peer.until("Z");
          assert.equal(await primary.sql(LOCKS), "1");
          await peer.send(queryBytes("COMMIT"));
          await peer.until("Z");
          await peer.send(queryBytes("BEGIN READ ONLY"));
          await peer.until("Z");
          await peer.send(run("SELECT 6"), syncBytes());
          await peer.until("Z");
          await peer.send(run("SELECT pg_advisory_lock(4)"), run("SELECT 6"), syncBytes());
          assert.equal((await peer.message())?.code, "E");
          assert.deepEqual((await peer.message())?.payload, new TextEncoder().encode("E"));
          await peer.send(queryBytes("ROLLBACK"), queryBytes("SELECT 9"));
          assert.equal(await value(), "9");
          peer.close();
        });
      });
    } finally {
      await standby.stop();
      await primary.stop();
    }
  },
});
