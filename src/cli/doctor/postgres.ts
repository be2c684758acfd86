/**
 * What the local PostgreSQL's settings, rules and statistics tell the doctor.
 *
 * The settings are judged by a table: a row fits where its test says that the value is wrong.
 *
 * Pure: values in, findings out.
 *
 * @module
 */
import { OLDEST_MAJOR } from "../../agent/mod.ts";
import { type Finding, type Gravity, well } from "./finding.ts";
import { examineHba, type HbaRule } from "./hba.ts";

/** Everything that was read from the server. */
export interface PostgresReading {
  /** `server_version_num`. */
  readonly versionNumber: number;
  /** Settings by name, as `pg_settings` has them, units included: sizes in MB. */
  readonly settings: Readonly<Record<string, string>>;
  readonly hba: readonly HbaRule[];
  /** `router.local_socket`: sessions of this host's router may come by the Unix socket. */
  readonly localSocket: boolean;
  /** `pg_stat_archiver`: failures since the last success; 0 where none. */
  readonly archiverFails: boolean;
  /** Settings that wait for a restart. */
  readonly pendingRestart: readonly string[];
  /** How many data members the cluster has. */
  readonly dataMembers: number;
}

interface SettingRule {
  readonly setting: string;
  readonly gravity: Gravity;
  readonly isWrong: (value: string, reading: PostgresReading) => boolean;
  readonly why: string;
  readonly remedy: string;
}

const off = (value: string) => value === "off";

/** One row for each setting that can hurt. */
export const SETTING_RULES: readonly SettingRule[] = [
  {
    setting: "fsync",
    gravity: "bad",
    isWrong: off,
    why: "A crash of the host destroys the database, and acknowledged commits with it.",
    remedy: "Set fsync = on and reload.",
  },
  {
    setting: "full_page_writes",
    gravity: "bad",
    isWrong: off,
    why: "A crash of the host can leave half-written pages, which nobody notices.",
    remedy: "Set full_page_writes = on and reload.",
  },
  {
    setting: "wal_level",
    gravity: "bad",
    isWrong: (value) => value === "minimal",
    why: "Standbys cannot be fed from minimal WAL.",
    remedy: "Set wal_level = replica and restart.",
  },
  {
    setting: "max_wal_senders",
    gravity: "bad",
    isWrong: (value, { dataMembers }) => Number(value) < 2 * dataMembers,
    why: "Each standby needs one, and a clone two more while it runs.",
    remedy: "Set max_wal_senders to twice the number of members at least, and restart.",
  },
  {
    setting: "max_replication_slots",
    gravity: "bad",
    isWrong: (value, { dataMembers }) => Number(value) < dataMembers,
    why: "Each member has a slot, which keeps WAL for it while it is away.",
    remedy: "Set max_replication_slots to the number of members at least, and restart.",
  },
  {
    setting: "hot_standby",
    gravity: "bad",
    isWrong: off,
    why: "A standby that takes no connections cannot be watched, and is never elected.",
    remedy: "Set hot_standby = on and restart.",
  },
  {
    setting: "synchronous_commit",
    gravity: "bad",
    isWrong: (value) => value === "off" || value === "local",
    why: "Commits do not wait for standbys, whatever replication.durability says.",
    remedy: "Set synchronous_commit = on; single sessions may lower it for themselves.",
  },
  {
    setting: "recovery_min_apply_delay",
    gravity: "warning",
    isWrong: (value) => Number(value) > 0,
    why: "A standby that replays late takes that long to be promoted.",
    remedy: "Set it to 0, or set nofailover for this member.",
  },
  {
    setting: "max_slot_wal_keep_size",
    gravity: "warning",
    isWrong: (value) => value === "-1",
    why: "The slot of a standby that stays away keeps WAL until the disk is full.",
    remedy: "Set it to what the disk can spare, such as 8GB, and reload.",
  },
  {
    setting: "password_encryption",
    gravity: "warning",
    isWrong: (value) => value !== "scram-sha-256",
    why: "New passwords are stored as MD5, which is weak.",
    remedy: "Set password_encryption = scram-sha-256, reload, and set the passwords again.",
  },
];

/** Looks at one server. */
export function examinePostgres(reading: PostgresReading): Finding[] {
  const { settings, versionNumber, hba, localSocket, archiverFails, pendingRestart } = reading;
  const wrong = SETTING_RULES.flatMap(({ setting, gravity, isWrong, why, remedy }): Finding[] => {
    const value = settings[setting];
    if (value === undefined || !isWrong(value, reading)) return [];
    return [{ check: "settings", gravity, finding: `${setting} is ${value}.`, why, remedy }];
  });
  const good = wrong.length > 0
    ? []
    : [well("settings", "No setting of PostgreSQL speaks against it.")];
  return [
    ...examineVersion(versionNumber),
    ...wrong,
    ...good,
    ...examineRestarts(pendingRestart),
    ...examineRewind(settings),
    ...examineHba(hba, localSocket),
    ...(archiverFails
      ? [{
        check: "archive",
        gravity: "warning" as const,
        finding: "The last attempt to archive a WAL segment failed.",
        why: "WAL is kept until it is archived, and fills the disk.",
        remedy: "Look at archive_command and PostgreSQL's log.",
      }]
      : []),
  ];
}

function examineVersion(versionNumber: number): Finding[] {
  const version = `PostgreSQL ${Math.floor(versionNumber / 10_000)}.${versionNumber % 10_000}`;
  if (Math.floor(versionNumber / 10_000) >= OLDEST_MAJOR) {
    return [well("postgres", `${version} runs here.`)];
  }
  return [{
    check: "postgres",
    gravity: "bad",
    finding: `${version} is older than what metako supports.`,
    why: "It gets no corrections any more.",
    remedy: "Upgrade with pg_upgrade.",
  }];
}

function examineRestarts(names: readonly string[]): Finding[] {
  if (names.length === 0) return [];
  return [{
    check: "settings",
    gravity: "warning",
    finding: `Changed, and waiting for a restart: ${names.join(", ")}.`,
    why: "They come into force at a moment that nobody chose: the next crash or switchover.",
    remedy: "Restart this PostgreSQL when it suits; a primary after a switchover.",
  }];
}

/** pg_rewind needs one of the two; without it a diverged server is cloned whole. */
function examineRewind(settings: Readonly<Record<string, string>>): Finding[] {
  if (settings.data_checksums === "on" || settings.wal_log_hints === "on") return [];
  if (settings.data_checksums === undefined) return [];
  return [{
    check: "settings",
    gravity: "warning",
    finding: "Neither data checksums nor wal_log_hints are on.",
    why: "A server that left the cluster's history has to be copied whole, however large it is, " +
      "and damage on disk goes unnoticed.",
    remedy: "Set wal_log_hints = on and restart; or enable checksums with pg_checksums.",
  }];
}
