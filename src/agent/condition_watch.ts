/**
 * Keeps the condition of this node's PostgreSQL: which it is, since when, and a log line at each
 * change.
 *
 * @module
 */
import type { NodeStatus } from "../coordination/status.ts";
import type { Log } from "../core/log.ts";
import type { Setback } from "../postgres/server.ts";
import { type Condition, judgeCondition } from "./condition.ts";
import { conditionFacts, type ConditionSources, SILENT } from "./condition_facts.ts";

/** The condition that is kept. */
export interface ConditionWatch {
  /** Judges anew. */
  look(sources: Omit<ConditionSources, "silentMs">, nowMs: number): void;
  /** As `status` shows it; null before the first look. */
  current(nowMs: number): NodeStatus["condition"];
}

/** A server that must not run and does is said so again and again, in milliseconds. */
const SAY_AGAIN_MS: { readonly [Name in Condition["name"]]?: number } = { fence_failed: 5_000 };

/** Begins to watch. */
export function watchCondition(log: Log): ConditionWatch {
  let known: { readonly condition: Condition; readonly because: string } | null = null;
  let sinceMs = 0;
  let saidAtMs = 0;
  let silentSinceMs: number | null = null;

  return {
    look(given, nowMs) {
      silentSinceMs = SILENT.includes(given.finding) ? silentSinceMs ?? nowMs : null;
      const sources = { ...given, silentMs: nowMs - (silentSinceMs ?? nowMs) };
      // After an action the core forgets what it saw, until the next look.
      if (known !== null && sources.state.server === null && sources.memory === null) return;
      const condition = judgeCondition(conditionFacts(sources));
      const because = reasonFor(condition, sources);
      const { name, level, remedy } = condition;
      const news = known?.condition.name !== name;
      if (news) sinceMs = nowMs;
      const againMs = SAY_AGAIN_MS[name];
      if (news || againMs !== undefined && nowMs - saidAtMs >= againMs) {
        saidAtMs = nowMs;
        log(againMs !== undefined ? "error" : level === "bad" ? "warning" : "info", "condition", {
          outcome: name,
          because,
          ...(remedy === "" ? {} : { remedy }),
        });
      }
      known = { condition, because };
    },
    current(nowMs) {
      if (known === null) return null;
      const { name, level, remedy } = known.condition;
      const since_ms = Math.max(0, Math.round(nowMs - sinceMs));
      return { name, level, since_ms, because: known.because, remedy };
    },
  };
}

/** The row's reason, and what is known besides. */
function reasonFor(
  condition: Condition,
  { state, disks, setback, memory }: ConditionSources,
): string {
  const { server, rejoin, operationFailure } = state;
  const detail = condition.name === "undecided"
    ? memory
    : condition.name === "disk_full"
    ? disks.full()
    : condition.name === "start_failing" && setback !== null
    ? trouble(setback)
    : condition.name === "fence_failed"
    ? operationFailure
    : server !== null && "because" in server
    ? server.because
    : condition.name === "needs_hands" && rejoin.kind === "blocked"
    ? rejoin.because
    : null;
  return detail === null || detail === "" ? condition.because : `${condition.because}: ${detail}`;
}

function trouble({ what, failures, because, waitsMs }: Setback): string {
  const next = waitsMs > 0 ? `; the next one begins in ${Math.ceil(waitsMs / 1000)} s` : "";
  return `the last ${failures} tries (${what}) failed, ${because}${next}`;
}
