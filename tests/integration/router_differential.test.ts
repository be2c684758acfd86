/**
 * The same conversation with the server itself and through the router, with splitting on: message by
 * message the answers are the same. Conversations are made up from a seed; a standby stops and goes on
 * to replay in the middle of them, and the primary enters new terms, so that sessions have to move.
 * `deno task conversations FROM-TO` plays others than the usual ones.
 */
import assert from "node:assert/strict";
import { loadParser } from "../../src/sql/parser.ts";
import { concatBytes, cStringBytes, int32Bytes, messageBytes } from "../../src/wire/bytes.ts";
import { parseErrorFields } from "../../src/wire/errors.ts";
import { queryBytes, terminateBytes } from "../../src/wire/messages.ts";
import { closeStatementBytes, parseDataRow, syncBytes } from "../../src/wire/requests.ts";
import { Peer, withRouter } from "../router/harness.ts";
import { logIn, noPostgres, startDatabase, startStandby, verifying } from "./router_postgres.ts";

/** The usual ones, and some that found something. */
const USUAL = [...seedsOf("1-25"), 9245];
const SEEDS = Deno.args[0] === undefined ? USUAL : seedsOf(Deno.args[0]);
const STEPS = 40;
const REFUSED = "ERROR 0A000 cannot do this in a transaction that reads from the standby";
const OF_SQL = 'prepared statement "p"';
/** What a session reads that has something on its primary which cannot be carried over. */
const BOUND = /^FATAL 57P01 This session is closed: .*(cannot go on elsewhere: |\()(it |its )/;

/** What a client sends in one go, and how many ReadyForQuery answer it. */
interface Step {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly ready: number;
  /** Without a ReadyForQuery: the message that ends the answer, or an error. */
  readonly until?: string;
}

const QUERIES = [
  "SELECT * FROM t ORDER BY id",
  "SELECT count(*), sum(n) FROM t",
  "SELECT n FROM t WHERE id = 3",
  "VALUES (1, 'a'), (2, NULL)",
  "SELECT 1; SELECT n FROM t WHERE id = 1",
  "SELECT 1; UPDATE t SET n = n + 1 WHERE id = 1; SELECT n FROM t WHERE id = 1",
  "/* metako: standby */ SELECT sum(n) FROM t",
  "SELECT twice(n) FROM t WHERE id = 2",
  "SELECT bump(4)",
  "EXPLAIN (COSTS OFF) SELECT * FROM t WHERE id = 1",
  "UPDATE t SET n = n + 1 WHERE id = 1",
  "INSERT INTO t VALUES (100, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1",
  "INSERT INTO t VALUES (1, 1)",
  "DELETE FROM t WHERE id = 100",
  "WITH moved AS (UPDATE t SET n = n + 1 WHERE id = 5 RETURNING n) SELECT n FROM moved",
  "BEGIN",
  "BEGIN",
  "BEGIN READ ONLY",
  "BEGIN ISOLATION LEVEL REPEATABLE READ",
  "COMMIT",
  "COMMIT",
  "ROLLBACK",
  "SAVEPOINT s",
  "ROLLBACK TO s",
  "SET app.tenant = 'it''s'",
  "SET app.tenant = 'other'",
  "SET LOCAL app.tenant = 'local'",
  "SELECT set_config('app.tenant', 'by function', false)",
  "RESET ALL",
  "SELECT coalesce(current_setting('app.tenant', true), '') AS tenant",
  "SET extra_float_digits = 0",
  "SHOW extra_float_digits",
  "SET search_path = other, public",
  "SET search_path = public",
  "SELECT word FROM named",
  "SHOW search_path",
  "SHOW transaction_read_only",
  "SELECT nothing FROM t",
  "SELECT 1/0",
  "SELECT 1/(n - n) FROM t WHERE id = 1",
  "SELEC 1",
  "",
  "-- nothing",
  "PREPARE p AS SELECT n FROM t WHERE id = $1",
  "EXECUTE p(2)",
  "DEALLOCATE p",
  "DEALLOCATE ALL",
  "DISCARD ALL",
  "CREATE TABLE IF NOT EXISTS extra AS SELECT 1 AS one",
  "SELECT * FROM extra",
  "DROP TABLE IF EXISTS extra",
  "CREATE TEMP TABLE t AS SELECT 7 AS id, 7 AS n",
  "DROP TABLE IF EXISTS pg_temp.t",
  "SELECT * FROM t WHERE id = 1 FOR UPDATE",
  "DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id",
  "FETCH 2 FROM c",
  "DO $$ BEGIN PERFORM 1; END $$",
  "COPY (SELECT id FROM t ORDER BY id) TO STDOUT",
];
const PREPARABLE = [
  "SELECT n FROM t WHERE id = 4",
  "SELECT count(*) FROM t",
  "UPDATE t SET n = n + 1 WHERE id = 2",
  "SELECT nothing FROM t",
  "SELECT 1/0",
  "SELECT coalesce(current_setting('app.tenant', true), '')",
  "BEGIN READ ONLY",
  "COMMIT",
  "SELECT word FROM named",
  "SET app.tenant = 'by a statement'",
  "DEALLOCATE s1",
  "DISCARD ALL",
];
// The last one is SQL's, where there is one.
const NAMES = ["", "", "", "s1", "s2", "p"];

const parse = (name: string, text: string) =>
  messageBytes("P", cStringBytes(name), cStringBytes(text), Uint8Array.of(0, 0));
const bind = (name: string) =>
  messageBytes("B", cStringBytes(""), cStringBytes(name), new Uint8Array(6));
const describe = (kind: string, name: string) =>
  messageBytes("D", Uint8Array.of(kind.charCodeAt(0)), cStringBytes(name));
const execute = (limit = 0) => messageBytes("E", cStringBytes(""), int32Bytes(limit));
const flush = messageBytes("H");

function seedsOf(range: string): number[] {
  const [from, to] = range.split("-").map(Number);
  return Array.from({ length: to! - from! + 1 }, (_, i) => from! + i);
}

function conversation(seed: number): readonly Step[] {
  let state = seed * 2654435761 % 4294967296;
  const roll = (sides: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 4294967296 * sides);
  };
  const pick = <T>(list: readonly T[]): T => list[roll(list.length)]!;
  const steps: Step[] = [];
  for (let i = 0; i < STEPS; i++) {
    const name = pick(NAMES);
    const text = pick(PREPARABLE);
    const batch = (what: string, ...messages: Uint8Array[]): Step => ({
      text: what,
      bytes: concatBytes([...messages, syncBytes()]),
      ready: 1,
    });
    switch (roll(15)) {
      case 0:
        steps.push(
          batch(`parse and run "${name}": ${text}`, parse(name, text), bind(name), execute()),
        );
        break;
      case 1:
        steps.push(batch(`run "${name}"`, bind(name), describe("P", ""), execute()));
        break;
      case 2:
        steps.push({
          text: `describe "${name}" first: ${text}`,
          bytes: concatBytes([parse(name, text), describe("S", name), flush]),
          ready: 0,
          until: "Tn",
        }, batch(`then run it`, bind(name), execute()));
        break;
      case 3:
        steps.push(batch(`close "${name}"`, closeStatementBytes(name)));
        break;
      case 4: {
        const [a, b] = [pick(PREPARABLE), pick(PREPARABLE)];
        steps.push(
          batch(
            `two: ${a}; ${b}`,
            parse("", a),
            bind(""),
            execute(),
            parse("", b),
            bind(""),
            execute(),
          ),
        );
        break;
      }
      case 5: {
        const [a, b, c] = [pick(QUERIES), pick(PREPARABLE), pick(QUERIES)];
        if ([a, c].some((query) => query.startsWith("COPY"))) break;
        steps.push({
          text: `pipelined: ${a} | ${b} | ${c}`,
          bytes: concatBytes([
            queryBytes(a),
            parse("", b),
            bind(""),
            execute(),
            syncBytes(),
            queryBytes(c),
          ]),
          ready: 3,
        });
        break;
      }
      case 6:
        steps.push(batch(`some rows of "${name}"`, bind(name), execute(2)));
        break;
      case 7:
        steps.push({
          text: `run "${name}" and flush: ${text}`,
          bytes: concatBytes([parse(name, text), bind(name), execute(), flush]),
          ready: 0,
          until: "CIs",
        }, batch("then sync"));
        break;
      case 8: {
        const closed = pick(NAMES);
        steps.push(batch(
          `parse "${name}" and close "${closed}": ${text}`,
          parse(name, text),
          bind(name),
          execute(),
          closeStatementBytes(closed),
        ));
        break;
      }
      case 9:
        steps.push({
          text: "COPY t FROM STDIN",
          bytes: concatBytes([
            queryBytes("COPY t FROM STDIN"),
            messageBytes("d", new TextEncoder().encode(`${200 + i}\t${roll(9)}\n`)),
            messageBytes("c"),
          ]),
          ready: 1,
        });
        break;
      case 10:
        steps.push(batch(
          `close "${name}" and make it: ${text}`,
          closeStatementBytes(name),
          parse(name, text),
          describe("S", name),
        ));
        break;
      case 11: {
        const query = pick(QUERIES);
        if (query.startsWith("COPY")) break;
        steps.push({
          text: `pipelined: parse "${name}" | run it | ${query}: ${text}`,
          bytes: concatBytes([
            parse(name, text),
            syncBytes(),
            bind(name),
            execute(),
            syncBytes(),
            queryBytes(query),
          ]),
          ready: 3,
        });
        break;
      }
      default: {
        const query = pick(QUERIES);
        steps.push({ text: query, bytes: queryBytes(query), ready: 1 });
      }
    }
  }
  return steps;
}

/** What comes whole takes another way through the router than what comes in pieces. */
async function sendIn(peer: Peer, bytes: Uint8Array, cuts: number): Promise<void> {
  const size = Math.ceil(bytes.length / (cuts + 1));
  for (let at = 0; at < bytes.length; at += size) {
    if (at > 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await peer.send(bytes.subarray(at, at + size));
  }
}

/** The answer, in words that two servers can be compared by. */
async function answerOf(peer: Peer, step: Step): Promise<string[]> {
  const words: string[] = [];
  let ready = 0;
  for (;;) {
    const message = await peer.message();
    if (message === null) return [...words, "the end"];
    const { code, payload } = message;
    switch (code) {
      // Parameters come when they come, and notices may tell of a server.
      case "S":
      case "N":
        break;
      case "E": {
        const { severity, sqlstate, message: text } = parseErrorFields(payload);
        // A standby may say "during recovery" where a primary says "in a read-only transaction".
        // And a transaction that has failed there knows nothing of SQL's PREPARE.
        words.push(
          text?.includes(OF_SQL) === true
            ? OF_SQL
            : `${severity} ${sqlstate} ${sqlstate === "25006" ? "" : text}`,
        );
        if (step.until !== undefined) return words;
        break;
      }
      case "D":
        words.push(`row ${JSON.stringify(parseDataRow(payload))}`);
        break;
      case "T":
        // Which table a column is of differs between databases.
        words.push(`columns ${(payload[0]! << 8) | payload[1]!}`);
        break;
      default:
        words.push(`${code} ${new TextDecoder().decode(payload)}`);
    }
    if (code === "Z" && ++ready === step.ready) return words;
    if (step.until?.includes(code)) return words;
  }
}

Deno.test({
  name: "conversations through the router are those with the server itself",
  ignore: noPostgres,
  async fn() {
    const primary = await startDatabase();
    const standby = await startStandby(primary);
    const parser = await loadParser();
    const at = (node: string, port: number) => ({ node, host: "127.0.0.1", port });
    const view = {
      primary: at("a", primary.port),
      standbys: [{ ...at("b", standby.port), local: false, healthy: true, lagBytes: 0 }],
    };
    const roles = verifying(primary);
    try {
      for (const database of ["direct", "routed"]) {
        await primary.sql(`CREATE DATABASE ${database} OWNER legacy`);
      }
      const options = { splitting: true, startupTimeoutMs: 30_000 };
      await withRouter({ view, options, ports: { parser, roles } }, async (bench) => {
        let term = 1;
        for (const seed of SEEDS) {
          const peers: Peer[] = [];
          const sides = [[primary.port, "direct"], [bench.port, "routed"]] as const;
          for (const [, database] of sides) {
            const setup = await logIn(primary, primary.port, database);
            await setup.send(queryBytes(SETUP));
            await setup.until("Z");
            await setup.send(terminateBytes());
            setup.close();
          }
          // Others' writes may be missing on a standby; these are made before the conversation.
          const position = await primary.sql("SELECT pg_current_wal_lsn()");
          await standby.becomes("t", `SELECT pg_last_wal_replay_lsn() >= '${position}'`);
          for (const [port, database] of sides) peers.push(await logIn(primary, port, database));
          let paused = false;
          let atRest = true;
          const told: string[] = [];
          for (const [i, step] of conversation(seed).entries()) {
            if ((seed + i) % 11 === 5) {
              paused = !paused;
              await standby.sql(`SELECT pg_wal_replay_${paused ? "pause" : "resume"}()`);
            }
            const moves = atRest && (seed + i) % 13 === 7;
            if (moves) bench.setView({ term: ++term });
            told.push(
              `${i}: ${step.text}${paused ? " (replay stands still)" : ""}${
                moves ? " (in a new term)" : ""
              }`,
            );
            for (const peer of peers) await sendIn(peer, step.bytes, (seed + i) % 3);
            const [direct, routed] = await Promise.all(peers.map((peer) => answerOf(peer, step)));
            // What docs/router.md says is refused on a standby: from here on they differ.
            if (routed?.some((words) => words.startsWith(REFUSED))) break;
            if (routed?.some((words) => BOUND.test(words))) break;
            assert.deepEqual(routed, direct, `seed ${seed}:\n${told.join("\n")}`);
            atRest = direct?.at(-1) === "Z I";
          }
          if (paused) await standby.sql("SELECT pg_wal_replay_resume()");
          for (const peer of peers) {
            await peer.send(terminateBytes());
            peer.close();
          }
        }
        const { reads = 0 } = bench.router.statistics().queries.b ?? {};
        assert.ok(reads > SEEDS.length, `${reads} reads on the standby`);
        assert.ok(bench.router.statistics().moved > 0, "no session moved");
      });
    } finally {
      await standby.stop();
      await primary.stop();
    }
  },
});

const SETUP = `DROP SCHEMA IF EXISTS other CASCADE; DROP TABLE IF EXISTS t, named, extra CASCADE;
CREATE SCHEMA other; CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t SELECT i, i * 10 FROM generate_series(1, 6) i;
CREATE TABLE named AS SELECT 'public' AS word; CREATE TABLE other.named AS SELECT 'other' AS word;
CREATE OR REPLACE FUNCTION twice(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * i';
CREATE OR REPLACE FUNCTION bump(i int) RETURNS int LANGUAGE sql VOLATILE AS
'UPDATE t SET n = n + 1 WHERE id = i RETURNING n';`;
