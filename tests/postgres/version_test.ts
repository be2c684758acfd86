/** Every release that metako runs, and what it does in each. */
import assert from "node:assert/strict";
import { reloadable } from "../../src/postgres/change.ts";
import type { Place } from "../../src/postgres/place.ts";
import { rememberTries } from "../../src/postgres/tries.ts";
import { renderSettings } from "../../src/postgres/settings.ts";
import {
  majorOf,
  NEWEST_MAJOR,
  objectionTo,
  offers,
  OLDEST_MAJOR,
  VERSION_TABLE,
} from "../../src/postgres/version.ts";
import { optionsOf } from "./support.ts";

const MAJORS = [12, 13, 14, 15, 16, 17, 18];

const options = optionsOf(["a", "b", "c"].map((name) => ({ name, addresses: ["127.0.0.1"] })));

function written(major: number): Map<string, string> {
  const place: Place = {
    options,
    dataDir: "/data",
    binDir: "/bin",
    major,
    owner: null,
    privateDir: "/state/postgres",
    starts: rememberTries("start", options),
  };
  const settings = { role: "standby", following: null } as const;
  const text = renderSettings(place, settings, "0000000a");
  const lines = text.split("\n").filter((line) => / = '/.test(line));
  return new Map(lines.map((line) => line.split(" = ") as [string, string]));
}

Deno.test("VERSION_TABLE covers the releases that metako runs, and no others", () => {
  assert.deepEqual([OLDEST_MAJOR, NEWEST_MAJOR], [MAJORS[0], MAJORS.at(-1)]);
  for (const { name, since } of VERSION_TABLE) {
    assert.ok(since > OLDEST_MAJOR && since <= NEWEST_MAJOR, name);
    for (const major of MAJORS) assert.equal(offers(major, name), major >= since, name);
  }
});

Deno.test("objectionTo() names what is too old and what is newer, and passes the rest", () => {
  assert.match(objectionTo(11)?.because ?? "", /PostgreSQL 11 is too old: metako needs 12/);
  assert.equal(objectionTo(Number.NaN)?.kind, "too_old");
  for (const major of MAJORS) assert.equal(objectionTo(major), null);
  assert.equal(objectionTo(19)?.kind, "newer");
  assert.match(objectionTo(19)?.because ?? "", /19 is newer .*\(12 to 18\)/);
});

Deno.test("majorOf() reads server_version_num of every release", () => {
  for (const major of MAJORS) assert.equal(majorOf(`${major}0004`), major);
});

Deno.test("renderSettings() writes to each release only what it knows", () => {
  const sinceOf = { wal_keep_size: 13, max_slot_wal_keep_size: 13 };
  const untilOf = { wal_keep_segments: 12, promote_trigger_file: 15 };
  for (const major of MAJORS) {
    const names = written(major);
    for (const [name, since] of Object.entries(sinceOf)) {
      assert.equal(names.has(name), major >= since, `${name} in ${major}`);
    }
    for (const [name, until] of Object.entries(untilOf)) {
      assert.equal(names.has(name), major <= until, `${name} in ${major}`);
    }
    assert.equal(names.get("recovery_target_timeline"), "'latest'");
  }
  assert.equal(written(12).get("wal_keep_segments"), "'16'");
});

Deno.test("reloadable() leaves out what the release changes by a restart alone", () => {
  const values = {
    primary_conninfo: "",
    primary_slot_name: "",
    restore_command: "",
    synchronous_standby_names: "",
  };
  const all = Object.keys(values);
  for (const major of MAJORS) {
    const fixed = major === 12
      ? ["primary_conninfo", "primary_slot_name", "restore_command"]
      : major === 13
      ? ["restore_command"]
      : [];
    assert.deepEqual(
      Object.keys(reloadable(major, values)),
      all.filter((name) => !fixed.includes(name)),
    );
  }
});
