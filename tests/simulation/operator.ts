/**
 * The operator: asks any node for a failover to any other, at any time.
 */
import type { Force } from "../../src/core/force.ts";
import type { NodeName } from "../../src/core/record.ts";
import { isPaused, submit } from "./agent.ts";
import { type Host, tell, type World } from "./world.ts";

/** Asks `host` that `to` lead. Does nothing where no agent listens. */
export function askOperator(
  world: World,
  host: Host,
  to: NodeName,
  force: Force = "none",
): number | null {
  if (host.agent === null || isPaused(world, host)) return null;
  const reference = ++world.exchangeCount;
  tell(
    world,
    host,
    "operator",
    `asks for a failover to ${to}${force === "none" ? "" : `, by force (${force})`}`,
  );
  for (const checker of world.checkers) checker.asked?.(host, reference, force);
  submit(world, host, (nowMs) => ({
    type: "operator",
    nowMs,
    command: { type: "failover", reference, to, force },
  }));
  return reference;
}
