/**
 * The paths that load balancers and Kubernetes ask, with the meaning that Patroni gave them: the
 * HTTP status is the answer, 200 or 503.
 *
 * What an answer depends on is first put into a few finite facts, then {@linkcode RULES} is read from
 * the top; the first row that fits decides. The writable primary is the holder of a lease that a
 * majority renewed and that has not lapsed on this node's clock, so that two nodes never answer 200
 * on `/primary` at the same time.
 *
 * @module
 */

/** The paths, without their slash; {@linkcode PATHS} has the other spellings. */
export const HEALTH_PATHS = [
  "primary",
  "leader",
  "replica",
  "read-only",
  "sync",
  "read-only-sync",
  "quorum",
  "read-only-quorum",
  "async",
  "health",
  "liveness",
  "readiness",
] as const;

/** One of {@linkcode HEALTH_PATHS}. */
export type HealthPath = typeof HEALTH_PATHS[number];

/** Every path that is served, and what it asks. `/health` answers with a document of its own. */
export const PATHS: Readonly<Record<string, Exclude<HealthPath, "health">>> = {
  "/": "primary",
  "/primary": "primary",
  "/read-write": "primary",
  "/leader": "leader",
  "/replica": "replica",
  "/read-only": "read-only",
  "/sync": "sync",
  "/synchronous": "sync",
  "/read-only-sync": "read-only-sync",
  "/quorum": "quorum",
  "/read-only-quorum": "read-only-quorum",
  "/async": "async",
  "/asynchronous": "async",
  "/liveness": "liveness",
  "/readiness": "readiness",
};

/** What each fact can be. */
export const FACTS = {
  /** The local PostgreSQL, as it was last seen; a witness has none. */
  server: ["primary", "standby", "unresponsive", "down", "none"],
  /** This node's own lease: none that is current, or current while PostgreSQL gets ready, or all. */
  lease: ["none", "held", "serving"],
  /** Whether a standby streams from the leader of this term. */
  stream: ["streaming", "detached"],
  /** Which acknowledged commits a standby is known to hold: all, as one of a quorum, or none. */
  commits: ["every", "quorum", "unknown"],
  /** The replay lag of a standby against the limit that was asked for. */
  lag: ["unlimited", "within", "beyond", "unknown"],
  /** Whether the agent still decides. */
  loop: ["turning", "stuck"],
} as const;

/** One value for each of {@linkcode FACTS}. */
export type HealthFacts = { readonly [Name in keyof typeof FACTS]: typeof FACTS[Name][number] };

/** An answer: {@linkcode HealthRule.status}, and the words for whoever looks. */
export interface HealthVerdict {
  readonly rule: string;
  readonly status: 200 | 503;
  readonly because: string;
}

interface HealthRule {
  readonly id: string;
  /** Null: every path. */
  readonly paths: readonly HealthPath[] | null;
  readonly when: (facts: HealthFacts) => boolean;
  readonly then: 200 | 503;
  readonly because: string;
}

const always = () => true;
const isStandby = ({ server }: HealthFacts) => server === "standby";

/** The table; the first row whose path and facts fit decides, and the last fits always. */
export const RULES = [
  {
    id: "stuck",
    paths: null,
    when: ({ loop }) => loop === "stuck",
    then: 503,
    because: "the agent has decided nothing for too long: look at its log and its disk",
  },
  {
    id: "alive",
    paths: ["liveness"],
    when: always,
    then: 200,
    because: "the agent decides",
  },
  {
    id: "witness",
    paths: ["health", "readiness"],
    when: ({ server }) => server === "none",
    then: 200,
    because: "a witness has no PostgreSQL, and its agent works",
  },
  {
    id: "running",
    paths: ["health"],
    when: ({ server }) => server === "primary" || server === "standby",
    then: 200,
    because: "PostgreSQL is running",
  },
  {
    id: "serving",
    paths: ["primary", "leader", "read-only", "read-only-sync", "read-only-quorum", "readiness"],
    // One slow answer of PostgreSQL ends no leadership, and so no session.
    when: ({ lease, server }) =>
      lease === "serving" && (server === "primary" || server === "unresponsive"),
    then: 200,
    because: "it is the primary, and a majority has renewed its lease",
  },
  {
    id: "leading",
    paths: ["leader"],
    when: ({ lease }) => lease !== "none",
    then: 200,
    because: "it is the leader, and its PostgreSQL takes no writes yet",
  },
  {
    id: "not-primary",
    paths: ["primary", "leader"],
    when: always,
    then: 503,
    because: "it is not a primary with a lease that is current",
  },
  {
    id: "not-running",
    paths: ["health"],
    when: always,
    then: 503,
    because: "PostgreSQL is not running, or does not answer",
  },
  {
    id: "not-standby",
    paths: null,
    when: (facts) => !isStandby(facts),
    then: 503,
    because: "it is no running standby",
  },
  {
    id: "lagging",
    paths: null,
    when: ({ lag }) => lag === "beyond",
    then: 503,
    because: "its replay lags by more than the limit asked for",
  },
  {
    id: "lag-unknown",
    paths: null,
    when: ({ lag }) => lag === "unknown",
    then: 503,
    because: "nobody knows how far its replay lags, for it hears no leader",
  },
  {
    id: "detached",
    paths: ["readiness"],
    when: ({ stream }) => stream === "detached",
    then: 503,
    because: "it does not stream from the leader of this term",
  },
  {
    id: "not-sync",
    paths: ["sync", "read-only-sync"],
    when: ({ commits }) => commits !== "every",
    then: 503,
    because: "commits do not wait for this standby in particular",
  },
  {
    id: "not-quorum",
    paths: ["quorum", "read-only-quorum"],
    when: ({ commits }) => commits === "unknown",
    then: 503,
    because: "it is not one of the standbys that commits wait for",
  },
  {
    id: "not-async",
    paths: ["async"],
    when: ({ commits }) => commits !== "unknown",
    then: 503,
    because: "it is one of the standbys that commits wait for",
  },
  {
    id: "standby",
    paths: null,
    when: always,
    then: 200,
    because: "it is a running standby, as asked",
  },
] as const satisfies readonly HealthRule[];

/**
 * Answers what a path asks.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const facts = {
 *   server: "standby",
 *   lease: "none",
 *   stream: "streaming",
 *   commits: "quorum",
 *   lag: "unlimited",
 *   loop: "turning",
 * } as const;
 * assert.equal(judgeHealth("replica", facts).status, 200);
 * assert.equal(judgeHealth("primary", facts).status, 503);
 * ```
 */
export function judgeHealth(path: HealthPath, facts: HealthFacts): HealthVerdict {
  const rules: readonly HealthRule[] = RULES;
  const rule = rules.find(({ paths, when }) =>
    (paths === null || paths.includes(path)) && when(facts)
  )!;
  return { rule: rule.id, status: rule.then, because: rule.because };
}

const LAG_UNITS = ["b", "kb", "mb", "gb", "tb"];

/**
 * Reads `lag=` of a query: bytes, or PostgreSQL's units.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseLag("1048576"), 1_048_576);
 * assert.equal(parseLag("16MB"), 16_777_216);
 * assert.equal(parseLag("a lot"), null);
 * ```
 *
 * @returns bytes, or null where the text is no size
 */
export function parseLag(text: string): number | null {
  const match = /^(\d{1,15})\s*([kMGT]?B)?$/i.exec(text.trim());
  if (match === null) return null;
  const bytes = Number(match[1]) * 1024 ** LAG_UNITS.indexOf((match[2] ?? "B").toLowerCase());
  return Number.isSafeInteger(bytes) ? bytes : null;
}
