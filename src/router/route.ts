/**
 * Where a session is led, and how long that stays right. Pure: a view goes in, a decision comes out.
 *
 * @module
 */
import { type BalanceInput, pickStandby } from "./balance.ts";
import type { RouteTarget, RouteView } from "./options.ts";

/** What a client asked for by its choice of port; "primary_only" leads every read there as well. */
export type Purpose = "primary" | "primary_only" | "read_only";

/** Where a session was led, and what that rests upon. */
export type Route =
  | { readonly to: "primary"; readonly target: RouteTarget; readonly term: number }
  | { readonly to: "standby"; readonly target: RouteTarget };

/** The outcome of {@linkcode chooseRoute}. */
export type Choice =
  | { readonly type: "route"; readonly route: Route }
  | { readonly type: "none"; readonly because: string };

/**
 * Chooses a server for a new session.
 *
 * @param held why no session may begin on the primary although there is one; null where it may
 * @param excluded standbys, by node, that could not be reached a moment ago
 */
export function chooseRoute(
  { view, purpose, held, excluded, balance }: {
    readonly view: RouteView;
    readonly purpose: Purpose;
    readonly held: string | null;
    readonly excluded: ReadonlySet<string>;
    readonly balance: BalanceInput;
  },
): Choice {
  if (purpose === "read_only") {
    const reachable = view.standbys.filter((standby) => !excluded.has(standby.node));
    const standby = pickStandby(reachable, balance);
    if (standby !== null) return { type: "route", route: { to: "standby", target: standby } };
  }
  if (view.primary === null) return { type: "none", because: view.because };
  if (held !== null) return { type: "none", because: held };
  return { type: "route", route: { to: "primary", target: view.primary, term: view.term } };
}

/**
 * Whether a session may stay where it is: on the primary as long as it is the same server in the same
 * term, on a standby as long as the view lists it as one.
 *
 * @returns null where it may stay; otherwise why not
 */
export function routeProblem(route: Route, view: RouteView): string | null {
  switch (route.to) {
    case "primary":
      if (view.primary === null) return view.because;
      if (!sameTarget(route.target, view.primary)) {
        return `the primary is ${view.primary.node} now, in term ${view.term}`;
      }
      return view.term === route.term ? null : `term ${view.term} began on ${view.primary.node}`;
    case "standby":
      if (view.standbys.some((standby) => sameTarget(standby, route.target))) return null;
      return view.primary !== null && sameTarget(view.primary, route.target)
        ? `${route.target.node} was promoted in term ${view.term}`
        : `${route.target.node} is no longer a standby of this cluster`;
  }
}

/** True where a session on the primary may end what it has begun, and begin nothing. */
export function isYielding(route: Route, view: RouteView): boolean {
  return route.to === "primary" && view.primary === null && view.term === route.term &&
    view.yielding === route.target.node;
}

function sameTarget(a: RouteTarget, b: RouteTarget): boolean {
  return a.node === b.node && a.host === b.host && a.port === b.port;
}
