/**
 * The demo's SQL: the application's role and table, the writer's connection, and the count at the
 * end.
 *
 * @module
 */
import postgres from "postgres";
import { DEMO_DATABASE, DEMO_ROLE, DEMO_SUPERUSER, type DemoPlan, LOOPBACK } from "./plan.ts";
import type { RowSink } from "./writer.ts";

const TABLE = `${DEMO_ROLE}.numbered_row`;

/** How long one INSERT may take, connection included, before the writer gives it up. */
const INSERT_LIMIT_MS = 10_000;

/**
 * Creates the application's role, its schema and the table of numbered rows, as superuser through a
 * router.
 *
 * @returns the server's version, as "15.18 (Debian 15.18-0+deb12u1)"
 * @throws Error where the server refuses; the message is the server's
 */
export async function prepareApplication(plan: DemoPlan, routerPort: number): Promise<string> {
  const sql = connect(plan, routerPort, "superuser");
  try {
    // A failing statement would be logged with the password in it.
    await sql`SET log_min_error_statement = panic`;
    await sql.unsafe(`CREATE ROLE ${DEMO_ROLE} LOGIN PASSWORD '${plan.secrets.application}'`);
    await sql.unsafe(`CREATE SCHEMA ${DEMO_ROLE} AUTHORIZATION ${DEMO_ROLE}`);
    await sql.unsafe(
      `CREATE TABLE ${TABLE} (number bigint PRIMARY KEY,` +
        " written_at timestamptz NOT NULL DEFAULT clock_timestamp())",
    );
    await sql.unsafe(`ALTER TABLE ${TABLE} OWNER TO ${DEMO_ROLE}`);
    const [row] = await sql<{ server_version: string }[]>`SHOW server_version`;
    return row!.server_version;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** A connection of the application through a router. It opens at the first row. */
export function openRowSink(plan: DemoPlan, routerPort: number): RowSink {
  let warned: string | null = null;
  const sql = connect(plan, routerPort, "application", (notice) => {
    if (notice["severity"] === "WARNING") warned = String(notice["message"]);
  });
  const close = () => void sql.end({ timeout: 0 }).catch(() => {});
  return {
    insert: async (row) => {
      warned = null;
      const statement = sql`INSERT INTO numbered_row (number) VALUES (${row})`;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const limit = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`no answer within ${INSERT_LIMIT_MS} ms`)),
          INSERT_LIMIT_MS,
        );
      });
      try {
        await Promise.race([statement, limit]);
      } finally {
        clearTimeout(timer);
      }
      // A commit whose wait for standbys was cancelled comes back with a warning: no promise.
      if (warned !== null) throw new Error(warned);
    },
    close,
  };
}

/** The numbers that a server holds, asked for on its own port, as superuser. */
export async function readRows(plan: DemoPlan, databasePort: number): Promise<ReadonlySet<number>> {
  const sql = connect(plan, databasePort, "superuser");
  try {
    const rows = await sql.unsafe<{ number: string }[]>(`SELECT number FROM ${TABLE}`);
    return new Set(rows.map((row) => Number(row.number)));
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The end of a primary's WAL, as PostgreSQL writes it. */
export async function readEndOfWal(plan: DemoPlan, databasePort: number): Promise<string> {
  const sql = connect(plan, databasePort, "superuser");
  try {
    const [row] = await sql<{ lsn: string }[]>`SELECT pg_current_wal_lsn()::text AS lsn`;
    return row!.lsn;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/**
 * Waits until a standby has replayed up to a position.
 *
 * @returns false where it had not after `limitMs`
 */
export async function waitForReplay(
  plan: DemoPlan,
  databasePort: number,
  lsn: string,
  limitMs: number,
): Promise<boolean> {
  const sql = connect(plan, databasePort, "superuser");
  const startMs = performance.now();
  try {
    for (;;) {
      const [row] = await sql<{ reached: boolean | null }[]>`
        SELECT pg_last_wal_replay_lsn() >= ${lsn}::text::pg_lsn AS reached`;
      if (row?.reached === true) return true;
      if (performance.now() - startMs > limitMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function connect(
  plan: DemoPlan,
  port: number,
  as: "superuser" | "application",
  onnotice: (notice: postgres.Notice) => void = () => {},
): postgres.Sql {
  return postgres({
    host: LOOPBACK,
    port,
    database: DEMO_DATABASE,
    username: as === "superuser" ? DEMO_SUPERUSER : DEMO_ROLE,
    password: as === "superuser" ? plan.secrets.superuser : plan.secrets.application,
    max: 1,
    prepare: false,
    fetch_types: false,
    connect_timeout: INSERT_LIMIT_MS / 1000,
    max_lifetime: null,
    onnotice,
    connection: { application_name: "metako demo" },
  });
}
