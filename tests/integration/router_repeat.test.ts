/**
 * What a primary was asked and did not answer before it went: asked of the next one where nobody can
 * notice, and never where somebody might. A backend that is frozen plays the host that fell silent.
 */
import assert from "node:assert/strict";
import type { RouteView } from "../../src/router/options.ts";
import { loadParser } from "../../src/sql/parser.ts";
import { cStringBytes, messageBytes } from "../../src/wire/bytes.ts";
import { queryBytes } from "../../src/wire/messages.ts";
import { parseDataRow, syncBytes } from "../../src/wire/requests.ts";
import { type Bench, eventually, pause, type Peer, withRouter } from "../router/harness.ts";
import { logIn, noPostgres, startDatabase, verifying } from "./router_postgres.ts";

const COUNT = "SELECT count(*) FROM item";

/** A session whose backend was frozen behind its first answers. */
interface Frozen {
  readonly bench: Bench;
  readonly client: Peer;
  /** Sends, and resolves when the router has passed it on. */
  send(...parts: Uint8Array[]): Promise<void>;
  /** Has an administrator end the backend, which says so. */
  terminate(): Promise<void>;
  thaw(): void;
}

Deno.test({
  name: "a primary that goes without an answer",
  ignore: noPostgres,
  async fn(t) {
    const primary = await startDatabase();
    const parser = await loadParser();
    const target = { node: "a", host: "127.0.0.1", port: primary.port };
    const view: Partial<RouteView> = { primary: target };
    const roles = verifying(primary);
    const play = (name: string, body: (frozen: Frozen) => Promise<void>) =>
      t.step(name, () =>
        withRouter({ view, ports: { parser, roles } }, async (bench) => {
          const client = await logIn(primary, bench.port);
          const pid = Number(await ask(client, "SELECT pg_backend_pid()"));
          // So that its functions are known.
          await ask(client, "SELECT 1");
          Deno.kill(pid, "SIGSTOP");
          const thaw = () => Deno.kill(pid, "SIGCONT");
          try {
            await body({
              bench,
              client,
              async send(...parts) {
                const before = bench.router.statistics().bytesToServer;
                await client.send(...parts);
                await eventually(
                  "it was passed on",
                  () => bench.router.statistics().bytesToServer > before,
                );
              },
              async terminate() {
                await primary.sql(`SELECT pg_terminate_backend(${pid})`);
                thaw();
              },
              thaw,
            });
          } finally {
            client.close();
            try {
              thaw();
            } catch {
              // It is gone.
            }
          }
        }));
    const handOver = { primary: null, because: "a switchover is under way", yielding: "a" };
    try {
      await primary.sql("CREATE TABLE item (id int PRIMARY KEY); GRANT ALL ON item TO legacy");
      await primary.sql("INSERT INTO item SELECT generate_series(1, 100)");

      await play("a read is asked of the next one", async ({ bench, client, send }) => {
        await send(queryBytes(COUNT));
        bench.setView({ primary: null, because: "the leader is silent" });
        await eventually("it waits", () => bench.router.statistics().waiting === 1);
        bench.setView({ primary: target, term: 2 });
        assert.equal(await answer(client), "100");
        assert.equal(bench.router.statistics().moved, 1);
      });

      await play("so is one with a statement of its own", async ({ bench, client, send }) => {
        await send(
          messageBytes("P", cStringBytes(""), cStringBytes(COUNT), Uint8Array.of(0, 0)),
          messageBytes("B", cStringBytes(""), cStringBytes(""), new Uint8Array(6)),
          messageBytes("E", cStringBytes(""), new Uint8Array(4)),
          syncBytes(),
        );
        bench.setView({ term: 2 });
        const codes = [];
        for (;;) {
          const message = await client.message();
          codes.push(message?.code);
          if (message === null || message.code === "Z") break;
        }
        assert.deepEqual(codes, ["1", "2", "D", "C", "Z"]);
        assert.equal(await ask(client, COUNT), "100");
      });

      await play("and a BEGIN, with all that follows it", async ({ bench, client, send }) => {
        await send(queryBytes("BEGIN ISOLATION LEVEL SERIALIZABLE"));
        bench.setView({ term: 2 });
        assert.equal((await client.until("Z"))?.payload[0], "T".charCodeAt(0));
        await ask(client, "INSERT INTO item VALUES (101)");
        assert.equal(await ask(client, "SHOW transaction_isolation"), "serializable");
        await ask(client, "COMMIT");
        assert.equal(await primary.sql(COUNT), "101");
      });

      await play("as often as it takes", async ({ bench, client, send }) => {
        await send(queryBytes(COUNT));
        for (let term = 2; term < 5; term++) bench.setView({ term });
        assert.equal(await answer(client), "101");
      });

      await play("a write is not", async ({ bench, client, send }) => {
        await send(queryBytes("INSERT INTO item VALUES (102)"));
        bench.setView({ term: 2 });
        const { sqlstate, ended } = await client.fatal();
        assert.deepEqual([sqlstate, ended], ["57P01", true]);
      });

      await play("nor a read with a write behind it", async ({ bench, client, send }) => {
        await send(queryBytes(COUNT));
        await send(queryBytes("INSERT INTO item VALUES (103)"));
        bench.setView({ term: 2 });
        const { sqlstate, ended } = await client.fatal();
        assert.deepEqual([sqlstate, ended], ["57P01", true]);
      });

      await play("nor one whose unit was sent in parts", async ({ bench, client, send }) => {
        await send(
          messageBytes("P", cStringBytes(""), cStringBytes(COUNT), Uint8Array.of(0, 0)),
          messageBytes("H"),
        );
        await send(
          messageBytes("B", cStringBytes(""), cStringBytes(""), new Uint8Array(6)),
          messageBytes("E", cStringBytes(""), new Uint8Array(4)),
          syncBytes(),
        );
        bench.setView({ term: 2 });
        assert.equal((await client.fatal()).sqlstate, "57P01");
      });

      await play("a farewell is kept back in a switchover", async (frozen) => {
        const { bench, client, send, terminate } = frozen;
        await send(queryBytes(COUNT));
        bench.setView(handOver);
        await terminate();
        await eventually("it waits", () => bench.router.statistics().waiting === 1);
        bench.setView({ primary: target, term: 2, yielding: null });
        assert.match(await answer(client), /^10[1-3]$/);
      });

      await play("and is read where an administrator said it", async (frozen) => {
        const { client, send, terminate } = frozen;
        await send(queryBytes(COUNT));
        await terminate();
        const { sqlstate, message, ended } = await client.fatal();
        assert.equal(`${sqlstate} ${message}`, `57P01 ${ADMINISTRATOR}`);
        assert.ok(ended);
      });

      await play(
        "a primary that stays after all answers",
        async ({ bench, client, send, thaw }) => {
          await send(queryBytes(COUNT));
          bench.setView(handOver);
          bench.setView({ primary: target, yielding: null });
          thaw();
          assert.match(await answer(client), /^10[1-3]$/);
          assert.equal(bench.router.statistics().moved, 0);
        },
      );

      await play("a client that leaves meanwhile is noticed", async ({ bench, client, send }) => {
        await send(queryBytes(COUNT));
        bench.setView({ primary: null, because: "the leader is silent" });
        await eventually("it waits", () => bench.router.statistics().waiting === 1);
        // What it pipelined is read, and waits as well.
        await client.send(queryBytes(COUNT));
        await pause(50);
        const leftAtMs = performance.now();
        client.close();
        await eventually("it is gone", () => bench.router.sessions().length === 0);
        assert.ok(performance.now() - leftAtMs < 1000);
      });

      await play("nobody waits longer than the limit", async ({ bench, client, send }) => {
        await send(queryBytes(COUNT));
        bench.setView({ primary: null, because: "the leader is silent" });
        const { sqlstate, message, ended } = await client.fatal();
        assert.equal(sqlstate, "57P03");
        assert.match(message, /the leader is silent/);
        assert.ok(ended);
      });
    } finally {
      await primary.stop();
    }
  },
});

const ADMINISTRATOR = "terminating connection due to administrator command";

/** The only value of the answer that comes next; nothing where it has none. */
async function answer(client: Peer): Promise<string> {
  let value = "";
  for (;;) {
    const message = await client.message();
    assert.ok(message !== null && message.code !== "E", "no answer came");
    if (message.code === "D") value = String(parseDataRow(message.payload)?.[0]);
    if (message.code === "Z") return value;
  }
}

async function ask(client: Peer, text: string): Promise<string> {
  await client.send(queryBytes(text));
  return await answer(client);
}
