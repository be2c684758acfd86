/**
 * What the router may believe, derived from the core's view and the health checks.
 *
 * The primary comes from the core alone: this node's own term and lease, or the leader it heard
 * within that leader's lease. Standbys come from what members said about themselves; a standby is
 * offered while its agent answers and its server streams from the leader of this term.
 *
 * @module
 */
import type { Contact, Request } from "../core/message.ts";
import type { NodeName } from "../core/record.ts";
import type { View } from "../core/view.ts";
import type { RouteView, StandbyTarget } from "../router/options.ts";

/** A standby as its own status tells it. */
export interface KnownStandby {
  readonly node: NodeName;
  readonly contact: Contact;
  /** Its agent answers health checks. */
  readonly healthy: boolean;
  readonly following: NodeName | null;
  readonly streaming: boolean;
  readonly lagBytes: number | null;
}

/** Builds the router's view. `local` is where this node's own server listens. */
export function routeView(
  options: {
    readonly self: NodeName;
    readonly view: View;
    readonly local: Contact;
    readonly standbys: readonly KnownStandby[];
    readonly nowMs: number;
  },
): RouteView {
  const { self, view, local, standbys } = options;
  const { route } = view;
  return {
    term: view.term,
    primary: route === null
      ? null
      : { node: route.node, ...(route.node === self ? local : route.contact ?? local) },
    because: route === null ? view.routeBecause : `${route.node} is the primary`,
    yielding: yieldingNode(options),
    standbys: standbys
      .filter((standby) => standby.node !== route?.node)
      .map((standby): StandbyTarget => ({
        node: standby.node,
        ...standby.contact,
        local: standby.node === self,
        healthy: standby.healthy && standby.streaming && standby.following === view.leader,
        lagBytes: standby.lagBytes,
      })),
  };
}

/**
 * The leader that has stopped to offer itself, within its lease: it prepares to hand over, and is
 * still the only primary there can be.
 */
function yieldingNode(
  { self, view, nowMs }: { readonly self: NodeName; readonly view: View; readonly nowMs: number },
): NodeName | null {
  const { route, leader, leaseUntilMs } = view;
  if (route !== null || leader === null || leaseUntilMs === null) return null;
  if (leader === self && view.phase !== "switching") return null;
  return nowMs < leaseUntilMs ? leader : null;
}

/** True where sessions would be led differently. */
export function routesDiffer(a: RouteView, b: RouteView): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

/** Names of this host that mean nothing on another. */
const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "::1", "0.0.0.0", "::", ""];

/**
 * Where a member is reached that advertises `contact`: a loopback name is good on its own host
 * only, so the address of its agent takes its place.
 */
export function reachableContact(contact: Contact, apiHost: string): Contact {
  const local = LOOPBACK_NAMES.includes(contact.host) || contact.host.startsWith("/");
  return local ? { host: apiHost, port: contact.port } : contact;
}

/** The address at which this node reaches what a member advertises. */
export type Reachable = (node: NodeName, contact: Contact) => Contact;

/** Makes a {@linkcode Reachable} from the addresses of the members' agents. */
export function reachableAmong(
  addresses: ReadonlyMap<NodeName, { readonly host: string }>,
): Reachable {
  return (node, contact) => reachableContact(contact, addresses.get(node)?.host ?? contact.host);
}

/** A member's message, with the contact in it as this node reaches it. */
export function withReachableContact(
  reachable: Reachable,
  from: NodeName,
  message: Request,
): Request {
  return message.type === "heartbeat"
    ? { ...message, contact: reachable(from, message.contact) }
    : message;
}
