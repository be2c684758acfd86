/**
 * From winning to serving: what a leader does with its PostgreSQL, one phase after the other.
 *
 *     adopting → preparing → claiming → promoting → publishing → leading
 *                              ↑ (first start)          ↑
 *                                            resuming ──┘   burying → restarting → leading
 *
 * Every arrow waits for a majority or for an action on the local server, and never for a clock.
 * (docs/consensus.md, "Election" 5 and 6; "Leader with a dead PostgreSQL")
 *
 * @module
 */
import { beat, isSettled, nameNewMemories } from "./agreement.ts";
import { assertNever } from "./assert_never.ts";
import { becomeFollower, pauseMs } from "./follower.ts";
import { claimSolo, enterPhase, mayBeAlone, publish, stepDown } from "./leader.ts";
import { peersOf } from "./members.ts";
import { changeMembers } from "./membership.ts";
import { isVirgin } from "./record.ts";
import type { ActionFailure, ActionResult, ServerAction, ServerObservation } from "./server.ts";
import { hasReadySuccessor, initialSync, rememberStandbys, stepDurability } from "./standbys.ts";
import type { LeaderRole, State } from "./state.ts";
import {
  continueSwitchover,
  onSwitchoverActionDone,
  onSwitchoverActionFailed,
} from "./switchover.ts";
import { operate, patch, patchRole, persist, progress, report, send, type Turn } from "./turn.ts";

/** Pause before a failed action of a leader is tried again. */
const RETRY_MS = 1000;

/** How long others may take the lead before a node whose pre-flight failed campaigns again. */
const PREFLIGHT_PAUSE_MS = 5000;

/** Moves on to whatever the present phase was waiting for, if it has come. */
export function advance(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "leader") return;
  switch (role.phase) {
    case "adopting":
      if (!isSettled(role)) return;
      if (role.adopted !== null) return claim(turn, role);
      enterPhase(turn, role, "preparing");
      return advance(turn);
    case "preparing":
      if (turn.state.operation === null) operate(turn, { type: "prepare" });
      return;
    case "claiming":
      if (!isSettled(role) || turn.state.operation !== null) return;
      enterPhase(turn, role, "promoting");
      return advance(turn);
    case "promoting":
      return bringUp(turn, role);
    case "publishing":
      if (isSettled(role)) serve(turn, role);
      return;
    case "resuming":
      if (isSettled(role)) serve(turn, role);
      return;
    case "leading":
      if (nameNewMemories(turn, role) || changeMembers(turn, role)) return;
      return stepDurability(turn, role);
    case "burying":
      if (turn.state.operation === null && turn.nowMs >= role.retryAtMs) {
        operate(turn, { type: "fence" });
      }
      return;
    case "restarting":
      // A leader that was only resuming its term when PostgreSQL died has no lease yet.
      if (isSettled(role) && turn.state.operation === null && turn.nowMs >= role.retryAtMs) {
        operate(turn, { type: "start_primary", sync: role.pendingSync ?? role.sync.setting });
      }
      return;
    case "switching":
      return continueSwitchover(turn, role);
    default:
      return assertNever(role.phase);
  }
}

/** An action that this leader asked for has succeeded. True where it was the leader's own. */
export function onLeaderActionDone(
  turn: Turn,
  action: ServerAction,
  result: ActionResult,
): void {
  const { role } = turn.state;
  if (role.kind !== "leader") return;
  switch (role.phase) {
    case "preparing":
      if (action.type === "prepare") return claim(turn, role);
      return;
    case "promoting":
      if (result.type === "started_primary") return publishTimeline(turn, role, action, result);
      return;
    case "leading":
      if (result.type === "sync_in_force" && action.type === "set_sync") {
        patchRole(turn, role, {
          sync: { setting: action.sync, barrierLsn: result.barrierLsn },
          pendingSync: null,
        });
      }
      return;
    case "burying":
      return afterBurial(turn, role);
    case "restarting":
      if (result.type === "started_primary") return restarted(turn, role, action, result);
      return;
    case "switching":
      return onSwitchoverActionDone(turn, role, result);
    default:
      return;
  }
}

/** An action that this leader asked for has failed. */
export function onLeaderActionFailed(
  turn: Turn,
  action: ServerAction,
  failure: ActionFailure,
  because: string,
): void {
  const { role } = turn.state;
  if (role.kind !== "leader") return;
  if (role.phase === "preparing" && action.type === "prepare") {
    stepDown(turn, `pre-flight failed: ${because}`);
    if (turn.state.role.kind === "follower") {
      patchRole(turn, turn.state.role, { campaignAtMs: turn.nowMs + PREFLIGHT_PAUSE_MS });
    }
    return;
  }
  if (role.phase === "switching") {
    return onSwitchoverActionFailed(turn, role, action, failure, because);
  }
  if (failure === "unsupported" && role.phase === "burying") {
    // Nobody here can end its backends, but what they acknowledge is on a standby that knows.
    return afterBurial(turn, role);
  }
  if (role.phase === "restarting" && failure !== "unsupported") {
    // It may have come up all the same, too late to be noticed: end it before anything else.
    const burying = enterPhase(turn, role, "burying");
    return void patchRole(turn, burying, { retryAtMs: turn.nowMs + RETRY_MS });
  }
  patchRole(turn, role, { retryAtMs: turn.nowMs + RETRY_MS });
}

/** A new observation of the local server reached a leader. */
export function onLeaderObserved(turn: Turn): void {
  const { role, server, operation } = turn.state;
  if (role.kind !== "leader" || server === null) return;
  if (role.phase === "leading" || role.phase === "publishing" || role.phase === "resuming") {
    // A standby under a leader was restarted behind its back: no write can succeed there.
    const gone = server.state === "stopped" || server.state === "absent" ||
      server.state === "refused" || server.state === "standby" || isHung(turn, role);
    if (gone && (operation === null || operation.action.type === "set_sync")) {
      report(turn, {
        event: "server_died",
        outcome: "noted",
        because: `PostgreSQL is ${server.state} while this node leads`,
      });
      enterPhase(turn, role, "burying");
      operate(turn, { type: "fence" });
      return;
    }
  }
  if (server.state !== "primary") return advance(turn);
  if (role.phase === "restarting" && operation === null) return cameBack(turn, role, server);
  rememberStandbys(turn, role);
  advance(turn);
}

/**
 * True where the server has been silent for longer than it may, and a standby could take over.
 * Without one nothing is gained by ending it: it may be replaying its WAL after a crash.
 */
function isHung(turn: Turn, role: LeaderRole): boolean {
  const { server, settings } = turn.state;
  const silent = server?.state === "unresponsive" || server?.state === "starting";
  return silent && role.phase === "leading" &&
    turn.nowMs - role.answeredAtMs >= settings.serverPatienceMs && hasReadySuccessor(turn, role);
}

/** Somebody else started the server again, on the timeline that this node still leads. */
function cameBack(
  turn: Turn,
  role: LeaderRole,
  server: ServerObservation & { readonly state: "primary" },
): void {
  if (role.published.at(-1)?.timeline !== server.timeline) {
    return stepDown(turn, `PostgreSQL came back on timeline ${server.timeline}`);
  }
  report(turn, { event: "restarted", outcome: "done", because: "not by this agent" });
  const next = patchRole(turn, role, {
    sync: { setting: server.sync, barrierLsn: null },
    pendingSync: server.sync.required >= 1 || mayBeAlone(turn.state)
      ? server.sync
      : initialSync(turn.state),
    answeredAtMs: turn.nowMs,
  });
  beat(turn, enterPhase(turn, next, "leading"));
  advance(turn);
}

/** True where the local data directory can be opened as primary again without a new timeline. */
export function canStartDirectly(state: State, timeline: number | null): boolean {
  const { server } = state;
  return server?.state === "stopped" && server.wasPrimary && timeline !== null && timeline > 0 &&
    server.checkpoint.timeline === timeline;
}

/** Gives up this term in favour of a standby that holds every commit. */
export function resign(turn: Turn, because: string): void {
  const { settings, durable, role } = turn.state;
  report(turn, {
    event: "resign",
    outcome: "done",
    because,
    fields: { term: durable.term },
  });
  if (role.kind === "leader" && role.switchover !== null) {
    progress(turn, role.switchover.reference, `the switchover ended: ${because}`, "failed");
  }
  persist(turn, { resignedTerm: durable.term });
  for (const peer of peersOf(turn.state)) {
    send(turn, peer, { type: "resigned", term: durable.term });
  }
  becomeFollower(turn, {
    leader: null,
    campaignAtMs: turn.nowMs + settings.leaseMs + 2 * pauseMs(settings),
  });
  patch(turn, { promise: null });
}

function claim(turn: Turn, role: LeaderRole): void {
  const adopted = role.published.at(-1) ?? null;
  enterPhase(turn, role, "claiming");
  claimSolo(turn, adopted);
}

/** Promotes, or starts, whatever there is; asked again after each action until it is primary. */
function bringUp(turn: Turn, role: LeaderRole): void {
  const { server, operation } = turn.state;
  if (operation !== null || server === null || turn.nowMs < role.retryAtMs) return;
  const sync = initialSync(turn.state);
  const record = role.published.at(-1);
  if (record === undefined) return;
  const firstStart = isVirgin(record);
  switch (server.state) {
    case "absent":
      if (firstStart) {
        operate(turn, { type: "initialise", incarnation: record.leader.incarnation, sync });
      }
      return;
    case "stopped":
      if (
        (firstStart && server.wasPrimary) ||
        canStartDirectly(turn.state, role.adopted?.timeline ?? null)
      ) {
        operate(turn, { type: "start_primary", sync });
      } else {
        operate(turn, { type: "start_standby" });
      }
      return;
    case "standby":
    case "primary":
      // A primary already: one that is taken over, or a promotion that succeeded after its time.
      operate(turn, {
        type: "promote",
        sync,
        ...(role.beyondTimeline === undefined ? {} : { beyondTimeline: role.beyondTimeline }),
      });
      return;
    default:
      return;
  }
}

function publishTimeline(
  turn: Turn,
  role: LeaderRole,
  action: ServerAction,
  result: ActionResult & { readonly type: "started_primary" },
): void {
  const record = role.published.at(-1);
  if (record === undefined) return;
  const setting = "sync" in action ? action.sync : role.sync.setting;
  const next = patchRole(turn, role, { sync: { setting, barrierLsn: result.barrierLsn } });
  enterPhase(turn, next, "publishing");
  const { takenTimeline: _announced, ...claimed } = record;
  // What an earlier claim may have made stays taken where this server was not promoted.
  const { beyondTimeline: taken = 0 } = role;
  publish(turn, {
    ...claimed,
    ...(taken > result.timeline ? { takenTimeline: taken } : {}),
    systemIdentifier: result.systemIdentifier,
    leader: { node: turn.state.settings.self, incarnation: result.incarnation },
    timeline: result.timeline,
    startLsn: result.startLsn,
  });
}

function serve(turn: Turn, role: LeaderRole): void {
  report(turn, {
    event: "primary",
    outcome: "done",
    because: "a majority holds the record that names this node",
    fields: { term: turn.state.durable.term },
  });
  beat(turn, patchRole(turn, enterPhase(turn, role, "leading"), { answeredAtMs: turn.nowMs }));
  advance(turn);
}

function restarted(
  turn: Turn,
  role: LeaderRole,
  action: ServerAction,
  result: ActionResult & { readonly type: "started_primary" },
): void {
  const record = role.published.at(-1);
  if (record === undefined || record.timeline !== result.timeline) {
    return stepDown(turn, `PostgreSQL came back on timeline ${result.timeline}`);
  }
  if (role.switchover !== null) {
    const { reference, failure } = role.switchover;
    progress(turn, reference, `rolled back, this node is primary again: ${failure}`, "failed");
  }
  const setting = "sync" in action ? action.sync : role.sync.setting;
  const next = patchRole(turn, role, {
    sync: { setting, barrierLsn: result.barrierLsn },
    pendingSync: null,
    switchover: null,
  });
  report(turn, { event: "restarted", outcome: "done", because: "on the same timeline" });
  beat(turn, enterPhase(turn, next, "leading"));
}

/** Every backend of the dead server is gone: hand over to a standby, or start it again. */
function afterBurial(turn: Turn, role: LeaderRole): void {
  if (hasReadySuccessor(turn, role)) {
    return resign(turn, "PostgreSQL died, and a standby holds every commit");
  }
  report(turn, {
    event: "restart_in_place",
    outcome: "started",
    because: "PostgreSQL died, and no standby may be elected",
  });
  enterPhase(turn, role, "restarting");
  advance(turn);
}
