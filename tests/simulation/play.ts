/**
 * One run: a storm of faults in which nothing may be lost, and then peace, in which everything has
 * to come back. A run ends at the first invariant that breaks.
 */
import { majoritySize } from "../../src/core/quorum.ts";
import { compareRecords, fingerprint, newerRecord } from "../../src/core/record.ts";
import { resumeAgent, startAgent } from "./agent.ts";
import { addCheckers } from "./checkers/all.ts";
import { startClients } from "./clients.ts";
import { STRANGER } from "./faults/disks.ts";
import { restoreMembers } from "./faults/members.ts";
import { applyFault } from "./faults.ts";
import { primaryOf } from "./hosts.ts";
import { createNetwork, healAll } from "./network.ts";
import { hostsOf, type Scenario } from "./scenario.ts";
import { createTally, type Tally } from "./tally.ts";
import { endProcess } from "./server.ts";
import { keepAlive } from "./wal.ts";
import {
  after,
  breach,
  emptyWorld,
  type Host,
  run,
  runUntil,
  type TraceLine,
  type Violation,
  type World,
} from "./world.ts";

/** Peace has this long to bring a primary, and as long again to bring all standbys. */
const RECOVERY_MS = 60_000;
/** What is there after this long is there to stay. */
const SETTLE_MS = 15_000;
/** Elections that peace may need; more are a storm. */
const MAXIMUM_TERMS = 12;
const LOOK_EVERY_MS = 500;

/** What came of a run. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly violation: Violation | null;
  readonly tally: Tally;
  /** How much time passed in the world. */
  readonly simulatedMs: number;
}

/** Plays a scenario to its end. `trace` is given every line of the transcript. */
export function play(
  scenario: Scenario,
  trace: ((line: TraceLine) => void) | null = null,
): Outcome {
  const world = createWorld(scenario, trace);
  try {
    for (const fault of scenario.faults) {
      after(world, fault.atMs, () => applyFault(world, fault));
    }
    startClients(world);
    run(world, scenario.stormMs);
    if (world.violations.length === 0) demandRecovery(world);
  } catch (error) {
    breach(world, "core", error instanceof Error ? `it throws ${error.message}` : String(error));
    if (trace !== null && error instanceof Error) {
      trace({ atMs: world.nowMs, node: null, kind: "violation", text: error.stack ?? "" });
    }
  }
  return {
    scenario,
    violation: world.violations[0] ?? null,
    tally: world.tally,
    simulatedMs: world.nowMs,
  };
}

/** A world in which every agent has just been started for the first time. */
export function createWorld(
  scenario: Scenario,
  trace: ((line: TraceLine) => void) | null = null,
): World {
  const world = emptyWorld({
    scenario,
    hosts: hostsOf(scenario),
    network: createNetwork({ ...scenario.weather }),
    tally: createTally(),
  });
  world.trace = trace;
  addCheckers(world);
  for (const host of world.hosts) startAgent(world, host);
  const lookAround = () => {
    for (const host of world.hosts) keepAlive(world, host);
    for (const checker of world.checkers) checker.looked?.();
    after(world, LOOK_EVERY_MS, lookAround);
  };
  lookAround();
  return world;
}

/** Ends every trouble, as far as people can. */
export function makePeace(world: World): void {
  world.stormy = false;
  healAll(world.network);
  for (const host of world.hosts) {
    host.up = true;
    restoreMembers(world, host);
    host.agentPausedUntilMs = 0;
    host.pausedUntilMs = 0;
    Object.assign(host.trouble, {
      diskFullUntilMs: 0,
      slowDiskUntilMs: 0,
      slowWalUntilMs: 0,
      refusedUntilMs: 0,
      forgetsVotesUntilMs: 0,
      sendsVotesLateUntilMs: 0,
      crashesAtFenceUntilMs: 0,
      crashesAtCatchUpUntilMs: 0,
      reopensAfterHandoverUntilMs: 0,
      pausesAfterBeatMs: 0,
    });
    if (host.process !== null) {
      host.process.hung = false;
      host.process.replayPaused = false;
      const { data } = host;
      if (data !== null) data.replayed = Math.max(data.replayed, data.flushed);
    }
    if (host.data?.systemIdentifier === STRANGER) {
      endProcess(world, host, "moved away");
      host.data = null;
    }
    if (host.agent !== null) {
      // Whoever reads status of a node that cannot come back by itself starts its agent anew.
      if (host.agent.state.rejoin.kind === "blocked") {
        host.agent = null;
        host.boot++;
      }
      resumeAgent(world, host);
    }
    startAgent(world, host);
  }
}

/** Makes peace, and demands that the cluster come back. */
export function demandRecovery(world: World): void {
  makePeace(world);
  if (!isRecoverable(world)) {
    world.tally.note("ending", "not recoverable by any protocol");
    return run(world, RECOVERY_MS);
  }
  const termBefore = highestTerm(world);
  const startMs = world.nowMs;
  const name = "6 liveness";
  const fail = (what: string) => {
    if (world.violations.length === 0) breach(world, name, what);
  };
  if (!runUntil(world, RECOVERY_MS, () => primaryOf(world) !== null)) {
    return fail(`no primary within ${RECOVERY_MS / 1000} s of peace`);
  }
  world.tally.note("recovery", `primary within ${bucket(world.nowMs - startMs)}`);
  if (!runUntil(world, RECOVERY_MS, () => isComplete(world))) {
    return fail(`not every standby is back within ${RECOVERY_MS / 1000} s more`);
  }
  run(world, SETTLE_MS);
  const [primary, term, acknowledged] = [
    primaryOf(world),
    highestTerm(world),
    world.acknowledged.length,
  ];
  run(world, SETTLE_MS);
  if (primaryOf(world) !== primary || primary === null) fail("the primary changes in peace");
  if (highestTerm(world) !== term) fail("the term grows in peace");
  if (term - termBefore > MAXIMUM_TERMS) fail(`${term - termBefore} terms were needed`);
  if (world.acknowledged.length === acknowledged) fail("no commit is acknowledged in peace");
  if (!isComplete(world)) fail("standbys come and go in peace");
}

/** True where each data member that may be is electable under the primary's committed record. */
export function isComplete(world: World): boolean {
  const primary = primaryOf(world);
  const record = primary?.disk.record ?? null;
  if (primary === null || record === null) return false;
  if (fingerprint(record.members) !== fingerprint(world.scenario.members)) return false;
  return world.hosts.every((host) => {
    const { kind } = host.settings.members.find((member) => member.name === host.name)!;
    if (kind === "witness" || host === primary) return true;
    if (host.process?.receiver?.upstream !== primary.name) return false;
    return primary.settings.nofailover.includes(host.name) ||
      record.electable.some((instance) => instance.incarnation === host.data?.incarnation);
  });
}

/**
 * True unless so many disks were lost that no protocol could go on: a majority has to know its
 * votes, and either the newest record's leader or enough of its electable members have their data.
 */
function isRecoverable(world: World): boolean {
  const admitted = world.hosts.filter((host) => host.disk.admitted);
  const newest = world.hosts.map(({ disk }) => disk.record).reduce(newerRecord, null);
  if (newest === null || newest.systemIdentifier === null) {
    return world.hosts.every(({ data }) => data === null);
  }
  const known = admitted.filter(({ name, disk }) =>
    compareRecords(disk.record, null) > 0 && newest.members.some((member) => member.name === name)
  );
  const needed = majoritySize(
    newest.members.length,
    world.hosts[0]!.settings.minConsensusNodes,
  );
  if (known.length < needed) return false;
  const alive = ({ node, incarnation }: { node: string; incarnation: string }) =>
    known.some((host: Host) => host.name === node && host.data?.incarnation === incarnation);
  if (alive(newest.leader)) return true;
  const { required, electable } = newest;
  if (required > 0) return electable.filter(alive).length >= electable.length - required + 1;
  // With async anybody will do, unless nobody remembers how far the leader was and that matters.
  return electable.some(alive) &&
    world.hosts.every(({ settings }) => settings.maximumLagBytes === null);
}

function highestTerm(world: World): number {
  return Math.max(...world.hosts.map(({ disk }) => disk.term));
}

function bucket(spanMs: number): string {
  return spanMs < 1000 ? "1 s" : spanMs < 5000 ? "5 s" : spanMs < 20_000 ? "20 s" : "60 s";
}
