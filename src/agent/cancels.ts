/**
 * Carries cancel requests from the router that got them to the member whose session is meant.
 *
 * @module
 */
import type { CancelWish } from "../coordination/cancel_route.ts";
import type { PeerClient } from "../coordination/client.ts";
import type { NodeName } from "../core/record.ts";
import { mayBeFrom } from "../router/cancel_key.ts";
import type { Router } from "../router/options.ts";
import type { BackendKey } from "../wire/startup.ts";

/** Asks those of the other members whose key it may be; as a rule that is one, or none. */
export function cancelElsewhere(
  others: readonly NodeName[],
  client: Pick<PeerClient, "cancel">,
): (key: BackendKey) => Promise<boolean> {
  return async (key) => {
    const wish = { processId: key.processId, secretKey: toHex(key.secretKey) };
    const asked = others.filter((node) => mayBeFrom(key, node));
    const delivered = await Promise.all(asked.map((node) => client.cancel(node, wish)));
    return delivered.includes(true);
  };
}

/** Hands another member's request to this node's router. */
export function cancelHere(
  router: () => Pick<Router, "cancel"> | null,
): (wish: CancelWish) => Promise<boolean> {
  return async ({ processId, secretKey }) =>
    await router()?.cancel({ processId, secretKey: fromHex(secretKey) }) ?? false;
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
