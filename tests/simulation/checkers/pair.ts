/**
 * Pair mode: a node acts alone only where it may, and the lower of two terms yields. What a pair
 * that was cut in two has to give up is counted, and nothing else is ever excused.
 */
import { isVirgin } from "../../../src/core/record.ts";
import type { State } from "../../../src/core/state.ts";
import { isPaused } from "../agent.ts";
import { localMs } from "../clock.ts";
import { mayFork } from "../pairs.ts";
import { type Acknowledged, breach, type Checker, type Host, type World } from "../world.ts";

/** What a pair that was cut in two has given up. */
export interface Forks {
  readonly checker: Checker;
  /** True where two primaries at once are what this run may end in. */
  readonly excused: boolean;
  /** True where the loss of a commit is the documented end of a fork; it is counted. */
  givesUp(commit: Pick<Acknowledged, "row">): boolean;
}

interface Heard {
  readonly boot: number;
  /** On the host's own clock. */
  readonly atMs: number;
  readonly entitled: boolean;
}

/** How often the checkers look, and so how exactly they know when an address was last reached. */
const LOOK_EVERY_MS = 550;
/** Answers that are on their way, slow disks, and the pause between two looks. */
const SLACK_MS = 1500;

/** True where nobody else may be elected under any record that may be in force. */
function isSolo({ role, durable }: State): boolean {
  const records = role.kind === "leader" ? role.published : [durable.record];
  return records.every((record) => record?.electable.length === 0);
}

/** Watches the nodes of a pair; in other runs it has nothing to do. */
export function createForks(world: World): Forks {
  const name = "7 pair";
  const excused = mayFork(world.scenario);
  const alone = new Map<string, boolean>();
  const aloneRows = new Set<number>();
  const given = new Set<number>();
  const heard = new Map<string, Heard>();
  const streamedAtMs = new Map<string, number>();
  const reachedAtMs = new Map<string, number>();

  const reaches = ({ name: host, settings }: Host) => {
    const lost = world.network.witnesses.get(host) ?? 0;
    const count = settings.pair?.witnessCount ?? 0;
    return count - Math.min(count, lost) > count / 2;
  };

  /** A node that stood still has not looked meanwhile: it goes by what it saw before. */
  const streamedLately = ({ name: host, pausedUntilMs, agentPausedUntilMs }: Host) => {
    const seenAtMs = streamedAtMs.get(host);
    const lookingAtMs = Math.max(seenAtMs ?? 0, pausedUntilMs, agentPausedUntilMs);
    return seenAtMs !== undefined && world.nowMs - lookingAtMs < SLACK_MS;
  };

  const sinceReachedMs = (host: Host) =>
    reaches(host) ? 0 : world.nowMs - (reachedAtMs.get(host.name) ?? 0);

  const checkElected = (host: Host, wasSolo: boolean) => {
    const { pair, heartbeatIntervalMs } = host.settings;
    if (pair === null || wasSolo) return;
    const last = heard.get(host.name);
    const silentMs = localMs(host.clock, world.nowMs) - (last?.atMs ?? 0);
    const fail = (what: string) => breach(world, name, `${host.name} is elected alone ${what}`);
    if (last === undefined || last.boot !== host.boot) fail("after its own restart");
    else if (!last.entitled) fail("though the silence began while it was not electable");
    else if (silentMs < pair.failoverDelayMs) fail(`after ${Math.round(silentMs)} ms of silence`);
    else if (silentMs < pair.failureThreshold * heartbeatIntervalMs) fail("after too few checks");
    else if (silentMs > 2 * pair.failoverDelayMs + SLACK_MS) fail("too late");
  };

  const checkWitnesses = (host: Host, slackMs: number) => {
    const { pair, leaseMs } = host.settings;
    if (pair === null || pair.witnessCount === 0) return;
    // Until it is told, an agent cannot know that its clock stood still.
    if (host.suspended) return;
    if (sinceReachedMs(host) <= 1.03 * leaseMs + slackMs) return;
    breach(world, name, `${host.name} acts alone and reaches no majority of the witness addresses`);
  };

  return {
    excused,
    givesUp({ row }) {
      if (!excused || !aloneRows.has(row)) return false;
      if (!given.has(row)) world.tally.note("pair", "commit given up");
      given.add(row);
      return true;
    },
    checker: {
      name,
      stepped(host, before, event, effects) {
        const { pair } = host.settings;
        if (pair === null) return;
        const { state } = host.agent!;
        const { role, durable } = state;
        const streams = event.type === "observed" && event.server.state === "standby" &&
          event.server.streamingFrom !== null;
        if (streams) streamedAtMs.set(host.name, world.nowMs);
        if (event.type === "request" && event.message.type === "heartbeat") {
          const { message, from } = event;
          if (role.kind === "leader" && durable.term < message.term) {
            breach(world, name, `${host.name} leads on under term ${durable.term} against ${from}`);
          }
          const accepted = effects.some((effect) =>
            effect.type === "answer" && effect.message.type === "heartbeat_answer" &&
            effect.message.accepted
          );
          if (accepted) {
            const { record } = durable;
            heard.set(host.name, {
              boot: host.boot,
              atMs: state.nowMs,
              entitled: !message.alone && durable.admitted &&
                streamedLately(host) &&
                record !== null &&
                (record.required > 0 || host.settings.durability === "async") &&
                record.electable.some(({ incarnation }) => incarnation === host.data?.incarnation),
            });
          }
        }
        const isAlone = role.kind === "leader" && role.alone;
        // A server without its leader acknowledges on as that one left it.
        const resuming = role.kind === "leader" && role.phase === "resuming";
        if (role.kind === "leader" && !resuming) alone.set(host.name, isAlone);
        if (event.type === "witnesses_checked" && 2 * event.reached > pair.witnessCount) {
          reachedAtMs.set(host.name, world.nowMs);
        }
        if (!isAlone || (before.role.kind === "leader" && before.role.alone)) return;
        world.tally.note("pair", `alone as ${before.role.kind}`);
        checkWitnesses(host, LOOK_EVERY_MS);
        if (before.role.kind === "candidate") {
          if (before.role.forced) return;
          const own = before.durable.record;
          const wasSolo = own !== null && !isVirgin(own) && own.electable.length === 0 &&
            own.leader.node === host.name && own.leader.incarnation === host.data?.incarnation;
          checkElected(host, wasSolo);
        } else if (pair.witnessCount === 0 && pair.whenAlone === "fence" && !isSolo(before)) {
          breach(world, name, `${host.name} goes on alone, and should fence`);
        }
      },
      acknowledged({ row, node }) {
        if (alone.get(node) === true) aloneRows.add(row);
      },
      looked() {
        for (const host of world.hosts) {
          if (host.settings.pair === null) continue;
          if (reaches(host)) reachedAtMs.set(host.name, world.nowMs);
          const { agent } = host;
          if (agent === null || agent.busy || isPaused(world, host)) continue;
          const { role } = agent.state;
          if (role.kind === "leader" && role.alone) checkWitnesses(host, SLACK_MS);
        }
      },
    },
  };
}
