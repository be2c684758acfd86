/** What pgbench says, read. */
import assert from "node:assert/strict";
import { countWork, missingWork, readWork } from "./ledger.ts";

const LOG = "0 1 5021 0 1764191011 120001\n1 1 912345 0 1764191011 130002\n";
const STDERR = [
  "pgbench: error: client 1 script 0 aborted in command 11 query 0: FATAL:  The connection is lost.",
  "HINT:  Connect again, and look before you repeat it.",
  "FATAL:  terminating connection due to unexpected postmaster exit",
  "pgbench: error: client 3 aborted in command 6 (SQL) of script 0; perhaps the backend died while processing",
  "pgbench: error: Run was aborted; the above results are incomplete.",
  "",
].join("\n");

Deno.test("readWork() counts what each session saw committed, over all logs", () => {
  const { acknowledged, longestMs, ended } = readWork([LOG, "0 2 5000 0 1764191011 150003\n"], "");
  assert.deepEqual([...acknowledged], [[0, 2], [1, 1]]);
  assert.equal(countWork(acknowledged), 3);
  assert.equal(longestMs, 912.345);
  assert.deepEqual(ended, []);
});

Deno.test("readWork() gives a line for each session that ended", () => {
  const { ended } = readWork([], STDERR);
  assert.deepEqual(ended, ["FATAL: The connection is lost.", "its end, between two statements"]);
});

Deno.test("readWork() refuses what is no log of pgbench's", () => {
  assert.throws(() => readWork(["0 1 failed 0 1764191011 120001\n"], ""), /Cannot read/);
});

Deno.test("missingWork() names what was acknowledged and is not there", () => {
  const acknowledged = new Map([[0, 2], [7, 1]]);
  assert.deepEqual(missingWork(acknowledged, new Set(["0/1", "7/1", "7/2"])), ["0/2"]);
  assert.deepEqual(missingWork(acknowledged, new Set(["0/1", "0/2", "7/1"])), []);
});
