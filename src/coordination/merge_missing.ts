/**
 * Who is missing where there is no primary: too many for a majority, or those who alone may lead.
 *
 * Pure: answers in, sentences out.
 *
 * @module
 */
import type { NodeAnswer } from "./merge.ts";
import { compareNames } from "./names.ts";
import type { NodeStatus } from "./status.ts";

/** What to do where the silence of others explains that there is no primary; empty where it does not. */
export function tooFewProblems(
  answers: readonly NodeAnswer[],
  statuses: readonly NodeStatus[],
): readonly string[] {
  const members = Math.max(...statuses.map((status) => status.peers.length + 1));
  const needed = Math.floor(members / 2) + 1;
  // Who was not asked may well answer.
  if (answers.length < members) return [];
  const silent = answers.filter((answer) => !answer.ok).map((answer) => answer.node);
  const awaited = awaitedCandidates(statuses, silent);
  if (awaited.length === 0) {
    if (statuses.length >= needed) return [];
    return [
      `An election needs ${needed} of ${members} members, and ${statuses.length} answered: start` +
      ` metako on ${silent.join(" or ")}, or mend the network.`,
    ];
  }
  const names = awaited.join(" or ");
  const few = statuses.length >= needed
    ? ""
    : `An election needs ${needed} of ${members} members, and ${statuses.length} answered. `;
  return [
    `${few}Only ${names} may lead, since nobody else is known to have every commit, and ` +
    `${
      awaited.length === 1 ? "it does" : "they do"
    } not answer: start metako on ${names}, or mend` +
    " the network. Where that host is lost for good, metako failover --to NODE --force says what" +
    " another one would cost.",
  ];
}

/** Those who alone may lead, where none of them answers; empty where one does, or nobody knows. */
function awaitedCandidates(
  statuses: readonly NodeStatus[],
  silent: readonly string[],
): readonly string[] {
  const records = statuses.flatMap(({ record }) => record === null ? [] : [record]);
  const [newest] = records.toSorted((a, b) => b.term - a.term || b.seq - a.seq);
  if (newest === undefined) return [];
  const candidates = [...new Set([newest.leader, ...newest.electable])];
  return candidates.every((node) => silent.includes(node)) ? candidates.sort(compareNames) : [];
}
