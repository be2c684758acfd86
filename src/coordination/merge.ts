/**
 * One picture of the cluster out of what its nodes say.
 *
 * Every node is asked, and each speaks for itself, so the answers can contradict one another: a node
 * that was cut off still believes in a term that is over. Two things settle who is right: a majority
 * stands behind at most one primary per term, and a higher term ends every lower one. So the primary
 * is the node that claims to be it, with a majority, in the highest term that any majority stands
 * behind. A claim of a lower term is reported, never believed. Where the primary itself does not
 * answer here, a node that hears it is believed instead, and the picture says so; where nobody hears
 * it any more, those whose routers still send writes to its PostgreSQL. An answer without the
 * cluster's signature is shown, and believed in nothing.
 *
 * Pure: answers in, picture out.
 *
 * @module
 */
import { tooFewProblems } from "./merge_missing.ts";
import { compareNames } from "./names.ts";
import type { NodeStatus } from "./status.ts";

/** What one node answered, or why it did not. */
export type NodeAnswer =
  | {
    readonly node: string;
    readonly ok: true;
    readonly status: NodeStatus;
    /** False where the answer is not signed with the cluster's key: anybody may have made it. */
    readonly verified: boolean;
  }
  | { readonly node: string; readonly ok: false; readonly because: string };

/** Whether the cluster takes writes, as far as can be told from here. */
export type Verdict =
  /** A primary with a majority behind it. */
  | "writable"
  /** Nodes answered, and none of them knows such a primary. */
  | "no_majority"
  /** Nobody answered. */
  | "unreachable";

/** The merged picture. */
export interface ClusterView {
  /** One per member that was asked, by name. */
  readonly nodes: readonly NodeAnswer[];
  /** How many of them answered. */
  readonly reachable: number;
  /** The primary that a majority stands behind; null where there is none, or none that is known. */
  readonly primary: string | null;
  /** The primary's term; where there is none, the highest that was heard of; null: nobody answered. */
  readonly term: number | null;
  /** Whether the cluster takes writes. */
  readonly verdict: Verdict;
  /** What is wrong, one sentence each, the gravest first. */
  readonly problems: readonly string[];
}

/**
 * Merges the answers of a cluster's nodes.
 *
 * @param asked one per member asked; an empty list counts as nobody having answered
 */
export function mergeStatuses(asked: readonly NodeAnswer[]): ClusterView {
  const answers = asked.toSorted((a, b) => compareNames(a.node, b.node));
  const statuses = answers.flatMap((answer) => answer.ok ? [answer.status] : []);
  const believed = answers.flatMap((answer) => answer.ok && answer.verified ? [answer.status] : []);
  const found = findPrimary(answers, believed);
  const verdict: Verdict = statuses.length === 0
    ? "unreachable"
    : found.primary === null
    ? "no_majority"
    : "writable";
  return {
    nodes: answers,
    reachable: statuses.length,
    primary: found.primary,
    term: found.primary === null ? highestTerm(statuses) : found.term,
    verdict,
    problems: nothingBelieved(answers) ?? [
      ...found.problems,
      ...verdictProblems(verdict),
      ...(verdict === "no_majority" ? tooFewProblems(answers, statuses) : []),
      ...answers.flatMap((answer) => answer.ok ? [] : [unreachableProblem(answer)]),
      ...unsignedProblems(answers),
      ...foreignProblems(statuses),
      ...minorityProblems(statuses, found.primary),
      ...pauseProblems(statuses),
      ...statuses.flatMap((status) => nodeProblems(status, statuses, found.term)),
      ...ownProblems(statuses),
    ],
  };
}

/**
 * Why nothing can be said or asked where nodes answer, and none with this cluster's key; null where
 * one does, or nobody answers at all.
 */
export function unbelieved({ nodes }: Pick<ClusterView, "nodes">): string | null {
  const answering = nodes.filter(({ ok }) => ok);
  if (answering.length === 0 || answering.some((answer) => answer.ok && answer.verified)) {
    return null;
  }
  const names = answering.map(({ node }) => node).join(", ");
  return `No answer of ${names} is signed with the key of this configuration file, so none of it is` +
    " believed, and nothing is known about the cluster: its security.cluster_secret or cluster_name" +
    " is not theirs. Use the file of a member, or compare both.";
}

/** True where the node says that it is a primary that may be written to. */
export function claimsPrimary(status: NodeStatus): boolean {
  return status.role === "primary" && status.state === "primary" && status.has_majority;
}

interface Finding {
  readonly primary: string | null;
  readonly term: number | null;
  readonly problems: readonly string[];
}

function findPrimary(
  answers: readonly NodeAnswer[],
  statuses: readonly NodeStatus[],
): Finding {
  const term = highestTerm(statuses.filter((status) => status.has_majority));
  if (term === null) return borneWith(answers, statuses);
  const claims = statuses.filter(claimsPrimary);
  const stale = claims.filter((claim) => claim.term < term).map((claim) =>
    `${claim.node} still calls itself the primary of term ${claim.term}, but term ${term} is the` +
    ` cluster's: nothing may be written to ${claim.node}.`
  );
  const current = claims.filter((claim) => claim.term === term);
  if (current.length > 1) {
    const names = current.map((claim) => claim.node).join(" and ");
    const contradiction = `${names} both call themselves the primary of term ${term}. This must` +
      " never be: stop writing, keep both data directories, and report it.";
    return { primary: null, term, problems: [contradiction, ...stale] };
  }
  if (current[0] !== undefined) return { primary: current[0].node, term, problems: stale };
  return { ...hearsay(answers, statuses, term), problems: stale };
}

/** The leader that nodes with a majority follow, where it does not itself answer here. */
function hearsay(
  answers: readonly NodeAnswer[],
  statuses: readonly NodeStatus[],
  term: number,
): { primary: string | null; term: number } {
  const witness = statuses.find((status) =>
    status.has_majority && status.term === term && status.leader !== null &&
    status.leader !== status.node
  );
  const leader = witness?.leader ?? null;
  const answered = answers.some((answer) => answer.ok && answer.node === leader);
  return { primary: answered ? null : leader, term };
}

/** The primary whose agent is silent, and to which writes go all the same, for a while. */
function borneWith(answers: readonly NodeAnswer[], statuses: readonly NodeStatus[]): Finding {
  const term = highestTerm(statuses);
  const senders = statuses.filter((status) => status.term === term && status.writes_to !== null);
  const primary = senders[0]?.writes_to ?? null;
  if (primary === null || answers.some((answer) => answer.ok && answer.node === primary)) {
    return { primary: null, term: null, problems: [] };
  }
  const names = senders.map((status) => status.node).join(", ");
  return {
    primary,
    term,
    problems: [
      `The agent of ${primary} is silent, but its PostgreSQL works: writes go to it through the` +
      ` routers of ${names}. Start metako on ${primary}, or another node takes over after` +
      " agent_silence_timeout.",
    ],
  };
}

function highestTerm(statuses: readonly NodeStatus[]): number | null {
  return statuses.reduce<number | null>(
    (highest, status) => highest === null || status.term > highest ? status.term : highest,
    null,
  );
}

function verdictProblems(verdict: Verdict): readonly string[] {
  switch (verdict) {
    case "writable":
      return [];
    case "no_majority":
      return ["There is no primary with a majority behind it: writes wait."];
    case "unreachable":
      return ["No node answered, so nothing is known about the cluster."];
  }
}

function nothingBelieved(answers: readonly NodeAnswer[]): readonly string[] | null {
  const because = unbelieved({ nodes: answers });
  if (because === null) return null;
  return [because, ...answers.flatMap((answer) => answer.ok ? [] : [unreachableProblem(answer)])];
}

function minorityProblems(
  statuses: readonly NodeStatus[],
  primary: string | null,
): readonly string[] {
  const doubtful = statuses.filter((status) =>
    !status.has_majority && (primary === null || status.writes_to !== primary)
  );
  const names = doubtful.map((status) => status.node);
  if (names.length === 0) return [];
  const [verb, pronoun, say] = names.length === 1
    ? ["answers", "it", "what it says"]
    : ["answer", "them", "what they say"];
  return [
    `${names.join(", ")} ${verb} without a majority behind ${pronoun}: ${say} may be out of date.`,
  ];
}

function unreachableProblem(answer: NodeAnswer & { readonly ok: false }): string {
  const hint = answer.because.endsWith(" in time")
    ? " Its agent hangs, its host is down, or the network is cut."
    : "";
  return `${answer.node} does not answer: ${sentence(answer.because)}${hint}`;
}

function unsignedProblems(answers: readonly NodeAnswer[]): readonly string[] {
  const nodes = answers.flatMap((answer) => answer.ok && !answer.verified ? [answer.node] : []);
  if (nodes.length === 0) return [];
  const [what, it] = nodes.length === 1 ? ["answer", "it is"] : ["answers", "they are"];
  const is = nodes.length === 1 ? "is" : "are";
  return [
    `The ${what} of ${nodes.join(", ")} ${is} not signed with this cluster's key, so ${it} not` +
    " believed: compare security.cluster_secret here and there.",
  ];
}

function foreignProblems(statuses: readonly NodeStatus[]): readonly string[] {
  const identifiers = new Map<string, string[]>();
  for (const status of statuses) {
    if (status.system_identifier === null) continue;
    identifiers.set(status.system_identifier, [
      ...identifiers.get(status.system_identifier) ?? [],
      status.node,
    ]);
  }
  if (identifiers.size < 2) return [];
  const groups = [...identifiers].map(([id, nodes]) => `${nodes.join(", ")} (${id})`);
  return [`The data directories are of different clusters: ${groups.join(" and ")}.`];
}

/** A pause that not everybody keeps: the others still act, and may elect. */
function pauseProblems(statuses: readonly NodeStatus[]): readonly string[] {
  const paused = statuses.filter((status) => status.paused !== null);
  const others = statuses.filter((status) => status.paused === null).map(({ node }) => node);
  if (paused.length === 0 || others.length === 0) return [];
  return [
    `${others.join(", ")} ${others.length === 1 ? "is" : "are"} not paused, and the others are:` +
    " run metako pause again, or metako resume.",
  ];
}

function nodeProblems(
  status: NodeStatus,
  all: readonly NodeStatus[],
  term: number | null,
): readonly string[] {
  const problems: string[] = [];
  if (term !== null && status.term < term && !claimsPrimary(status)) {
    problems.push(`${status.node} is still in term ${status.term}, the cluster in term ${term}.`);
  }
  for (const peer of status.peers) {
    if (peer.agent === "unhealthy" && all.some((other) => other.node === peer.node)) {
      problems.push(`${status.node} cannot reach ${peer.node}, which answers here.`);
    }
  }
  return problems;
}

/** What the nodes say of themselves; what several say in the same words is printed once. */
function ownProblems(statuses: readonly NodeStatus[]): readonly string[] {
  const nodesByText = new Map<string, string[]>();
  for (const status of statuses) {
    for (const text of new Set(ownTexts(status).map(sentence))) {
      nodesByText.set(text, [...nodesByText.get(text) ?? [], status.node]);
    }
  }
  return [...nodesByText].map(([text, nodes]) => `${nodes.join(", ")}: ${text}`);
}

function ownTexts(status: NodeStatus): readonly string[] {
  const running = status.state === "primary" || status.state === "standby";
  const because = status.state_because;
  // The first problem of a node with a bad condition tells it already.
  if (running || !because || status.condition?.level === "bad") return status.problems;
  return [
    `${stateWords(status.state)}: ${because}`,
    ...status.problems.filter((text) => sentence(text) !== sentence(because)),
  ];
}

/** A server's state as the beginning of a sentence that says why. */
function stateWords(state: NodeStatus["state"]): string {
  return state === "refused" ? "metako leaves this server alone" : `PostgreSQL is ${state}`;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
