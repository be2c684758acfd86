/**
 * The clients of a cluster under test: one writer and one reader per router, and the ledger of what
 * they saw.
 *
 * A writer behaves as a careful application does: it never repeats a row, since an INSERT that
 * failed may have been done. With every acknowledgement comes which server gave it, so that two of
 * them at once can be told afterwards.
 *
 * @module
 */
import postgres from "postgres";
import { DEMO_DATABASE, DEMO_ROLE, type DemoNode, type DemoPlan } from "../../src/cli/demo/plan.ts";
import { pause } from "../../src/cli/interrupt.ts";

/** One acknowledged row; times are on the clock of `performance.now()`. */
export interface Acknowledged {
  readonly row: number;
  /** The node whose router the writer uses. */
  readonly through: string;
  readonly sentAtMs: number;
  readonly atMs: number;
  /** The postmaster that acknowledged it, by the moment of its start. */
  readonly server: string;
  readonly timeline: number;
}

/** What the clients saw; it only grows. */
export interface Ledger {
  readonly acknowledged: Acknowledged[];
  /** Rows that were sent and not acknowledged. */
  readonly open: number[];
  /** When a read was answered. */
  readonly read: number[];
  readonly errors: string[];
}

/** Every client at once. */
export interface Clients {
  readonly ledger: Ledger;
  readonly stop: () => Promise<void>;
}

/** Where reads go that need no primary. */
export const READ_ONLY_PORT = 6433;

/** How long a statement may take, connection included, before its client gives it up. */
const LIMIT_MS = 10_000;
/** Bounds the load, and the grain of what is measured. */
const PAUSE_MS = 10;
/** Distance between two row numbers of one writer: more than there are nodes. */
const NUMBERS_APART = 10;

/** Starts a writer and a reader at every router. Row numbers begin above `after`. */
export function startClients(plan: DemoPlan, after: number): Clients {
  const ledger: Ledger = { acknowledged: [], open: [], read: [], errors: [] };
  const stopping = new AbortController();
  const base = Math.ceil(after / NUMBERS_APART) * NUMBERS_APART;
  const working = plan.nodes.flatMap((node, index) => {
    const rowOf = (count: number) => base + count * NUMBERS_APART + index;
    const write = writing(ledger, node.name, rowOf);
    return [
      work(plan, { node, port: node.routerPort }, stopping.signal, ledger, write),
      work(plan, { node, port: READ_ONLY_PORT }, stopping.signal, ledger, reading(ledger)),
    ];
  });
  return {
    ledger,
    async stop() {
      stopping.abort();
      await Promise.all(working);
    },
  };
}

type Turn = (sql: postgres.Sql, count: number, warned: () => string | null) => Promise<void>;

function writing(ledger: Ledger, through: string, rowOf: (count: number) => number): Turn {
  return async (sql, count, warned) => {
    const row = rowOf(count);
    const sentAtMs = performance.now();
    ledger.open.push(row);
    const [answer] = await within(sql<{ server: string; wal: string }[]>`
      INSERT INTO numbered_row (number) VALUES (${row})
      RETURNING pg_postmaster_start_time()::text AS server,
        pg_walfile_name(pg_current_wal_insert_lsn()) AS wal`);
    // A commit whose wait for standbys was cancelled comes back with a warning: no promise.
    const warning = warned();
    if (warning !== null) throw new Error(warning);
    ledger.open.splice(ledger.open.indexOf(row), 1);
    ledger.acknowledged.push({
      row,
      through,
      sentAtMs,
      atMs: performance.now(),
      server: answer!.server,
      timeline: parseInt(answer!.wal.slice(0, 8), 16),
    });
  };
}

function reading(ledger: Ledger): Turn {
  return async (sql) => {
    await within(sql`SELECT number FROM numbered_row ORDER BY number DESC LIMIT 1`);
    ledger.read.push(performance.now());
  };
}

async function work(
  plan: DemoPlan,
  { node, port }: { readonly node: DemoNode; readonly port: number },
  signal: AbortSignal,
  ledger: Ledger,
  turn: Turn,
): Promise<void> {
  let sql: postgres.Sql | null = null;
  let warned: string | null = null;
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
  });
  stopped.catch(() => {});
  for (let count = 1; !signal.aborted; count++) {
    warned = null;
    sql ??= connect(plan, node, port, (text) => warned = text);
    try {
      await Promise.race([turn(sql, count, () => warned), stopped]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!signal.aborted) ledger.errors.push(`${node.name}: ${reason}`);
      void sql.end({ timeout: 0 }).catch(() => {});
      sql = null;
    }
    await pause(PAUSE_MS, signal);
  }
  await sql?.end({ timeout: 0 }).catch(() => {});
}

function connect(
  plan: DemoPlan,
  node: DemoNode,
  port: number,
  onWarning: (text: string) => void,
): postgres.Sql {
  return postgres({
    host: node.host.address,
    port,
    database: DEMO_DATABASE,
    username: DEMO_ROLE,
    password: plan.secrets.application,
    max: 1,
    prepare: false,
    fetch_types: false,
    connect_timeout: LIMIT_MS / 1000,
    max_lifetime: null,
    onnotice: (notice) => {
      if (notice["severity"] === "WARNING") onWarning(String(notice["message"]));
    },
    connection: { application_name: "metako faults" },
  });
}

async function within<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  try {
    return await Promise.race([answer, limit]);
  } finally {
    clearTimeout(timer);
  }
}
