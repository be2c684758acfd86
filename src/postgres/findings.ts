/**
 * What an inspection amounts to: a table of what may be wrong, each row with the sentence that
 * `status` and the log show. Pure.
 *
 * @module
 */
import type { Inspection, Slot } from "./inspection.ts";
import { isOwnSlot } from "./slot_name.ts";
import { objectionTo } from "./version.ts";

interface Row {
  readonly id: string;
  readonly when: (seen: Inspection) => boolean;
  readonly because: (seen: Inspection) => string;
}

/** Settings that replication cannot do without, and that a restart alone changes. */
const NEEDED_AT_START = [
  "wal_level",
  "max_wal_senders",
  "max_replication_slots",
  "hot_standby",
];

/** Everything that is looked for, the gravest first. */
export const FINDINGS = [
  {
    id: "fsync_off",
    when: ({ inForce }) => inForce.get("fsync") === "off",
    because: () =>
      "fsync is off: a crash of this host can destroy the database, and what it acknowledged to others counts for nothing. Set fsync = on and reload",
  },
  {
    id: "full_page_writes_off",
    when: ({ inForce }) => inForce.get("full_page_writes") === "off",
    because: () =>
      "full_page_writes is off: a crash of this host can leave torn pages, and pg_rewind refuses. Set full_page_writes = on and reload",
  },
  {
    id: "not_included",
    when: ({ included }) => included === false,
    because: () =>
      "postgresql.conf does not include metako.conf: nothing that metako sets is in force",
  },
  {
    id: "overridden",
    when: ({ overrides }) => overrides.length > 0,
    because: ({ overrides }) =>
      `Settings of metako's are overridden: ${
        overrides.map(({ name, wanted, found, source }) =>
          `${name} is '${shortened(name, found)}' by ${source} and should be '${
            shortened(name, wanted)
          }'`
        ).join("; ")
      }. Take them back (ALTER SYSTEM RESET, or remove the line) and reload`,
  },
  {
    id: "weak_commits",
    when: (seen) => seen.role === "primary" && seen.waitsForStandbys && seen.weakCommits.length > 0,
    because: ({ weakCommits }) =>
      `Some commits wait for no standby's disk and can be lost in a failover: ${
        weakCommits.map(({ database, role, value }) =>
          `synchronous_commit = ${value} for ${role === null ? "all roles" : `role ${role}`}${
            database === null ? "" : ` in database ${database}`
          }`
        ).join("; ")
      }. ALTER ROLE or ALTER DATABASE … RESET synchronous_commit takes it back`,
  },
  {
    id: "standby_capacity",
    when: (seen) => shortfalls(seen).length > 0,
    because: (seen) =>
      `The primary has more than this standby, whose replay pauses or stops for it: ${
        shortfalls(seen).join(", ")
      }. Restart PostgreSQL here; metako.conf has the larger values`,
  },
  {
    id: "slot_lost",
    when: (seen) => lostSlots(seen).length > 0,
    because: (seen) =>
      `The WAL that ${
        lostSlots(seen).map(({ name }) => name).join(", ")
      } held was removed at the limit (replication.slot_retention): whoever used it is cloned anew`,
  },
  {
    id: "slot_endangered",
    when: ({ slots }) => slots.some(({ walStatus }) => walStatus === "unreserved"),
    because: ({ slots }) =>
      `The next checkpoint removes WAL that is still needed by ${
        slots.filter(({ walStatus }) => walStatus === "unreserved").map(({ name }) => name)
          .join(", ")
      } (replication.slot_retention)`,
  },
  {
    id: "needs_restart",
    when: (seen) => waiting(seen).length > 0,
    because: (seen) =>
      `A restart of PostgreSQL has to bring ${
        waiting(seen).join(", ")
      } into force. metako does not do that by itself: restart it when it suits`,
  },
  {
    id: "no_rewind",
    when: ({ control }) => control?.canRewind === false,
    because: () =>
      "There are neither data checksums nor wal_log_hints: this node can only be cloned after it diverges, never rewound. metako.conf sets wal_log_hints = on, which the next restart of PostgreSQL brings into force",
  },
  {
    id: "delayed_replay",
    when: ({ role, inForce }) =>
      role === "standby" && (inForce.get("recovery_min_apply_delay") ?? "0") !== "0",
    because: ({ inForce }) =>
      `recovery_min_apply_delay is ${
        inForce.get("recovery_min_apply_delay")
      } ms: a promotion waits until everything received is replayed. Set it to 0, or this member to nofailover`,
  },
  {
    id: "exclusive_backup",
    when: ({ exclusiveBackup }) => exclusiveBackup,
    because: () =>
      "An exclusive backup is in progress: a crash now leaves a backup_label that hinders the start. End it with select pg_stop_backup()",
  },
  {
    id: "idle_slot_timeout",
    when: ({ inForce }) => (inForce.get("idle_replication_slot_timeout") ?? "0") !== "0",
    because: () =>
      "idle_replication_slot_timeout is set: the slot of a member that is away for longer is invalidated, and the member cloned anew. Set it to 0; replication.slot_retention is the limit",
  },
  {
    id: "newer_release",
    when: ({ major }) => objectionTo(major) !== null,
    because: ({ major }) => objectionTo(major)?.because ?? "",
  },
] as const satisfies readonly Row[];

/** A row that applies. */
export interface Finding {
  readonly id: (typeof FINDINGS)[number]["id"];
  readonly because: string;
}

/** What is wrong; empty on a server in good care. */
export function judge(seen: Inspection): readonly Finding[] {
  return FINDINGS.filter(({ when }: Row) => when(seen)).map(({ id, because }) => ({
    id,
    because: (because as Row["because"])(seen),
  }));
}

/** Which settings the primary has more of than this standby, as far as its WAL has told. */
export function shortfalls({ role, control, inForce }: Inspection): readonly string[] {
  if (role !== "standby" || control === null) return [];
  const needed: readonly (readonly [string, number | null])[] = [
    ["max_connections", control.maxConnections],
    ["max_worker_processes", control.maxWorkerProcesses],
    ["max_wal_senders", control.maxWalSenders],
    ["max_prepared_transactions", control.maxPreparedTransactions],
    ["max_locks_per_transaction", control.maxLocksPerTransaction],
  ];
  return needed.flatMap(([name, value]) => {
    const own = Number(inForce.get(name));
    return value === null || Number.isNaN(own) || own >= value
      ? []
      : [`${name} ${own} instead of ${value}`];
  });
}

function lostSlots({ role, slots }: Inspection): readonly Slot[] {
  return slots.filter(({ name, walStatus }) =>
    walStatus === "lost" && (role === "primary" || !isOwnSlot(name))
  );
}

function waiting({ pendingRestart }: Inspection): readonly string[] {
  return pendingRestart.filter((name) => NEEDED_AT_START.includes(name));
}

/** A connection string may hold a password. */
function shortened(name: string, value: string): string {
  if (name === "primary_conninfo") return "…";
  return value.length <= 80 ? value : `${value.slice(0, 80)}…`;
}
