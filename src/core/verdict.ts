/**
 * The count of a campaign: what the answers that have come in so far amount to.
 *
 * @module
 */
import { coverage, type Grant, isElectable } from "./candidate.ts";
import { aheadOf } from "./force.ts";
import { ownInstance } from "./local.ts";
import { formatLsn } from "./lsn.ts";
import { heardInsert, isAsync, type LossVerdict, lossVerdict, type PossibleLoss } from "./loss.ts";
import { hasMember, membersOf, membersUnder, neededOf, newestKnown } from "./members.ts";
import {
  type ClusterRecord,
  isForgotten,
  isVirgin,
  type Memory,
  newerRecord,
  type NodeName,
  sameInstance,
} from "./record.ts";
import type { CandidateRole, State } from "./state.ts";

/** What a campaign has come to so far. */
export interface Verdict {
  readonly outcome: "won" | "lost" | "pending";
  readonly because: string;
  /** The newest record among all that were shown. */
  readonly record: ClusterRecord | null;
  readonly votes: readonly NodeName[];
  /** Nothing more will come in. */
  readonly complete: boolean;
  /** A majority voted for it, and too few of them could show that they are not ahead of it. */
  readonly uncovered?: boolean;
  /** A forced campaign found somebody further than this node: repeating it changes nothing. */
  readonly hopeless?: boolean;
  /** What it may lack where it has won under an async record. */
  readonly loss?: PossibleLoss | null;
}

/** The grants that have come in, this node's own first. */
export function grantsOf(state: State, role: CandidateRole): Grant[] {
  const grants: Grant[] = [
    { instance: ownInstance(state), position: role.final ? role.position : null },
  ];
  for (const message of Object.values(role.answers)) {
    if (message.type !== "vote_answer" || !message.granted) continue;
    grants.push({ instance: message.instance, position: message.position });
  }
  return grants;
}

/** Counts what has come in. Denials and silence count for nothing; records in them still do. */
export function verdict(state: State, role: CandidateRole): Verdict {
  const { settings } = state;
  const self = ownInstance(state);
  const record = newestShown(state, role);
  const votes: NodeName[] = [];
  const denials: string[] = [];
  const members = membersUnder(state, record);
  const vote = (node: NodeName, memory: Memory | null): void => {
    if (!hasMember(members, node)) denials.push(`${node}: it is no member`);
    else if (isVirgin(record) || !isForgotten(record, node, memory)) votes.push(node);
    else denials.push(`${node}: it has lost the state that knew of this vote`);
  };
  vote(settings.self, state.durable.memory);
  for (const [node, message] of Object.entries(role.answers)) {
    if (message.type !== "pre_vote_answer" && message.type !== "vote_answer") continue;
    if (!message.granted) denials.push(`${node}: ${message.because}`);
    else if (message.type === "vote_answer") vote(node, message.memory);
    else if (hasMember(members, node)) votes.push(node);
    else denials.push(`${node}: it is no member`);
  }
  for (const node of role.failed) denials.push(`${node}: no answer`);
  const complete = votes.length + denials.length >= membersOf(state).length;
  const undecided = (because: string): Verdict => ({
    outcome: complete && (role.stage === "pre_vote" || role.final) ? "lost" : "pending",
    because: [because, ...denials].join("; "),
    record,
    votes,
    complete,
  });

  const impossible = isVirgin(record)
    ? null
    : isVirgin(state.durable.record)
    ? "the cluster has a record and this node lost it; a leader has to take it back first"
    : !hasMember(members, settings.self)
    ? "this node is not a member of the cluster"
    : null;
  if (impossible !== null) return { outcome: "lost", because: impossible, record, votes, complete };
  if (!isVirgin(record) && !role.forced && !isElectable(record!, self)) {
    // A denial comes at once, a grant after a revocation: it may yet bring a newer record.
    return undecided(`not electable under record ${record!.term}.${record!.seq}`);
  }
  const needed = isVirgin(record) ? members.length : neededOf(state, members);
  if (votes.length < needed) return undecided(`${votes.length} of ${needed} needed votes`);
  if (role.stage === "pre_vote") return { outcome: "won", because: "", record, votes, complete };
  if (!role.final) return undecided("its own position is not final yet");
  const grants = grantsOf(state, role);
  if (role.forced) {
    // Nobody leads by force without saying what that may cost, which takes a data directory's name.
    if (self === null) return undecided("its data directory cannot be read just now");
    const ahead = aheadOf(record!, role.position, grants);
    if (ahead !== null) {
      const { lsn, timeline } = ahead.position;
      const because = `${ahead.node} is further, at ${formatLsn(lsn)} on timeline ${timeline}: ` +
        `make ${ahead.node} the primary, by force if it cannot be elected otherwise`;
      return { outcome: "lost", because, record, votes, complete, hopeless: true };
    }
    // Whoever still answers may be ahead.
    if (!complete) return undecided("not every member has answered");
  } else if (record !== null && isAsync(record) && !sameInstance(record.leader, self!)) {
    const unheard = unheardOf(record, role, settings.self);
    if (unheard.length > 0) return undecided(`${unheard.join(", ")} may be ahead of it`);
    const judged = judgeLoss(state, role, record);
    if (!judged.may) return { ...undecided(judged.because), uncovered: true };
    // Who hands over is shut down, and the other has confirmed that it holds all of it.
    const loss = role.handover === null ? judged.loss : null;
    return { outcome: "won", because: "", record, votes, complete, loss };
  } else if (!isVirgin(record)) {
    const covered = coverage({
      record: record!,
      candidate: self!,
      position: role.position,
      grants: grants.filter(({ instance }) => instance !== null && votes.includes(instance.node)),
    });
    if (!covered.covered) return { ...undecided(covered.because), uncovered: true };
  }
  return { outcome: "won", because: "", record, votes, complete };
}

/** The newest record among this node's own and all that the answers show. */
function newestShown(state: State, role: CandidateRole): ClusterRecord | null {
  return Object.values(role.answers).reduce(
    (newest, answer) => "record" in answer ? newerRecord(newest, answer.record) : newest,
    newestKnown(state),
  );
}

/** Members of E that may yet answer, and so may yet turn out to be ahead. */
function unheardOf(record: ClusterRecord, role: CandidateRole, self: NodeName): NodeName[] {
  return record.electable.map(({ node }) => node).filter((node) =>
    node !== self && role.answers[node] === undefined && !role.failed.includes(node)
  );
}

/** Whether this node may lead without all commits, by what all who granted have heard. */
function judgeLoss(state: State, role: CandidateRole, record: ClusterRecord): LossVerdict {
  const heard = [heardInsert(state, state.nowMs)];
  for (const message of Object.values(role.answers)) {
    if (message.type === "vote_answer" && message.granted) heard.push(message.heard);
  }
  return lossVerdict({
    record,
    candidate: ownInstance(state)!,
    grants: grantsOf(state, role),
    heard: heard.filter((one) => one !== null),
    maximumLagBytes: state.settings.maximumLagBytes,
  });
}
