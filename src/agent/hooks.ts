/**
 * Commands of the operator's, run when something has happened, or before a promotion.
 *
 * Three tell: they run one after the other, beside everything else, and what becomes of them changes
 * nothing. One is asked: between winning an election and promoting, while the pre-flight runs, which
 * the core waits for. Anything but its consent is a failed pre-flight: the node gives up this
 * leadership before it was writable, and others may stand. So a veto costs time and no commit; and it
 * counts for no longer than `hooks.veto_limit` while there is no primary.
 *
 * @module
 */
import type { PrimaryChange } from "../coordination/history.ts";
import type { Config } from "../config/mod.ts";
import type { Event } from "../core/event.ts";
import type { Log } from "../core/log.ts";
import type { State } from "../core/state.ts";
import type { View } from "../core/view.ts";
import type { ServerDriver } from "./actions.ts";
import { monotonicMs } from "./clock.ts";
import { type HookEnd, runHook } from "./hook_run.ts";

/** The hooks, as the configuration and their environment name them. */
export type HookName =
  | "before_promotion"
  | "on_role_change"
  | "after_failover"
  | "on_lost_durability";

/** See the module. */
export interface Hooks {
  /** The core has moved. */
  changed(state: State, view: View): void;
  /** Another node became the primary, or this one did. */
  primaryChanged(change: Omit<PrimaryChange, "type" | "at">): void;
  /** A driver whose pre-flight asks first. */
  drive(driver: ServerDriver, submit: (event: Event) => void): ServerDriver;
}

/** Hooks that may wait for the one that runs; more are left out, and said to be. */
const MAXIMUM_WAITING = 16;

/** Words for {@link Hooks.changed}: a role that stays, not one that is passed through. */
type Settled = "primary" | "standby" | "none";

/** Makes the hooks of `config`, whose section is read at every event. */
export function createHooks(
  { config, log, run = runHook }: {
    readonly config: Pick<Config, "clusterName" | "identity" | "hooks">;
    readonly log: Log;
    readonly run?: typeof runHook;
  },
): Hooks {
  let role: Settled | null = null;
  let required: number | null = null;
  let vetoedSinceMs: number | null = null;
  let told: Readonly<Record<string, string>> = {};
  let waiting = 0;
  let queue: Promise<unknown> = Promise.resolve();

  async function call(hook: HookName, about: Readonly<Record<string, string>>): Promise<HookEnd> {
    const words = commandOf(config, hook) ?? [];
    const environment = {
      METAKO_EVENT: hook,
      METAKO_CLUSTER: config.clusterName,
      METAKO_NODE: config.identity.nodeName,
      ...about,
    };
    const end = await run(words, { environment, timeoutMs: config.hooks.timeoutMs });
    log(end.ok ? "info" : "warning", "hook", {
      outcome: end.ok ? "done" : "failed",
      hook,
      elapsed_ms: end.elapsedMs,
      ...(end.ok ? {} : { because: end.because }),
      ...(end.output === "" ? {} : { output: end.output }),
    });
    return end;
  }

  function tell(hook: HookName, about: Readonly<Record<string, string>>): void {
    if (commandOf(config, hook) === null) return;
    if (waiting >= MAXIMUM_WAITING) {
      const because = `${waiting} others wait for one that runs`;
      return log("warning", "hook", { outcome: "left_out", hook, because });
    }
    waiting++;
    // What is so now, not what will be when those before it have ended.
    const environment = { ...told, ...about };
    queue = queue.then(() => call(hook, environment)).finally(() => waiting--);
  }

  /** Null where it may promote; otherwise why not. */
  async function consent(): Promise<string | null> {
    if (commandOf(config, "before_promotion") === null) return null;
    const end = await call("before_promotion", told);
    if (end.ok) {
      vetoedSinceMs = null;
      return null;
    }
    vetoedSinceMs ??= monotonicMs();
    const forMs = monotonicMs() - vetoedSinceMs;
    const because = `hooks.before_promotion does not consent: ${end.because}`;
    if (forMs < config.hooks.vetoLimitMs) return because;
    log("error", "veto_over", {
      outcome: "done",
      because: `${because}; there has been no primary for longer than hooks.veto_limit`,
    });
    return null;
  }

  return {
    changed(state, view) {
      told = {
        METAKO_ROLE: role ?? "none",
        METAKO_TERM: String(view.term),
        METAKO_PRIMARY: view.leader ?? "",
      };
      if (view.route !== null) vetoedSinceMs = null;
      const now = settledRole(view, role);
      if (now !== null && now !== role) {
        const before = role;
        role = now;
        told = { ...told, METAKO_ROLE: now };
        // What an agent finds at its start is no change.
        if (before !== null) tell("on_role_change", { METAKO_OLD_ROLE: before });
      }
      const covered = now === "primary" ? state.durable.record?.required ?? null : null;
      const lost = required !== null && required > 0 && covered === 0;
      required = covered;
      if (lost && state.settings.durability !== "async") {
        tell("on_lost_durability", {
          METAKO_BECAUSE: "no standby holds what is committed from now on",
        });
      }
    },
    primaryChanged({ to, from, kind, term, timeline, outage_ms: outageMs, loss, because }) {
      // The same one again, as after a switchover that was rolled back, is no failover.
      if (to !== config.identity.nodeName || to === from || kind === "first") return;
      tell("after_failover", {
        METAKO_KIND: kind,
        METAKO_TERM: String(term),
        METAKO_TIMELINE: timeline === null ? "" : String(timeline),
        METAKO_PRIMARY: to,
        METAKO_OLD_PRIMARY: from ?? "",
        METAKO_OUTAGE_MS: outageMs === null ? "" : String(Math.round(outageMs)),
        METAKO_LOSS: loss ?? "",
        METAKO_BECAUSE: because,
      });
    },
    drive: (driver, submit) => ({
      ...driver,
      run(operation, action) {
        if (action.type !== "prepare") return driver.run(operation, action);
        void consent().then((because) => {
          if (because === null) return driver.run(operation, action);
          const failed = { type: "action_failed", operation, failure: "failed", because } as const;
          submit({ ...failed, nowMs: monotonicMs() });
        });
      },
    }),
  };
}

function commandOf({ hooks }: Pick<Config, "hooks">, hook: HookName): readonly string[] | null {
  switch (hook) {
    case "before_promotion":
      return hooks.beforePromotion;
    case "on_role_change":
      return hooks.onRoleChange;
    case "after_failover":
      return hooks.afterFailover;
    case "on_lost_durability":
      return hooks.onLostDurability;
  }
}

/**
 * Null for what is only passed through: a candidate, a leader that is not writable yet, and a standby
 * whose server was not seen for a moment. A primary that is none any more is told at once.
 */
function settledRole({ role, phase }: View, before: Settled | null): Settled | null {
  switch (role) {
    case "primary":
      return phase === "leading" ? "primary" : null;
    case "standby":
      return "standby";
    case "none":
      return before === "standby" ? null : "none";
    default:
      return null;
  }
}
