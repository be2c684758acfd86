import assert from "node:assert/strict";
import {
  examinePostgres,
  type HbaRule,
  type PostgresReading,
  SETTING_RULES,
} from "../../../src/cli/doctor/postgres.ts";

const GOOD: Readonly<Record<string, string>> = {
  fsync: "on",
  full_page_writes: "on",
  wal_level: "replica",
  max_wal_senders: "10",
  max_replication_slots: "10",
  hot_standby: "on",
  synchronous_commit: "on",
  recovery_min_apply_delay: "0",
  max_slot_wal_keep_size: "8192",
  password_encryption: "scram-sha-256",
  data_checksums: "on",
  wal_log_hints: "off",
};

const WRONG: Readonly<Record<string, string>> = {
  fsync: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: "5",
  max_replication_slots: "2",
  hot_standby: "off",
  synchronous_commit: "local",
  recovery_min_apply_delay: "60000",
  max_slot_wal_keep_size: "-1",
  password_encryption: "md5",
};

const HBA: HbaRule = {
  line: 1,
  type: "host",
  databases: ["all"],
  users: ["all"],
  address: "10.0.0.0",
  method: "scram-sha-256",
  error: null,
};

function reading(change: Partial<PostgresReading> = {}): PostgresReading {
  return {
    versionNumber: 150_018,
    settings: GOOD,
    hba: [HBA],
    archiverFails: false,
    pendingRestart: [],
    dataMembers: 3,
    ...change,
  };
}

/** What is not well, as `gravity: finding`. */
function complaints(change: Partial<PostgresReading>): string[] {
  return examinePostgres(reading(change)).filter(({ gravity }) => gravity !== "ok").map((found) => {
    assert.notEqual(found.why, "");
    assert.notEqual(found.remedy, "");
    return `${found.gravity}: ${found.finding}`;
  });
}

Deno.test("examinePostgres() has nothing against good settings", () => {
  assert.deepEqual(complaints({}), []);
  assert.deepEqual(examinePostgres(reading()).map(({ check }) => check), [
    "postgres",
    "settings",
    "pg_hba",
  ]);
});

Deno.test("examinePostgres() finds each setting that is wrong, alone", () => {
  assert.deepEqual(Object.keys(WRONG).sort(), SETTING_RULES.map(({ setting }) => setting).sort());
  for (const { setting, gravity } of SETTING_RULES) {
    const value = WRONG[setting]!;
    assert.deepEqual(complaints({ settings: { ...GOOD, [setting]: value } }), [
      `${gravity}: ${setting} is ${value}.`,
    ]);
  }
});

Deno.test("examinePostgres() counts what the members need", () => {
  assert.deepEqual(complaints({ dataMembers: 5 }), []);
  assert.deepEqual(complaints({ dataMembers: 6 }), ["bad: max_wal_senders is 10."]);
});

Deno.test("examinePostgres() wants checksums or hints, so that pg_rewind can work", () => {
  const neither = { ...GOOD, data_checksums: "off" };
  assert.deepEqual(complaints({ settings: neither }), [
    "warning: Neither data checksums nor wal_log_hints are on.",
  ]);
  assert.deepEqual(complaints({ settings: { ...neither, wal_log_hints: "on" } }), []);
});

Deno.test("examinePostgres() finds lines of pg_hba.conf that are broken or trust strangers", () => {
  const trust = { ...HBA, method: "trust" };
  assert.deepEqual(complaints({ hba: [{ ...HBA, line: 7, error: "invalid authentication" }] }), [
    "bad: Line 7 of pg_hba.conf is wrong: invalid authentication.",
  ]);
  assert.deepEqual(complaints({ hba: [trust, { ...trust, address: "all", type: "hostssl" }] }), [
    "bad: Line 1 of pg_hba.conf trusts whoever comes from 10.0.0.0.",
    "bad: Line 1 of pg_hba.conf trusts whoever comes from all.",
  ]);
  const harmless = [
    { ...trust, address: "127.0.0.1" },
    { ...trust, address: "::1" },
    { ...trust, type: "local", address: null },
  ];
  assert.deepEqual(complaints({ hba: harmless }), []);
});

Deno.test("examinePostgres() tells of an old release, a failing archive, and pending restarts", () => {
  assert.match(complaints({ versionNumber: 100_023 })[0]!, /^bad: PostgreSQL 10\.23 is older/);
  assert.match(complaints({ archiverFails: true })[0]!, /^warning: The last attempt to archive/);
  assert.match(complaints({ pendingRestart: ["port", "shared_buffers"] })[0]!, /port, shared_buf/);
});
