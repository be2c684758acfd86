/**
 * Nobody is left hanging: every wish of an operator ends with exactly one last word, unless the
 * agent that was asked has ended. And a switchover is one: nobody hands over twice for one wish.
 */
import type { State } from "../../../src/core/state.ts";
import { breach, type Checker, type World } from "../world.ts";

/** A wish is followed for a minute at most; pauses and slow disks of the node come on top. */
const PATIENCE_MS = 120_000;

/** Watches conversations. */
export function operatorChecker(world: World): Checker {
  const name = "6 operator";
  const open = new Map<number, { node: string; boot: number; atMs: number }>();
  const closed = new Set<number>();
  const handedOver = new Set<number>();
  return {
    name,
    stepped(host, before, _event, effects) {
      const { state } = host.agent!;
      for (const reference of referencesOf(before)) {
        if (referencesOf(state).includes(reference)) continue;
        const answered = effects.some((effect) =>
          effect.type === "progress" && effect.reference === reference &&
          effect.outcome !== "running"
        );
        if (!answered) breach(world, name, `${host.name} forgets what an operator waits for`);
      }
      const handsOver = effects.some((effect) =>
        effect.type === "send" && effect.message.type === "handover"
      );
      if (!handsOver || before.role.kind !== "leader" || before.role.switchover === null) return;
      const { reference } = before.role.switchover;
      if (handedOver.has(reference)) {
        breach(world, name, `${host.name} hands over twice for one wish of an operator`);
      }
      handedOver.add(reference);
    },
    asked(host, reference) {
      open.set(reference, { node: host.name, boot: host.boot, atMs: world.nowMs });
    },
    progressed(host, reference, outcome) {
      if (closed.has(reference)) {
        breach(world, name, `${host.name} goes on after its last word to an operator`);
      }
      if (outcome === "running") return;
      open.delete(reference);
      closed.add(reference);
    },
    looked() {
      for (const [reference, { node, boot, atMs }] of open) {
        if (world.byName.get(node)?.boot !== boot) open.delete(reference);
        else if (world.nowMs - atMs > PATIENCE_MS) {
          breach(world, name, `${node} leaves an operator without a last word`);
        }
      }
    },
  };
}

/** The conversations that a state remembers. */
function referencesOf({ role, watch }: State): number[] {
  const references: number[] = [];
  if (watch !== null) references.push(watch.reference);
  if (role.kind === "leader" && role.switchover !== null) {
    references.push(role.switchover.reference);
  }
  return references;
}
