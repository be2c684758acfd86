/**
 * Faults in who may be elected: votes, revocation, coverage, terms.
 */
import { core, type Mutant, several } from "./mutant.ts";

/** The mutants of this file. */
export const ELECTION_MUTANTS: readonly Mutant[] = [
  core(
    "no-revocation",
    "a voter answers without revoking its standby",
    "voter.ts",
    'if (turn.state.operation === null) return operate(turn, { type: "revoke" });',
    "if (turn.state.operation === null) return answerPendingVote(turn, ownPosition(turn.state));",
  ),
  several(
    "no-own-revocation",
    "a candidate does not revoke itself",
    [
      [
        "src/core/election.ts",
        "patchRole(turn, role, { final: !revocable });",
        "patchRole(turn, role, { final: true, position: ownPosition(turn.state) });",
      ],
      [
        "src/core/election.ts",
        'if (revocable) operate(turn, { type: "revoke" });',
        "",
      ],
    ],
    "What a candidate receives after it has named its position it holds as well, and takes along " +
      "when it is promoted, which ends its WAL receiver. As somebody else's voter it is revoked " +
      "like any other. Its revocation makes the position in reports exact, no election safer.",
  ),
  core(
    "position-before-revocation",
    "the position of the last observation counts as final",
    "majority.ts",
    'const position = result.type === "revoked" ? result.position : null;',
    `const { server } = turn.state;
    const position = server?.state === "standby" ? server.position : null;
    void result;`,
  ),
  core(
    "failed-revocation-counts",
    "a revocation that failed counts all the same",
    "majority.ts",
    "    onRevokedForVote(turn, null);\n    return onRevokedForCampaign(turn, null, because);",
    `    const { server } = turn.state;
    const position = server?.state === "standby" ? server.position : null;
    onRevokedForVote(turn, position);
    return onRevokedForCampaign(turn, position, because);`,
  ),
  core(
    "vote-not-persisted",
    "a voter does not make its vote durable",
    "voter.ts",
    "persist(turn, { term: claim.term, votedFor: from, admitted: true });",
    "persist(turn, { term: claim.term, votedFor: null, admitted: true });",
  ),
  core(
    "own-vote-not-persisted",
    "a candidate does not make its own vote durable",
    "election.ts",
    "persist(turn, { term, votedFor: settings.self, admitted: true });",
    "persist(turn, { term, votedFor: null, admitted: true });",
  ),
  core(
    "no-coverage",
    "a majority alone elects",
    "candidate.ts",
    "covered: counted >= needed,",
    "covered: true,",
  ),
  core(
    "coverage-off-by-one",
    "one member of E too few has to be met",
    "candidate.ts",
    "record.electable.length - record.required + 1;",
    "record.electable.length - record.required;",
  ),
  core(
    "no-position-counts",
    "a grant without position counts for coverage",
    "candidate.ts",
    `    grant.instance !== null && grant.position !== null &&
    grant.position.timeline === position.timeline && grant.position.lsn <= position.lsn`,
    `    grant.instance !== null && (grant.position === null ||
      (grant.position.timeline === position.timeline && grant.position.lsn <= position.lsn))`,
  ),
  core(
    "denials-count",
    "a denial counts for coverage as if it were a grant",
    "verdict.ts",
    `if (message.type !== "vote_answer" || !message.granted) continue;
    grants.push({ instance: message.instance, position: message.position });`,
    `if (message.type !== "vote_answer") continue;
    const position = message.granted ? message.position : role.position;
    grants.push({ instance: message.instance, position });`,
  ),
  core(
    "anybody-counts",
    "members outside E count for coverage",
    "candidate.ts",
    `    record.electable.filter((member) =>
      notAhead.some((grant) => sameInstance(grant.instance!, member))
    ).length;`,
    "    notAhead.length;",
  ),
  several("witness-counts", "the grant of a witness counts for coverage", [
    [
      "src/core/candidate.ts",
      "    ).length;\n  return {\n    covered:",
      "    ).length + grants.filter(({ instance }) => instance === null).length;\n  return {\n    covered:",
    ],
    [
      "src/core/verdict.ts",
      "grants.filter(({ instance }) => instance !== null && votes.includes(instance.node))",
      "grants.filter(({ instance }) => instance === null || votes.includes(instance.node))",
    ],
  ]),
  core(
    "ahead-counts",
    "a member that is ahead of the candidate counts for coverage",
    "candidate.ts",
    "grant.position.lsn <= position.lsn",
    "grant.position.lsn >= 0n",
  ),
  core(
    "any-lineage",
    "positions are compared across timelines",
    "candidate.ts",
    "grant.position.timeline === position.timeline && grant.position.lsn",
    "grant.position.lsn",
    "E holds only standbys seen streaming on the leader's own timeline in its term, and a standby " +
      "that is taken off that line comes back as another instance, so members of E that grant " +
      "with a final position show the same timeline, or have not reached its first record and " +
      "then stand behind everybody who has.",
  ),
  several("anybody-elected", "a candidate outside E is accepted, by voters and by itself", [
    [
      "src/core/candidate.ts",
      "(sameInstance(record.leader, instance) || includesInstance(record.electable, instance));",
      "(record.term >= 0);",
    ],
    [
      "src/core/candidate.ts",
      "if (!includesInstance(record.electable, candidate)) {",
      "if (record.term < 0) {",
    ],
  ]),
  several("solo-elects", "a solo record elects whoever has a majority", [
    [
      "src/core/candidate.ts",
      "(sameInstance(record.leader, instance) || includesInstance(record.electable, instance));",
      "(record.required === 0 || includesInstance(record.electable, instance));",
    ],
    [
      "src/core/candidate.ts",
      "if (!includesInstance(record.electable, candidate)) {",
      'if (record.required === 0) return { covered: true, counted: 0, needed, because: "" };\n  if (!includesInstance(record.electable, candidate)) {',
    ],
  ]),
  core(
    "own-record-only",
    "a candidate goes by its own record instead of the newest it was shown",
    "verdict.ts",
    `    (newest, answer) => "record" in answer ? newerRecord(newest, answer.record) : newest,
    newestKnown(state),
`,
    `    (newest, answer) => answer.term < 0 ? null : newest,
    state.durable.record,
`,
  ),
  core(
    "host-not-incarnation",
    "records name hosts instead of data directories",
    "record.ts",
    "return a.node === b.node && a.incarnation === b.incarnation;",
    "return a.node === b.node;",
  ),
  core(
    "wiped-node-votes",
    "a node that lost its state votes",
    "voter.ts",
    "if (!firstStart && !durable.admitted) {",
    "if (!firstStart && durable.term < 0) {",
  ),
  core(
    "wiped-node-admitted-early",
    "a node that lost its state is taken back before a majority of the others holds the record",
    "agreement.ts",
    "return holders(state, others, newest) >= needed;",
    "return holders(state, others, newest) >= 1;",
  ),
  core(
    "attached-without-memory",
    "a node that lost its state streams from whoever says to lead",
    "server_rules.ts",
    'return durable.admitted ? "attach" : "wait";',
    'return "attach";',
  ),
  core(
    "unadmitted-acknowledges",
    "the acknowledgement of a node that lost its state counts",
    "follower.ts",
    "persisted: admitted && record !== null ?",
    "persisted: record !== null ?",
    "A node that lost its state keeps no record before it is taken back, and where it was given an " +
      "old copy it says that it is not admitted, which no leader counts: a second wall.",
  ),
  core(
    "two-votes",
    "a voter grants twice in one term",
    "voter.ts",
    "if (claim.term === term && votedFor !== null && votedFor !== from) {",
    "if (claim.term === term && votedFor !== null && votedFor === null) {",
  ),
  core(
    "old-term-elects",
    "a vote request of an older term is granted",
    "voter.ts",
    "if (claim.term < term) return",
    "if (claim.term < 0) return",
  ),
  core(
    "one-vote-short",
    "one vote less than a majority elects",
    "verdict.ts",
    "if (votes.length < needed) return undecided(",
    "if (votes.length < needed - 1) return undecided(",
  ),
  core(
    "first-start-by-majority",
    "a majority suffices for the first start",
    "verdict.ts",
    "const needed = isVirgin(record) ? members.length : neededOf(state, members);",
    "const needed = neededOf(state, members);",
  ),
  core(
    "running-primary-grants",
    "a node whose PostgreSQL runs as primary grants",
    "voter.ts",
    'if (!firstStart && server?.state === "primary") {',
    'if (!firstStart && server?.state === "primary" && state.durable.term < 0) {',
  ),
  core(
    "term-not-raised",
    "a candidate asks for votes in the term that is already there",
    "election.ts",
    "if (!isPair(state)) return term + 1;",
    "if (!isPair(state)) return Math.max(1, term);",
  ),
  core(
    "record-leader-always",
    "the record's leader is taken for covered although another led since",
    "record.ts",
    "return compareRecords(a, b) >= 0 ? a : b;",
    "return compareRecords(a, b) <= 0 && a !== null ? a : b;",
  ),
];
