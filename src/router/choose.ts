/**
 * The choice of a server, by what the router knows at this moment.
 *
 * @module
 */
import type { BalanceInput } from "./balance.ts";
import { type Context, sessionsByNode } from "./context.ts";
import { type Choice, chooseRoute, type Purpose } from "./route.ts";

/** Chooses by the present view; `excluded` are standbys that did not answer just now. */
export function choose(
  context: Context,
  purpose: Purpose,
  excluded: ReadonlySet<string>,
): Choice {
  return chooseRoute({
    view: context.ports.view(),
    purpose,
    held: context.held,
    excluded,
    balance: balanceInput(context),
  });
}

/** What a choice among standbys depends on; each call is another turn. */
export function balanceInput(context: Context): BalanceInput {
  const { options, ports } = context;
  return {
    algorithm: options.algorithm,
    localNodePreference: options.localNodePreference,
    connections: sessionsByNode(context),
    turn: context.turn++,
    random: ports.random(),
  };
}
