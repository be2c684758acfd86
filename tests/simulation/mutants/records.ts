/**
 * Faults in records and in durability: what is committed, who is electable, what commits wait for.
 */
import { core, type Mutant, several } from "./mutant.ts";

/** The mutants of this file. */
export const RECORD_MUTANTS: readonly Mutant[] = [
  core(
    "minority-commits",
    "a record is committed by one member fewer than a majority",
    "agreement.ts",
    "neededOf(turn.state, membersUnder(turn.state, record))",
    "neededOf(turn.state, membersUnder(turn.state, record)) - 1",
  ),
  core(
    "stale-record-acknowledged",
    "an acknowledgement of an older record of the term counts for the newer one",
    "agreement.ts",
    "    compareRecords(peer.persisted, record) >= 0\n",
    "    peer.persisted.term >= record.term\n",
  ),
  core(
    "older-term-acknowledged",
    "an acknowledgement of an older term counts",
    "agreement.ts",
    `    peer.admitted && peer.persisted !== null && peer.persisted.term === record.term &&
    compareRecords(peer.persisted, record) >= 0`,
    "    peer.admitted && peer.persisted !== null",
  ),
  core(
    "promotion-before-solo",
    "the server is promoted before the solo record is committed",
    "phases.ts",
    "if (!isSettled(role) || turn.state.operation !== null) return;",
    "if (turn.state.operation !== null) return;",
  ),
  several("kept-electable", "E is kept through a promotion", [
    ["src/core/leader.ts", "    electable: [],\n", "    electable: adopted?.electable ?? [],\n"],
    [
      "src/core/leader.ts",
      "    required: 0,\n  });",
      "    required: adopted?.required ?? 0,\n  });",
    ],
  ]),
  core(
    "open-before-publishing",
    "the leader serves before a majority holds the record that names its timeline",
    "phases.ts",
    'case "publishing":\n      if (isSettled(role)) serve(turn, role);',
    'case "publishing":\n      serve(turn, role);',
  ),
  core(
    "record-before-names",
    "a record is published that the names in force do not bear out",
    "durability.ts",
    "return satisfiesC(situation.sync, next) &&\n",
    "return situation.sync.required >= 0 &&\n",
  ),
  core(
    "names-before-record",
    "PostgreSQL's names change before the record allows it",
    "durability.ts",
    "return situation.records.every((record) => satisfiesC(next, record));",
    "return situation.records.length > 0 && next.required >= 0;",
  ),
  core(
    "c-ignored",
    "condition C is ignored",
    "durability.ts",
    "return sync.required - outside >= promised.required;",
    "return sync.required - outside >= -1000;",
  ),
  core(
    "c-off-by-one",
    "condition C is off by one",
    "durability.ts",
    "return sync.required - outside >= promised.required;",
    "return sync.required - outside + 1 >= promised.required;",
  ),
  core(
    "c-against-newest-only",
    "condition C is checked against the newest record only",
    "durability.ts",
    "return situation.records.every((record) => satisfiesC(next, record));",
    "return situation.records.slice(-1).every((record) => satisfiesC(next, record));",
    "stepDurability() takes no step before its newest record is committed, and then that record " +
      "is the only one that may be in force. The condition matters once steps overlap.",
  ),
  core(
    "c-against-committed-only",
    "condition C is checked against the committed record only",
    "durability.ts",
    "return situation.records.every((record) => satisfiesC(next, record));",
    "return situation.records.slice(0, 1).every((record) => satisfiesC(next, record));",
    "For the same reason as c-against-newest-only: with a step under way no other one starts.",
  ),
  core(
    "h-ignored",
    "condition H is ignored",
    "durability.ts",
    "return past.length >= promised.required;",
    "return past.length >= 0;",
  ),
  core(
    "h-one-short",
    "condition H is content with one member fewer",
    "durability.ts",
    "return past.length >= promised.required;",
    "return past.length >= promised.required - 1;",
  ),
  core(
    "h-without-barrier",
    "condition H does not ask how far a standby has flushed",
    "durability.ts",
    "      lsn >= barrierLsn\n",
    "      lsn >= 0n\n",
  ),
  core(
    "unproved-names",
    "names that were asked for count as in force before that is proved",
    "standbys.ts",
    "const unproved = role.pendingSync ??\n    (role.sync.barrierLsn === null ? role.sync.setting : null);",
    `if (role.pendingSync !== null) {
    role = patchRole(turn, role, {
      sync: { setting: role.pendingSync, barrierLsn: server.insertLsn },
      pendingSync: null,
    });
  }
  const unproved = role.sync.barrierLsn === null ? role.sync.setting : null;`,
  ),
  core(
    "catching-up-counts",
    "a standby that has not caught up is electable",
    "standbys.ts",
    'standby.state === "streaming" && able.includes',
    'standby.state !== "" && able.includes',
    "Condition H asks how far the standby has flushed, whatever pg_stat_replication calls its " +
      "state: it enters E no sooner than it holds everything up to the barrier. With async its lag is " +
      "bounded and reported like any other's.",
  ),
  core(
    "async-at-first",
    "a new primary waits for nobody",
    "standbys.ts",
    "return { names, required: Math.min(Math.max(wantedStandbys(state), promised), names.length) };",
    "return { names: names.slice(0, 0), required: 0 };",
  ),
  core(
    "commits-wait-for-nobody",
    "the number of standbys that commits wait for drops to none",
    "durability.ts",
    "return { names: required === 0 ? [] : electable, required };",
    "return { names: required === 0 ? [] : electable, required: required - 1 };",
  ),
  core(
    "c-as-if-k-were-one",
    "condition C is checked as if the record promised one standby",
    "durability.ts",
    "return sync.required - outside >= promised.required;",
    "return sync.required - outside >= Math.min(1, promised.required);",
  ),
  core(
    "h-as-if-k-were-one",
    "condition H is satisfied by one standby, however many the record promises",
    "durability.ts",
    "return past.length >= promised.required;",
    "return past.length >= Math.min(1, promised.required);",
  ),
  core(
    "strict-relaxes",
    "with strict, commits wait for as many standbys as are there",
    "standbys.ts",
    `return present.length > 0 && electable.length >= wanted
      ? { electable, required: wanted }`,
    `return present.length > 0
      ? { electable, required: Math.min(wanted, electable.length) }`,
  ),
  core(
    "async-behind-wins",
    "with async, a candidate wins that is behind another member of E",
    "loss.ts",
    "theirs?.timeline === position.timeline && theirs.lsn > position.lsn",
    "theirs?.timeline === position.timeline && theirs.lsn < 0n",
  ),
  core(
    "async-any-lag",
    "with async, a candidate wins however much it lacks",
    "loss.ts",
    "if (behind > maximumLagBytes) {",
    "if (behind < 0n) {",
  ),
  core(
    "async-unreported",
    "with async, nobody is told of commits that may be lost",
    "leader.ts",
    "if (won.loss !== null) {",
    "if (won.loss !== null && won.votes.length === 0) {",
  ),
  core(
    "async-understated",
    "with async, the loss is reckoned from what the candidate itself heard",
    "verdict.ts",
    'if (message.type === "vote_answer" && message.granted) heard.push(message.heard);',
    'if (message.type === "denied") heard.push(null);',
  ),
  core(
    "coverage-of-two",
    "two members of E cover it, as in a cluster of three, however many there are",
    "candidate.ts",
    "const needed = record.electable.length - record.required + 1;",
    "const needed = Math.min(2, record.electable.length - record.required + 1);",
  ),
  core(
    "old-record-accepted",
    "a follower takes an older record for a newer one",
    "follower.ts",
    "record: newerRecord(turn.state.durable.record, message.record),",
    "record: message.record,",
    "heartbeatRefusal() has turned away every heartbeat whose record is older than the node's own.",
  ),
  several("record-goes-back", "a follower replaces its record by an older one", [
    [
      "src/core/follower.ts",
      "record: newerRecord(turn.state.durable.record, message.record),",
      "record: message.record,",
    ],
    [
      "src/core/follower.ts",
      "if (compareRecords(message.record, durable.record) < 0 && durable.admitted) {",
      "if (compareRecords(message.record, durable.record) < -1e9) {",
    ],
  ]),
  core(
    "trusts-own-record",
    "an agent that restarted takes its own record for committed",
    "leader.ts",
    "published: [durable.record],\n    sync",
    "published: [durable.record],\n    committed: durable.record,\n    sync",
  ),
  core(
    "own-timeline-kept",
    "a winner that was in recovery starts on the same timeline",
    "phases.ts",
    'return server?.state === "stopped" && server.wasPrimary && timeline !== null && timeline > 0 &&\n    server.checkpoint.timeline === timeline;',
    'return server?.state === "stopped" && timeline !== null && timeline > 0;',
    "PostgreSQL itself refuses: a directory with standby.signal starts in recovery, so the action " +
      "fails and is not repeated as another one; see recovery-opened for the other half.",
  ),
  several("recovery-opened", "a winner in recovery is opened without a new timeline", [
    [
      "tests/simulation/actions.ts",
      "data.history = [...data.history, { timeline, start: data.wal.length }];",
      "void timeline;",
    ],
  ]),
];
