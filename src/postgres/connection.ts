/**
 * One connection to a server, with a time limit on everything.
 *
 * A session is exactly one TCP connection: it never reconnects by itself, so that losing it is
 * news. Statements go through the simple protocol, which a replication connection demands and
 * which gives every value as text. A statement that runs out of time ends the session, because
 * nothing is known about it then. The session pins what a hostile or odd configuration could bend:
 * the search path, the statement timeout, and `synchronous_commit = local`, so that the agent's
 * own statements never wait for a standby.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { messageOf } from "./outcome.ts";

/** Where to connect and as whom. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** True for a connection that also understands replication commands. */
  readonly replication?: boolean;
}

/** A row; every value in PostgreSQL's text form. */
export type Row = Readonly<Record<string, string | null>>;

/** Why a session or a statement failed. `code` is the SQLSTATE where the server answered. */
export interface SqlFailure {
  readonly ok: false;
  readonly failure: "failed";
  readonly kind: "refused" | "timeout" | "lost" | "sql";
  readonly code: string | null;
  readonly because: string;
}

/** A statement's rows, or its failure. */
export type SqlOutcome = { readonly ok: true; readonly rows: readonly Row[] } | SqlFailure;

/** An open connection. */
export interface Session {
  /** Runs one statement; on time-out the session is gone. */
  query(statement: string, timeoutMs?: number): Promise<SqlOutcome>;
  /** Settles when the connection is gone, whoever ended it. */
  readonly lost: Promise<void>;
  isOpen(): boolean;
  close(): void;
}

/** Connects and authenticates within `timeoutMs`; statements have the same limit by default. */
export async function openSession(
  target: Target,
  timeoutMs: number,
): Promise<{ readonly ok: true; readonly session: Session } | SqlFailure> {
  const where = `${target.host}:${target.port}`;
  const deadlineMs = performance.now() + timeoutMs;
  const connected = await dial(target, timeoutMs);
  if (!("socket" in connected)) return connected;
  const session = speak(target, connected.socket, timeoutMs);
  const first = await session.query("select 1", Math.max(1, deadlineMs - performance.now()));
  if (first.ok) return { ok: true, session };
  session.close();
  return { ...first, because: explain(first, target, where) };
}

/** Writes a text as an SQL literal. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? ` E${quoted}` : quoted;
}

/** Writes a name as an SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

type Dialled = { readonly socket: Socket } | SqlFailure;

function dial({ host, port }: Target, timeoutMs: number): Promise<Dialled> {
  return new Promise((resolve) => {
    const socket = host.startsWith("/")
      ? connect(`${host}/.s.PGSQL.${port}`)
      : connect({ host, port });
    const timer = setTimeout(() => {
      socket.destroy();
      const because = `Cannot connect to ${host}:${port}: no answer in ${Math.round(timeoutMs)} ms`;
      resolve(failure("timeout", because));
    }, timeoutMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      socket.setNoDelay(true);
      resolve({ socket });
    });
    socket.once("error", (error: Error) => {
      clearTimeout(timer);
      const refused = "code" in error && error.code === "ECONNREFUSED";
      resolve(
        failure(
          refused ? "refused" : "lost",
          `Cannot connect to ${host}:${port}: ${
            refused ? "nothing listens there" : messageOf(error)
          }`,
        ),
      );
    });
  });
}

function speak(target: Target, socket: Socket, defaultTimeoutMs: number): Session {
  let open = true;
  let handed = false;
  const lost = new Promise<void>((resolve) => {
    socket.once("close", () => {
      open = false;
      resolve();
    });
  });
  socket.on("error", () => socket.destroy());
  const sql = postgres(clientOptions(target, () => {
    if (handed) throw new Error("the connection was lost");
    handed = true;
    return socket;
  }));

  async function query(statement: string, timeoutMs = defaultTimeoutMs): Promise<SqlOutcome> {
    if (!open) return failure("lost", "The connection to PostgreSQL was lost");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<SqlOutcome>((resolve) => {
      timer = setTimeout(() => {
        open = false;
        socket.destroy();
        resolve(
          failure(
            "timeout",
            `PostgreSQL did not answer in the ${Math.round(timeoutMs)} ms that it had`,
          ),
        );
      }, timeoutMs);
    });
    const gone = lost.then(() => failure("lost", "The connection to PostgreSQL was lost"));
    const answer = sql.unsafe(statement).simple().then(
      (rows): SqlOutcome => ({ ok: true, rows: rowsOf(rows) }),
      sqlFailure,
    );
    // An error answer and the end of the connection arrive together; the answer says more.
    const told = gone.then(async (outcome) => await Promise.race([answer, settle(outcome)]));
    try {
      return await Promise.race([answer, timeout, told]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    query,
    lost,
    isOpen: () => open,
    close() {
      if (!open) return;
      open = false;
      socket.end(new Uint8Array([0x58, 0, 0, 0, 4]));
      const impatient = setTimeout(() => socket.destroy(), 50);
      void lost.then(() => clearTimeout(impatient));
    },
  };
}

function clientOptions(target: Target, socket: () => Socket) {
  const asText = {
    text: {
      to: 25,
      from: [16, 17, 20, 21, 23, 26, 114, 700, 701, 1082, 1114, 1184, 3802],
      serialize: (value: unknown) => String(value),
      parse: (value: unknown) => value,
    },
  };
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    pass: target.password,
    database: target.database,
    max: 1,
    ssl: false as const,
    prepare: false,
    fetch_types: false,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: 0,
    onnotice: () => {},
    types: asText,
    socket,
    connection: {
      application_name: "metako",
      search_path: "pg_catalog",
      synchronous_commit: "local",
      statement_timeout: 0,
      client_encoding: "UTF8",
      ...(target.replication ? { replication: "database" } : {}),
    },
  };
}

function rowsOf(result: unknown): Row[] {
  const rows = Array.isArray(result) ? result : [];
  const last: unknown[] = Array.isArray(rows.at(-1)) ? rows.at(-1) : rows;
  return last.map((row) => ({ ...row as Row }));
}

async function settle<T>(value: T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return value;
}

function sqlFailure(error: unknown): SqlFailure {
  const code = error !== null && typeof error === "object" && "code" in error
    ? String(error.code)
    : null;
  if (code !== null && /^[0-9A-Z]{5}$/.test(code)) {
    return { ok: false, failure: "failed", kind: "sql", code, because: messageOf(error) };
  }
  return failure("lost", `The connection to PostgreSQL was lost: ${messageOf(error)}`);
}

function failure(kind: "refused" | "timeout" | "lost", because: string): SqlFailure {
  return { ok: false, failure: "failed", kind, code: null, because };
}

function explain(cause: SqlFailure, target: Target, where: string): string {
  const prefix = `Cannot use PostgreSQL at ${where} as ${JSON.stringify(target.user)}`;
  switch (cause.code) {
    case "28P01":
      return `${prefix}: the server refuses the password. Correct it in the configuration file, or in the server with ALTER ROLE`;
    case "28000":
      return `${prefix}: ${cause.because}. Allow it in pg_hba.conf`;
    case "3D000":
      return `${prefix}: ${cause.because}. Create it, or name another one`;
    default:
      return `${prefix}: ${cause.because}`;
  }
}
