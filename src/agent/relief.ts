/**
 * A primary whose disk is full answers, and cannot write. Where a standby that may be elected has
 * room, the core is told that the server does not respond, so that it gives way to that standby in
 * the usual way; without one nothing would be gained, and reads go on.
 *
 * @module
 */
import type { NodeHealth } from "../coordination/health.ts";
import type { ServerObservation } from "../core/server.ts";
import type { State } from "../core/state.ts";
import { isVital } from "./disks.ts";

/** Twice what a candidate must have (postgres/options.ts, `diskFloorMiB`). */
const ROOM_BYTES = 128 * 1024 ** 2;

/** What is known besides the observation. */
export interface ReliefSources {
  readonly state: State;
  /** Where PostgreSQL has no room left to write, in words; null where it has. */
  readonly full: string | null;
  readonly peers: readonly NodeHealth[];
}

/** The observation as the core is told it. */
export function relieved(found: ServerObservation, sources: ReliefSources): ServerObservation {
  const { state, full, peers } = sources;
  if (found.state !== "primary" || full === null || state.role.kind !== "leader") return found;
  const electable = state.durable.record?.electable.map(({ node }) => node) ?? [];
  const roomy = peers.some((peer) => electable.includes(peer.node) && hasRoom(peer));
  if (!roomy) return found;
  return { state: "unresponsive", because: `${full} is full, so that nothing can be written` };
}

/** True where its disks are known, and each one under PostgreSQL has room. */
function hasRoom({ agent, status }: NodeHealth): boolean {
  if (agent !== "ok" || status === null) return false;
  const disks = status.disks.filter(({ folder }) => isVital(folder));
  return disks.length > 0 && disks.every(({ free_bytes: freeBytes }) => freeBytes >= ROOM_BYTES);
}
