/**
 * What a pause may keep the agent from doing, so that no two primaries can come of it.
 *
 * A paused node neither votes nor campaigns. So while a majority is paused nobody is elected, and a
 * primary whose lease ends need not be fenced. Before it relies on that, the leader makes sure that
 * no election was under way: each of a majority has acknowledged a heartbeat that was sent after it
 * had said that it is paused. Whoever had voted for a higher term before would have refused it, and
 * whoever is paused votes no more; so every majority that could have elected another has one in it
 * that did not. (docs/decisions/2026-11-26-a-pause-takes-the-votes-away-first.md)
 *
 * Pure.
 *
 * @module
 */
import { majorityOf, membersOf } from "../core/members.ts";
import type { Request } from "../core/message.ts";
import type { NodeName } from "../core/record.ts";
import type { ServerAction } from "../core/server.ts";
import type { State } from "../core/state.ts";

/** What a member said of its pause, and since when without a break, on this node's clock. */
export interface PeerPause {
  /** Null: it is not paused. */
  readonly id: string | null;
  readonly sinceMs: number;
}

/** What was heard of the others; who never answered is not in it. */
export type PeerPauses = ReadonlyMap<NodeName, PeerPause>;

/** Actions that start, stop and turn nothing: commits go on while a standby is in maintenance. */
const HARMLESS: readonly ServerAction["type"][] = ["set_sync", "prepare"];

/** Messages that could make another node the leader. */
const ELECTORAL: readonly Request["type"][] = ["pre_vote", "vote", "handover"];

/** True where a paused node neither sends nor answers `message`. */
export function isElectoral(message: Pick<Request, "type">): boolean {
  return ELECTORAL.includes(message.type);
}

/**
 * True where `action` has to wait for the end of the pause. A fence waits only where the primary is
 * held: until then, and after a newer term was heard of, safety comes before the pause.
 */
export function isHeld(action: ServerAction, holdsPrimary: boolean): boolean {
  if (HARMLESS.includes(action.type)) return false;
  return action.type !== "fence" || holdsPrimary;
}

/** True where the leader may begin to leave its primary alone even without a lease. */
export function mayHold(state: State, id: string, peers: PeerPauses): boolean {
  const { role, server, settings } = state;
  if (role.kind !== "leader" || role.phase !== "leading" || role.switchover !== null) return false;
  if (server?.state !== "primary") return false;
  const behind = membersOf(state).filter(({ name }) => {
    if (name === settings.self) return true;
    const peer = peers.get(name);
    const acked = role.peers[name]?.ackedSentAtMs ?? -Infinity;
    return peer?.id === id && acked > peer.sinceMs;
  });
  return behind.length >= neededFor(state);
}

/** True while what {@linkcode mayHold} found in `heldTerm` can still be relied upon. */
export function stillHolds(
  state: State,
  pause: { readonly id: string; readonly heldTerm: number | null },
  peers: PeerPauses,
): boolean {
  if (pause.heldTerm === null || pause.heldTerm !== state.durable.term) return false;
  const perhaps = membersOf(state).filter(({ name }) => {
    const peer = peers.get(name);
    return peer === undefined || peer.id === pause.id;
  });
  return perhaps.length >= neededFor(state);
}

/** One of a pair may be elected by itself, so there both have to be paused. */
function neededFor(state: State): number {
  return state.settings.pair === null ? majorityOf(state) : membersOf(state).length;
}
