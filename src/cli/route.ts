/**
 * Which node is asked for a failover, and what kind it will be.
 *
 * A working primary is asked to hand over, for only it can stop taking writes first. Where there is
 * none, the target is asked to stand for election. Whether either is safe the nodes decide; this
 * chooses whom to ask.
 *
 * Pure: picture in, route out.
 *
 * @module
 */
import { type ClusterView, unbelieved } from "../agent/mod.ts";

/** See the module. */
export type FailoverRoute =
  /** The primary works: a planned switchover, asked of it. */
  | { readonly kind: "switchover"; readonly ask: string }
  /** No primary works: an election, asked of the target. */
  | { readonly kind: "election"; readonly ask: string }
  /** An election that may lose commits, asked of the target. */
  | { readonly kind: "force"; readonly ask: string }
  /** The target is the primary already. */
  | { readonly kind: "already" }
  /** Nodes answer, and none with this cluster's key. */
  | { readonly kind: "unbelieved"; readonly because: string }
  /** Nobody who could do it answers. */
  | { readonly kind: "unreachable"; readonly because: string };

/** Chooses the route for making `to` the primary by force: only that node can be asked. */
export function chooseForcedRoute(view: ClusterView, to: string): FailoverRoute {
  const strange = unbelieved(view);
  if (strange !== null) return { kind: "unbelieved", because: strange };
  if (view.primary === to) return { kind: "already" };
  if (view.nodes.some((answer) => answer.ok && answer.node === to)) {
    return { kind: "force", ask: to };
  }
  const because = `${to} does not answer, and only that node itself can be forced.` +
    ` Start metako on ${to}, or name another node.`;
  return { kind: "unreachable", because };
}

/** Chooses the route for making `to` the primary. */
export function chooseRoute(view: ClusterView, to: string): FailoverRoute {
  if (view.verdict === "unreachable") {
    return { kind: "unreachable", because: view.problems.join(" ") };
  }
  const strange = unbelieved(view);
  if (strange !== null) return { kind: "unbelieved", because: strange };
  if (view.primary === to) return { kind: "already" };
  const answering = new Set(view.nodes.flatMap((answer) => answer.ok ? [answer.node] : []));
  if (view.primary !== null && answering.has(view.primary)) {
    return { kind: "switchover", ask: view.primary };
  }
  if (answering.has(to)) return { kind: "election", ask: to };
  const because = `${to} does not answer, and there is no primary that answers to do it instead.` +
    ` Start metako on ${to}, or name another node.`;
  return { kind: "unreachable", because };
}
