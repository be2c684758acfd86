/**
 * Whether a data directory that may not simply follow is rewound or copied anew: a table.
 *
 * pg_rewind replaces only the blocks that changed since the histories parted, so it takes seconds
 * where a copy takes hours. It is asked only where nothing speaks against it; everything that is
 * not known speaks against it. (PostgreSQL manual, "pg_rewind")
 *
 * @module
 */

/** What the table looks at: every fact is one of these values. */
export const REWIND_FACTS = {
  /** `replication.rejoin`. */
  wanted: ["rewind", "clone"],
  /** What lies there: nothing that is whole, or a data directory. */
  copy: ["none", "whole"],
  /** Whether the local WAL left the leader's history, on a timeline of another number or not. */
  history: ["unknown", "prefix", "same_number", "diverged"],
  /** Checksums or `wal_log_hints`, as the control file tells. */
  blocks: ["unknown", "unlogged", "logged"],
  /** Whether the server was, or could be, shut down in order. */
  stopped: ["in_order", "not_in_order"],
  /** Whether the control file's checkpoint lies on the timeline on which the WAL ends. */
  checkpoint: ["on_timeline", "on_older"],
  /** Whether the leader has a checkpoint on its present timeline. */
  leader: ["checkpointed", "not_checkpointed", "unreachable"],
} as const;

/** One value of each of {@linkcode REWIND_FACTS}. */
export type RewindFacts = {
  readonly [F in keyof typeof REWIND_FACTS]: (typeof REWIND_FACTS)[F][number];
};

interface RewindRule {
  readonly id: string;
  readonly when: { readonly [F in keyof RewindFacts]?: readonly RewindFacts[F][] };
  readonly then: "rewind" | "clone";
  readonly because: string;
}

/** The table. The first row that matches decides; `because` is in the log. */
export const REWIND_RULES = [
  {
    id: "nothing-there",
    when: { copy: ["none"] },
    then: "clone",
    because: "there is no whole data directory that could be rewound",
  },
  {
    id: "not-wanted",
    when: { wanted: ["clone"] },
    then: "clone",
    because: "replication.rejoin says clone",
  },
  {
    id: "history-unknown",
    when: { history: ["unknown"] },
    then: "clone",
    because: "the local timeline history cannot be read",
  },
  {
    id: "wal-missing",
    when: { history: ["prefix"] },
    then: "clone",
    because:
      "the local WAL never left the leader's history, but the leader has no WAL to go on with",
  },
  {
    id: "same-number",
    when: { history: ["same_number"] },
    then: "clone",
    because: "both have a timeline of the same number, where pg_rewind would do nothing",
  },
  {
    id: "blocks-unlogged",
    when: { blocks: ["unlogged", "unknown"] },
    then: "clone",
    because: "the data directory has neither checksums nor wal_log_hints",
  },
  {
    id: "not-in-order",
    when: { stopped: ["not_in_order"] },
    then: "clone",
    because: "the server could not be shut down in order",
  },
  {
    id: "checkpoint-older",
    when: { checkpoint: ["on_older"] },
    then: "clone",
    because: "its control file knows no checkpoint on the timeline on which its WAL ends",
  },
  {
    id: "leader-unreachable",
    when: { leader: ["unreachable"] },
    then: "clone",
    because: "the leader does not let the agent's own user in, whom pg_rewind reads files as",
  },
  {
    id: "leader-not-checkpointed",
    when: { leader: ["not_checkpointed"] },
    then: "clone",
    because: "the leader has no checkpoint on its timeline yet",
  },
  {
    id: "rewind",
    when: {
      wanted: ["rewind"],
      copy: ["whole"],
      history: ["diverged"],
      blocks: ["logged"],
      stopped: ["in_order"],
      checkpoint: ["on_timeline"],
      leader: ["checkpointed"],
    },
    then: "rewind",
    because: "the local WAL left the leader's history, and nothing speaks against a rewind",
  },
  {
    id: "otherwise",
    when: {},
    then: "clone",
    because: "a copy is always right",
  },
] as const satisfies readonly RewindRule[];

/** The row of {@linkcode REWIND_RULES} that applies. */
export function rewindRule(facts: RewindFacts): RewindRule {
  const rules: readonly RewindRule[] = REWIND_RULES;
  return rules.find(({ when }) => matches(when, facts)) ?? rules.at(-1)!;
}

function matches(when: RewindRule["when"], facts: RewindFacts): boolean {
  return (Object.keys(when) as (keyof RewindFacts)[]).every((name) => {
    const allowed: readonly string[] | undefined = when[name];
    return allowed === undefined || allowed.includes(facts[name]);
  });
}
