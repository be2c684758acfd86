/**
 * Keeps the router informed: where sessions go, at every change and when the knowledge expires.
 *
 * @module
 */
import type { RouteView } from "../router/options.ts";
import { monotonicMs } from "./clock.ts";
import { routesDiffer } from "./route_view.ts";

/** The router's view, and who wants to hear of its changes. */
export interface RouteTracker {
  /**
   * Computed afresh, so that it is never older than the lease allows. Whoever finds no primary here is
   * called back when there is one, even where it is the one that everybody was told of last.
   */
  current(): RouteView;
  onChange(callback: () => void): () => void;
  /** The core has moved; its route holds until `validUntilMs`, or there is none. */
  refresh(validUntilMs: number | null): void;
  stop(): void;
}

/** Tracks what `compute` says. */
export function trackRoutes(compute: () => RouteView): RouteTracker {
  const listeners = new Set<() => void>();
  let known = compute();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  /** Somebody saw that there is no primary, and nobody was told: a lease ended, and may be renewed. */
  let missed = false;

  const compare = () => {
    const now = compute();
    if (!missed && !routesDiffer(known, now)) return;
    missed = false;
    known = now;
    for (const listener of listeners) listener();
  };
  return {
    current() {
      const now = compute();
      if (now.primary === null && known.primary !== null) missed = true;
      return now;
    },
    onChange(callback) {
      listeners.add(callback);
      return () => listeners.delete(callback);
    },
    refresh(validUntilMs) {
      compare();
      clearTimeout(timer);
      if (validUntilMs === null || stopped) return;
      timer = setTimeout(compare, Math.max(1, validUntilMs - monotonicMs() + 1));
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
