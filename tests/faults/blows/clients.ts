/**
 * The clients of a cluster under test: one per router, each with row numbers of its own, so that a
 * frozen router holds up only its own.
 *
 * @module
 */
import type { DemoCluster } from "../../../src/cli/demo/cluster.ts";
import { openRowSink } from "../../../src/cli/demo/database.ts";
import { type Ledger, newLedger } from "../../../src/cli/demo/ledger.ts";
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import { startWriter, type Writer } from "../../../src/cli/demo/writer.ts";

/** Distance between two row numbers of one client: more than there are nodes. */
const NUMBERS_APART = 10;

/** Bounds the load, and the grain of what is measured. */
const PAUSE_MS = 10;

/** Every client at once. */
export interface Clients {
  /** What they saw until now, as if they had been one. A copy. */
  readonly ledger: () => Ledger;
  /** How many rows were acknowledged until now. */
  readonly count: () => number;
  /** Their last errors, in words. */
  readonly errors: () => string;
  readonly stop: () => Promise<void>;
}

/** Starts them. */
export function startClients(cluster: DemoCluster): Clients {
  const clients = cluster.plan.nodes.map((node, index) => startClient(cluster, node, index));
  return {
    ledger: () => ({
      acknowledged: clients.flatMap(({ writer: { ledger }, rowOf }) =>
        ledger.acknowledged.map(({ row, atMs }) => ({ row: rowOf(row), atMs }))
      ).sort((a, b) => a.atMs - b.atMs),
      open: clients.flatMap(({ writer: { ledger }, rowOf }) => ledger.open.map(rowOf)),
    }),
    count: () => clients.reduce((sum, { writer }) => sum + writer.ledger.acknowledged.length, 0),
    errors: () => clients.map(({ writer }) => writer.lastError()).join("; "),
    stop: async () => void await Promise.all(clients.map(({ writer }) => writer.stop())),
  };
}

function startClient(
  cluster: DemoCluster,
  node: DemoNode,
  index: number,
): { readonly writer: Writer; readonly rowOf: (count: number) => number } {
  const rowOf = (count: number) => count * NUMBERS_APART + index;
  const writer = startWriter({
    ledger: newLedger(),
    routers: [() => {
      const sink = openRowSink(cluster.plan, node.routerPort);
      return { insert: (count) => sink.insert(rowOf(count)), close: sink.close };
    }],
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    pauseMs: PAUSE_MS,
  });
  return { writer, rowOf };
}
