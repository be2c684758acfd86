/**
 * The regular care of the local server, and the memory of the leader's logical slots.
 *
 * A logical slot lives on one server unless PostgreSQL 17 keeps a copy of it. So a standby
 * remembers which the leader had, and once it has taken over names those that are gone: in the log,
 * and in `status` until they are made anew.
 *
 * @module
 */
import type { NodeHealth } from "../coordination/health.ts";
import type { NodeStatus } from "../coordination/status.ts";
import type { Log } from "../core/log.ts";
import { type Lsn, parseLsn } from "../core/lsn.ts";
import type { NodeName } from "../core/record.ts";
import type { State } from "../core/state.ts";
import { describe } from "../core/view.ts";
import type { CareReport, LocalServer, Siblings } from "../postgres/server.ts";
import { monotonicMs } from "./clock.ts";

/** How often the server is looked after when nothing changes. */
const CARE_EVERY_MS = 5_000;

/** How often is taken down what slots the leader has, by what it said last. */
const NOTE_EVERY_MS = 1_000;

/** Where the local server stands, as far as care has to know. */
export interface Standing {
  readonly leader: NodeName | null;
  readonly timeline: number | null;
}

/** The care under way. */
export interface CareKeeper {
  /** The last report; null where there is none. */
  report(): CareReport | null;
  /** Sentences for `status`. */
  problems(): readonly string[];
  /** Looks after the server at once when its state is another one than before, if it works. */
  follow(serverState: string | null): void;
  stop(): void;
}

/** Starts looking after the server. */
export function keepCare(
  { server, standing, peers, log }: {
    readonly server: Pick<LocalServer, "care"> | null;
    readonly standing: () => Standing;
    readonly peers: () => readonly NodeHealth[];
    readonly log: Log;
  },
): CareKeeper {
  const memory = rememberSlots(log);
  let report: CareReport | null = null;
  let state: string | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy = false;
  let again = false;
  let stopped = server === null;

  const note = () => memory.note(standing().leader, peers());
  const noting = setInterval(note, NOTE_EVERY_MS);

  const tend = async () => {
    clearTimeout(timer);
    // What is not recognised as a member's server is left alone.
    if (stopped || (state !== "primary" && state !== "standby")) {
      report = null;
      return;
    }
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    do {
      again = false;
      note();
      report = await server!.care(siblingsOf(standing(), peers()));
      memory.compare(report);
    } while (again && !stopped);
    busy = false;
    if (!stopped) timer = setTimeout(tend, CARE_EVERY_MS);
  };
  return {
    report: () => report,
    problems: () => [...report?.problems ?? [], ...memory.problems()],
    follow(serverState) {
      if (serverState === state) return;
      state = serverState;
      void tend();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      clearInterval(noting);
    },
  };
}

/** Where the local server stands, by the core's state. */
export function standingOf(state: State): Standing {
  const { server } = state;
  return {
    leader: describe(state, monotonicMs()).leader,
    timeline: server?.state === "standby" ? server.position.timeline : null,
  };
}

/** Where the others are on this server's timeline, by what they said just now. */
export function siblingsOf(
  { leader, timeline }: Standing,
  peers: readonly NodeHealth[],
): Siblings {
  const found = new Map<NodeName, Lsn | "leader">();
  for (const { node, agent, status } of peers) {
    if (agent !== "ok" || status === null) continue;
    if (node === leader && status.state === "primary") found.set(node, "leader");
    if (status.state !== "standby" || status.timeline !== timeline) continue;
    const at = parseLsn(status.replay_lsn ?? "");
    if (at !== null) found.set(node, at);
  }
  return found;
}

/** What a standby knows of the leader's logical slots. */
export interface SlotMemory {
  /** Takes down what the leader has, where it is another node and answers. */
  note(leader: NodeName | null, peers: readonly NodeHealth[]): void;
  /** Once this server is the primary: says which of them it lacks. */
  compare(report: CareReport | null): void;
  problems(): readonly string[];
}

/** Makes an empty memory. */
export function rememberSlots(log: Log): SlotMemory {
  let known: { readonly leader: NodeName; readonly slots: readonly string[] } | null = null;
  let lost: { readonly leader: NodeName; readonly slots: readonly string[] } | null = null;
  return {
    note(leader, peers) {
      const status = peers.find(({ node, agent }) => node === leader && agent === "ok")?.status;
      if (leader === null || status?.state !== "primary" || !status.slots) return;
      known = { leader, slots: logicalSlots(status.slots) };
    },
    compare(report) {
      if (report?.role !== "primary") return;
      const own = report.slots.filter(({ kind, walStatus }) =>
        kind === "logical" && walStatus !== "lost"
      ).map(({ name }) => name);
      const missing = (slots: readonly string[]) => slots.filter((name) => !own.includes(name));
      if (known !== null) {
        const gone = missing(known.slots);
        if (known.slots.length > 0) {
          log(gone.length === 0 ? "info" : "warning", "logical_slots", {
            outcome: gone.length === 0 ? "kept" : "lost",
            peer: known.leader,
            slots: (gone.length === 0 ? known.slots : gone).join(", "),
            because: `this node took over from ${known.leader}`,
          });
        }
        lost = { leader: known.leader, slots: gone };
        known = null;
      }
      if (lost !== null) lost = { ...lost, slots: missing(lost.slots) };
    },
    problems: () =>
      lost === null || lost.slots.length === 0 ? [] : [
        `Logical slots that ${lost.leader} had are lost: ${lost.slots.join(", ")}. Their ` +
        "subscribers receive nothing: copy the data anew and make the slots again" +
        " (pg_create_logical_replication_slot, or ALTER SUBSCRIPTION … REFRESH)",
      ],
  };
}

/** The logical slots that are the server's own, not copies of another's. */
export function logicalSlots(slots: NonNullable<NodeStatus["slots"]>): readonly string[] {
  return slots.filter(({ kind, wal_status: status, synced }) =>
    kind === "logical" && status !== "lost" && !synced
  ).map(({ name }) => name).sort();
}
