/**
 * Faults in leases, promises, resignations and switchovers.
 */
import { core, type Mutant, several } from "./mutant.ts";

/** The mutants of this file. */
export const LEASE_MUTANTS: readonly Mutant[] = [
  core(
    "promise-forgotten",
    "an agent that restarted grants at once",
    "initial.ts",
    `promise: isVirgin(durable.record)
      ? null
      : { term: durable.term, leader: null, untilMs: silentUntilMs },`,
    "promise: silentUntilMs < 0 ? { term: 0, leader: null, untilMs: 0 } : null,",
  ),
  core(
    "promise-ignored",
    "a voter grants although its promise holds",
    "voter.ts",
    "if (promise !== null && nowMs < promise.untilMs && promise.leader !== from) {",
    "if (promise !== null && nowMs < promise.untilMs && promise.leader === undefined) {",
  ),
  core(
    "promise-shorter-than-lease",
    "a promise ends before the lease that it protects",
    "lease.ts",
    "untilMs: nowMs + Math.max(leaseMs, settings.leaseMs) + settings.fenceMarginMs,",
    "untilMs: nowMs + 0.7 * Math.max(leaseMs, settings.leaseMs),",
  ),
  core(
    "lease-from-receipt",
    "a lease counts from the receipt of acknowledgements",
    "agreement.ts",
    "? Math.max(before.ackedSentAtMs ?? -Infinity, sent.sentAtMs)",
    "? turn.nowMs",
  ),
  core(
    "lease-by-minority",
    "one acknowledgement less than a majority renews the lease",
    "lease.ts",
    "newestAgreementMs([nowMs, ...acknowledged], needed);",
    "newestAgreementMs([nowMs, ...acknowledged], Math.max(1, needed - 1));",
  ),
  core(
    "lease-never-lapses",
    "a leader leads on although its lease has lapsed",
    "leader.ts",
    "if (turn.nowMs >= lapsesAtMs) {",
    "if (turn.nowMs >= lapsesAtMs + 1e9) {",
  ),
  several("no-fence", "a leader that steps down leaves its server open", [
    [
      "src/core/leader.ts",
      'operate(turn, { type: "fence" });',
      "",
    ],
    [
      "src/core/server_rules.ts",
      'when: { server: ["primary"], waiting: ["no"] },\n    then: "fence",',
      'when: { server: ["primary"], waiting: ["no"] },\n    then: "hold",',
    ],
  ]),
  core(
    "suspension-ignored",
    "a host that was suspended goes on as if nothing had been",
    "majority.ts",
    "if (event.gapMs >= turn.state.settings.leaseMs) {",
    "if (event.gapMs < 0) {",
  ),
  core(
    "refusal-while-solo",
    "refused connections end a promise although no standby holds every commit",
    "follower.ts",
    'if (found.agent !== "refused" || found.server !== "refused" || !covered) return;',
    'if (found.agent !== "refused" || found.server !== "refused") return;',
  ),
  core(
    "silence-is-refusal",
    "a leader whose ports are silent counts as gone",
    "follower.ts",
    'if (found.agent !== "refused" || found.server !== "refused" || !covered) return;',
    'if (found.agent === "open" || found.server === "open" || !covered) return;',
  ),
  core(
    "resumes-after-resigning",
    "an agent that restarted resumes a term that it gave up",
    "majority.ts",
    "durable.votedFor === settings.self && durable.resignedTerm < durable.term &&",
    "durable.votedFor === settings.self &&",
  ),
  core(
    "resumes-any-term",
    "an agent that restarted resumes a term that it does not lead",
    "majority.ts",
    "durable.record !== null && durable.record.term === durable.term &&\n    durable.votedFor === settings.self && durable.resignedTerm < durable.term &&",
    "durable.record !== null && durable.resignedTerm < durable.term &&",
  ),
  core(
    "resignation-not-persisted",
    "a leader hands over without noting that it resigned",
    "switchover.ts",
    "persist(turn, { resignedTerm: durable.term });",
    "",
  ),
  core(
    "resigns-without-burial",
    "a leader whose server died resigns without a durable note",
    "phases.ts",
    "persist(turn, { resignedTerm: durable.term });",
    "",
  ),
  several("handover-taken-back", "a leader rolls a switchover back after it sent the handover", [
    [
      "src/core/switchover.ts",
      `  becomeFollower(turn, {
    leader: null,
    campaignAtMs: turn.nowMs + settings.leaseMs + 2 * pauseMs(settings),
  });
  patch(turn, {
    promise: null,`,
      `  rollBack(turn, role, "it was sent, and is taken back");
  patch(turn, {
    promise: null,`,
    ],
  ]),
  core(
    "handover-before-confirmation",
    "a leader hands over to a target that lacks its last checkpoint",
    "switchover.ts",
    'if (message?.type !== "confirm_answer" || !message.reached) {',
    'if (message === null || message.type === "denied") {',
  ),
  core(
    "handover-for-anybody",
    "a handover to one candidate is honoured for every other",
    "voter.ts",
    "const honoured = handover !== null && handover.to === from &&\n",
    'const honoured = handover !== null && handover.to !== "" &&\n',
    "Only the target of a handover ever sends it on, in a claim of its own.",
  ),
  core(
    "stale-heartbeat-accepted",
    "a heartbeat of an older term is accepted",
    "follower.ts",
    "if (message.term < durable.term) return",
    "if (message.term < 0) return",
  ),
  core(
    "second-leader-heard",
    "a follower accepts two leaders of one term",
    "follower.ts",
    'if (role.kind === "follower" && role.leader !== null && role.leader !== from) {',
    'if (role.kind === "follower" && role.leader === from && role.leader !== from) {',
    "A term never has two leaders, so the second heartbeat of one never comes; the line is a " +
      "second wall behind the election.",
  ),
  core(
    "newer-leader-ignored",
    "a leader leads on beside the leader of a newer term",
    "follower.ts",
    '  if (turn.state.role.kind === "leader") {\n    stepDown(`${from} leads term ${message.term}`);\n  }',
    "  void stepDown;",
  ),
  core(
    "higher-term-ignored",
    "a leader leads on although it was told of a higher term",
    "agreement.ts",
    "if (message.term > durable.term && hasMember(membersOf(turn.state), from)) {",
    "if (message.term < 0) {",
  ),
  core(
    "attach-early",
    "standbys attach before the leader's timeline is committed",
    "agreement.ts",
    'const writable = role.phase === "leading" || role.phase === "switching";',
    'const writable = role.phase !== "adopting";',
  ),
  core(
    "two-conversations",
    "an operator's second wish takes the place of the first",
    "operator.ts",
    "if (watch !== null) {\n    const because",
    "if (watch !== null && watch.reference < 0) {\n    const because",
  ),
  core(
    "switchover-repeated",
    "a leader that was elected again hands over once more for the same wish",
    "operator.ts",
    'if (watch.stage !== "waiting") return finish(',
    'if (watch.stage === "writable") return finish(',
  ),
  core(
    "silent-step-down",
    "an operator is not told that a switchover ended with the leadership",
    "leader.ts",
    "if (role.switchover !== null) {\n    progress(",
    "if (role.switchover?.reference === -1) {\n    progress(",
  ),
  several("stranger-cloned-over", "a data directory of another cluster is cloned over", [
    [
      "src/core/server_rules.ts",
      'own !== null && expected !== null && own !== expected ? "foreign" : "same",',
      'own !== null && expected !== null && own === "" ? "foreign" : "same",',
    ],
    [
      "src/core/majority.ts",
      'if (failure === "diverged" && action.type === "follow") {',
      'if ((failure === "diverged" || failure === "foreign") && action.type === "follow") {',
    ],
  ]),
  core(
    "probe-never",
    "a silent leader's ports are never asked",
    "follower.ts",
    "if (turn.nowMs < role.probeAtMs || turn.nowMs >= promise.untilMs) return;",
    "if (turn.nowMs < role.probeAtMs || turn.nowMs >= 0) return;",
  ),
];
