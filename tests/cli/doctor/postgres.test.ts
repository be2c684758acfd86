import assert from "node:assert/strict";
import type { HbaRule } from "../../../src/cli/doctor/hba.ts";
import {
  examinePostgres,
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
    localSocket: false,
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

Deno.test("examinePostgres() looks at what the router meets at the socket, where it goes that way", () => {
  const local: HbaRule = { ...HBA, line: 2, type: "local", address: null };
  const at = (hba: readonly HbaRule[], localSocket = true) => complaints({ hba, localSocket });
  assert.deepEqual(at([{ ...local, method: "peer" }], false), []);
  assert.deepEqual(at([HBA, local]), []);
  assert.deepEqual(at([{ ...local, users: ["postgres"], method: "peer" }, local]), []);
  assert.deepEqual(at([{ ...local, method: "peer" }, local]), [
    "warning: Line 2 of pg_hba.conf, for everybody at the socket, says peer, and " +
    "router.local_socket is true.",
  ]);
  assert.deepEqual(at([HBA]), [
    "warning: No local line of pg_hba.conf is for everybody, and router.local_socket is true.",
  ]);
});

Deno.test("examinePostgres() names whom host lines keep out and the socket lets in", () => {
  const local: HbaRule = { ...HBA, line: 2, type: "local", address: null };
  const rejected: HbaRule = {
    ...HBA,
    line: 3,
    databases: ["shop"],
    users: ["joe"],
    address: "all",
    method: "reject",
  };
  const at = (...hba: readonly HbaRule[]) => complaints({ hba, localSocket: true });
  const found = [
    "warning: Line 3 of pg_hba.conf keeps joe out of shop by TCP, and no line does so at the socket.",
  ];
  assert.deepEqual(at(rejected, local), found);
  assert.deepEqual(at({ ...rejected, type: "hostssl", address: "127.0.0.1" }, local), found);
  assert.deepEqual(at({ ...rejected, address: "10.0.0.0" }, local), []);
  const alike = { ...local, users: ["joe", "ann"], databases: ["all"], method: "reject" };
  assert.deepEqual(at(rejected, alike, local), []);
  assert.deepEqual(at(rejected, { ...alike, databases: ["other"] }, local), found);
});

Deno.test("examinePostgres() tells of an old release, a failing archive, and pending restarts", () => {
  assert.match(complaints({ versionNumber: 100_023 })[0]!, /^bad: PostgreSQL 10\.23 is older/);
  assert.match(complaints({ archiverFails: true })[0]!, /^warning: The last attempt to archive/);
  assert.match(complaints({ pendingRestart: ["port", "shared_buffers"] })[0]!, /port, shared_buf/);
});
