/**
 * Faults in what one of a pair may do without the other.
 */
import { core, type Mutant, several } from "./mutant.ts";

/** The mutants of this file. */
export const PAIR_MUTANTS: readonly Mutant[] = [
  core(
    "pair-entitled-by-restart",
    "a standby promotes itself after its own restart",
    "pair.ts",
    "    failedChecks: 0,\n    checkAtMs: nowMs,\n    entitled: false,",
    "    failedChecks: 0,\n    checkAtMs: nowMs,\n    entitled: true,",
  ),
  core(
    "pair-ignores-witnesses",
    "a minority of the witness addresses is enough",
    "pair.ts",
    "const enough = reached >= Math.floor(settings.pair.witnessCount / 2) + 1;",
    "const enough = reached >= 0;",
  ),
  core(
    "pair-entitled-out-of-e",
    "a standby promotes itself though the silence began while it was not in E",
    "pair.ts",
    "hearPeer(turn, awake && !alone && streams && electable);",
    "hearPeer(turn, awake && streams && (electable || !electable));",
  ),
  core(
    "pair-starts-without-solo",
    "a node starts alone under a record that lets its peer be elected",
    "pair.ts",
    "!isVirgin(record) && record.electable.length === 0 &&",
    "!isVirgin(record) && record.electable.length >= 0 &&",
  ),
  core(
    "pair-goes-on-late",
    "a primary that stood still goes on alone, and its peer may have been elected",
    "pair.ts",
    "if (nowMs > lapsedAtMs + lateMs) return false;",
    "if (nowMs > lapsedAtMs + 1e9) return false;",
  ),
  core(
    "pair-counts-through-suspension",
    "a witness address that was reached before the host was suspended counts as reached just now",
    "pair.ts",
    "reachedAtMs: reachedAtMs === null ? null : reachedAtMs - gapMs,",
    "reachedAtMs,",
  ),
  several("pair-lower-term-stays", "the lower of two terms does not yield", [
    [
      "src/core/follower.ts",
      "  if (message.term < durable.term) return",
      '  if (state.settings.pair !== null && role.kind === "leader") return "it leads itself";\n  if (message.term < durable.term) return',
    ],
    [
      "src/core/agreement.ts",
      "if (message.term > durable.term && hasMember(membersOf(turn.state), from)) {",
      "if (message.term > durable.term && turn.state.settings.pair === null) {",
    ],
  ]),
];
