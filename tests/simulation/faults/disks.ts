/**
 * Disks that are slow, full or lost, actions that fail, and people.
 */
import { loseState, mayLoseState, powerOff, powerOn, primaryOf, wipe } from "../hosts.ts";
import { askOperator } from "../operator.ts";
import { createData, endProcess } from "../server.ts";
import type { ActionEnd } from "../world.ts";
import { type FaultRule, later, LONG, SHORT } from "./rule.ts";

/** The system identifier of a data directory that somebody restored on the wrong host. */
export const STRANGER = "sys-of-a-stranger";

/** The kinds of this file. */
export const DISK_FAULTS = {
  slowDisk: {
    towardsPrimary: 0.3,
    spanMs: SHORT,
    apply(world, { forMs }, { trouble }) {
      trouble.slowDiskUntilMs = Math.max(trouble.slowDiskUntilMs, world.nowMs + forMs);
    },
  },
  fullDisk: {
    towardsPrimary: 0.3,
    spanMs: SHORT,
    apply(world, { forMs }, { trouble }) {
      trouble.diskFullUntilMs = Math.max(trouble.diskFullUntilMs, world.nowMs + forMs);
    },
  },
  unreadableData: {
    towardsPrimary: 0.2,
    spanMs: SHORT,
    apply(world, { forMs }, { trouble }) {
      trouble.refusedUntilMs = Math.max(trouble.refusedUntilMs, world.nowMs + forMs);
    },
  },
  actionsFail: {
    towardsPrimary: 0.3,
    spanMs: LONG,
    apply(world, { forMs, choice }, { trouble }) {
      const sets = [["promote"], ["fence"], ["revoke"], ["set_sync"], ["stop"], ["start_primary"]];
      const rest = [["follow"], ["clone"], ["prepare"], ["start_standby"], ["initialise"]];
      const all = [...sets, ...rest];
      const ends: ActionEnd[] = ["fails", "late", "after", "unsupported", "done"];
      const end = ends[Math.floor(choice * 97) % ends.length]!;
      trouble.actions = {
        kinds: all[Math.floor(choice * all.length)]!,
        untilMs: world.nowMs + forMs,
        end,
        slowdown: end === "done" ? 60 : 1,
      };
    },
  },
  stateLost: {
    towardsPrimary: 0.1,
    spanMs: SHORT,
    apply(world, { forMs, choice }, host) {
      if (!mayLoseState(world, host, choice < 0.8)) return;
      powerOff(world, host);
      loseState(world, host);
      later(world, forMs, () => powerOn(world, host));
    },
  },
  hostWiped: {
    towardsPrimary: 0.1,
    spanMs: SHORT,
    apply(world, { forMs, choice }, host) {
      if (!mayLoseState(world, host, choice < 0.8)) return;
      powerOff(world, host);
      wipe(world, host);
      later(world, forMs, () => powerOn(world, host));
    },
  },
  strangersData: {
    towardsPrimary: 0,
    spanMs: LONG,
    apply(world, { forMs, choice }, host) {
      const witness = host.settings.members.some((member) =>
        member.name === host.name && member.kind === "witness"
      );
      if (witness || primaryOf(world) === host || !mayLoseState(world, host, true)) return;
      powerOff(world, host);
      wipe(world, host);
      host.data = createData({
        incarnation: Math.floor(choice * 0x1_0000_0000).toString(16).padStart(8, "0"),
        systemIdentifier: STRANGER,
        standbySignal: false,
      });
      host.data.wal = Array.from({ length: 400 }, () => ++world.rowCount);
      host.data.flushed = host.data.wal.length;
      powerOn(world, host);
      // Somebody reads the message of status, and moves the stranger's directory away.
      later(world, forMs, () => {
        if (host.data?.systemIdentifier !== STRANGER) return;
        endProcess(world, host, "moved away");
        host.data = null;
      });
    },
  },
  switchover: {
    towardsPrimary: 0.9,
    spanMs: SHORT,
    apply(world, { other, choice }, host) {
      if (choice < 0.3) host.trouble.reopensAfterHandoverUntilMs = world.nowMs + 3000;
      askOperator(world, host, other);
    },
  },
} satisfies Readonly<Record<string, FaultRule>>;
