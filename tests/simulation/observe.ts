/**
 * What an agent sees of the server beside it.
 */
import type { ServerObservation } from "../../src/core/server.ts";
import { attachedStandbys, checkpointOf, lsnOf, standbyPosition, timelineOf } from "./server.ts";
import type { Host, World } from "./world.ts";

/** Looks at the server of `host` now. */
export function observe(world: World, host: Host): ServerObservation {
  const { data, process } = host;
  if (host.trouble.refusedUntilMs > world.nowMs) {
    return { state: "refused", because: "the data directory cannot be read" };
  }
  if (data === null) return { state: "absent" };
  const { incarnation, systemIdentifier } = data;
  if (process === null) {
    return {
      state: "stopped",
      incarnation,
      systemIdentifier,
      wasPrimary: !data.standbySignal,
      cleanly: data.cleanly,
      checkpoint: checkpointOf(data),
    };
  }
  if (process.hung) return { state: "unresponsive", because: "nothing answers" };
  if (process.readyAtMs > world.nowMs) return { state: "starting", because: "recovery" };
  if (process.kind === "standby") {
    return {
      state: "standby",
      incarnation,
      systemIdentifier,
      position: standbyPosition(data, process),
      replayedLsn: lsnOf(data.replayed),
      streamingFrom: process.receiver?.upstream ?? null,
      following: data.following,
      replayPaused: process.replayPaused,
    };
  }
  return {
    state: "primary",
    incarnation,
    systemIdentifier,
    timeline: timelineOf(data),
    insertLsn: lsnOf(data.wal.length),
    standbys: attachedStandbys(process),
    sync: data.sync,
  };
}
