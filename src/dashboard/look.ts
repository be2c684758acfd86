/**
 * The cluster as this node sees it now: every member is asked, as `metako status` does.
 *
 * A member that takes its time keeps nobody waiting: after {@linkcode PATIENCE_MS} the picture is
 * made with what it said last, until its answer or its failure arrives. No member is asked a second
 * time before that.
 *
 * @module
 */
import type { HealthTimers } from "../coordination/health.ts";
import { type ClusterView, mergeStatuses, type NodeAnswer } from "../coordination/merge.ts";
import type { ReadClient } from "../coordination/read_client.ts";
import type { NodeStatus } from "../coordination/status.ts";

/** How long a picture waits for answers. */
export const PATIENCE_MS = 400;

/** What it takes to look. */
export interface LookPorts {
  /** The other members. */
  readonly others: readonly string[];
  readonly ownStatus: () => NodeStatus;
  readonly client: Pick<ReadClient, "status">;
  readonly timers: HealthTimers;
}

/** Makes the function that looks. It never rejects. */
export function createLook(ports: LookPorts): () => Promise<ClusterView> {
  const others = ports.others.map((node) => createQuestion(node, ports.client));
  return async () => {
    const answered = Promise.all(others.map(({ ask }) => ask()));
    await Promise.race([answered, patience(ports.timers)]);
    const own = ports.ownStatus();
    const mine: NodeAnswer = { node: own.node, ok: true, status: own, verified: true };
    return mergeStatuses([mine, ...others.map(({ latest }) => latest())]);
  };
}

function createQuestion(node: string, client: LookPorts["client"]) {
  let latest: NodeAnswer = { node, ok: false, because: "it has not answered yet" };
  let pending: Promise<void> | null = null;
  async function ask(): Promise<void> {
    try {
      const answer = await client.status(node);
      latest = answer.ok
        ? { node, ok: true, status: answer.status, verified: answer.verified }
        : { node, ok: false, because: answer.because };
    } catch (error) {
      latest = { node, ok: false, because: error instanceof Error ? error.message : String(error) };
    } finally {
      pending = null;
    }
  }
  return { latest: () => latest, ask: () => pending ??= ask() };
}

function patience(timers: HealthTimers): Promise<void> {
  return new Promise((resolve) => void timers.after(PATIENCE_MS, resolve));
}
