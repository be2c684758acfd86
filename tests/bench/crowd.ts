/**
 * Clients that behave badly, and good ones beside them, at metako's router in a process of its own. Its
 * servers are fake ones that answer at once, so that what is measured is the router.
 *
 * @module
 */
import { openBackend } from "../../src/router/backend.ts";
import type { BackendTls } from "../../src/router/server_conn.ts";
import { concatBytes, cStringBytes, messageBytes } from "../../src/wire/bytes.ts";
import { createFraming, scan } from "../../src/wire/framing.ts";
import {
  authenticationBytes,
  backendKeyDataBytes,
  parameterStatusBytes,
  queryBytes,
  readyForQueryBytes,
} from "../../src/wire/messages.ts";
import { parseStartup, startupBytes } from "../../src/wire/startup.ts";
import { type Contender, metako } from "./contenders.ts";

/** What clients send to have rows without end, or one row of 40 MB. */
export const FLOOD = "flood";
export const LARGE_ROW = "large row";
/** The size of large values. */
export const LARGE_BYTES = 40_000_000;

const DIGEST = "0123456789abcdef0123456789abcdef";
const ENCODER = new TextEncoder();
const ANSWER = concatBytes([
  messageBytes("C", ENCODER.encode("SELECT 1\0")),
  readyForQueryBytes("idle"),
]);
const ROW = messageBytes("D", Uint8Array.of(0, 1, 0, 0, 0x10, 0), new Uint8Array(4096));
const MANY_ROWS = concatBytes(Array.from({ length: 64 }, () => ROW));

/** A router in front of fake servers. */
export interface Crowd {
  readonly router: Contender;
  /** A session that is logged in; over TLS where asked. */
  logIn(encrypted?: boolean): Promise<Deno.Conn>;
  stop(): Promise<void>;
}

/** Starts it. @param tls the router's certificate, which clients trust */
export async function startCrowd(
  tls: { readonly cert: string; readonly key: string },
  how: "split" | "primary",
): Promise<Crowd> {
  const servers = [fakeServer(), fakeServer()];
  const [primary, standby] = servers;
  const router = await metako("metako", {
    primary: primary!,
    standby: standby!,
    verifier: `md5${DIGEST}`,
    tls,
  }, how);
  const trusted: BackendTls = {
    mode: "verify-ca",
    authority: tls.cert,
    own: { node: "router", name: "localhost" },
  };
  return {
    router,
    async logIn(encrypted = false) {
      const opening = await openBackend({
        target: { node: "router", host: "127.0.0.1", port: router.port },
        tls: encrypted ? trusted : null,
        clientKey: null,
        startup: startupBytes({ user: "app", database: "postgres" }),
        credentials: { type: "md5", digest: DIGEST },
        allowTrusted: false,
        connectTimeoutMs: 60_000,
        greetingTimeoutMs: 60_000,
        signal: new AbortController().signal,
      });
      if (opening.type === "open") return opening.backend.conn;
      throw new Error(
        opening.type === "refused" ? opening.sqlstate ?? "no SQLSTATE" : opening.type,
      );
    },
    async stop() {
      await router.stop();
      for (const server of servers) await server.stop();
    },
  };
}

/** Asks, and reads up to the answer's end. @returns false where the session is over */
export async function roundTrip(conn: Deno.Conn, query: string): Promise<boolean> {
  await writeAll(conn, queryBytes(query));
  const framing = createFraming({ Z: 0 });
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) return false;
    if (scan(framing, buffer.subarray(0, count)).some((event) => event.type === "message")) {
      return true;
    }
  }
}

/** Writes all of it. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** How long good clients waited for an answer while something else went on, in milliseconds. */
export interface Waited {
  readonly answers: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Has good clients ask, one question after another, until `others` is settled. */
export async function beside(
  good: readonly Deno.Conn[],
  others: Promise<unknown>,
): Promise<Waited> {
  let over = false;
  const done = others.finally(() => over = true);
  const times: number[] = [];
  await Promise.all(good.map(async (conn) => {
    while (!over) {
      const startedAtMs = performance.now();
      if (!await roundTrip(conn, "SELECT 1")) throw new Error("a good client lost its session");
      times.push(performance.now() - startedAtMs);
      await pause(5);
    }
  }));
  await done;
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
  return { answers: times.length, medianMs: at(0.5), p99Ms: at(0.99), longestMs: at(1) };
}

/** The most memory that the router held until `work` was done, in KiB. */
export async function peakKb(router: Contender, work: Promise<unknown>): Promise<number> {
  let over = false;
  const done = work.finally(() => over = true);
  let most = 0;
  while (!over) {
    most = Math.max(most, await router.memoryKb() ?? 0);
    await pause(100);
  }
  await done;
  return most;
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Answers every query at once, and believes every password. */
function fakeServer(): { readonly port: number; stop(): Promise<void> } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const tasks: Promise<void>[] = [];
  const accepting = (async () => {
    for (;;) {
      const conn = await listener.accept().catch(() => null);
      if (conn === null) return;
      open.add(conn);
      tasks.push(
        answerAll(conn).catch(() => {}).finally(() => {
          open.delete(conn);
          close(conn);
        }),
      );
    }
  })();
  return {
    port: listener.addr.port,
    async stop() {
      listener.close();
      await accepting;
      for (const conn of open) close(conn);
      await Promise.all(tasks);
    },
  };
}

async function answerAll(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(16_384);
  let count = await conn.read(buffer) ?? 0;
  if (parseStartup(buffer.subarray(0, count)).type !== "startup") return;
  await writeAll(conn, authenticationBytes("md5_password", new Uint8Array(4)));
  await conn.read(buffer);
  await writeAll(
    conn,
    concatBytes([
      authenticationBytes("ok"),
      parameterStatusBytes("client_encoding", "UTF8"),
      backendKeyDataBytes({ processId: 1, secretKey: new Uint8Array(4) }),
      readyForQueryBytes("idle"),
    ]),
  );
  // A text of this length is seen; of longer ones only that they are there.
  const framing = createFraming({ Q: 64, X: 0 });
  while ((count = await conn.read(buffer) ?? 0) > 0) {
    for (const event of scan(framing, buffer.subarray(0, count))) {
      if (event.type !== "message" || event.code === "X") return;
      const text = new TextDecoder().decode(event.payload);
      while (text === `${FLOOD}\0`) await writeAll(conn, MANY_ROWS);
      if (text === `${LARGE_ROW}\0`) await writeAll(conn, largeRow());
      await writeAll(conn, ANSWER);
    }
  }
}

function largeRow(): Uint8Array {
  const length = new Uint8Array(6);
  new DataView(length.buffer).setInt16(0, 1);
  new DataView(length.buffer).setInt32(2, LARGE_BYTES);
  return messageBytes("D", length, new Uint8Array(LARGE_BYTES));
}

/** A query of 40 MB. */
export function largeQuery(): Uint8Array {
  return messageBytes(
    "Q",
    ENCODER.encode("SELECT length('"),
    new Uint8Array(LARGE_BYTES).fill(0x61),
    cStringBytes("')"),
  );
}

/** Closes; a second call does nothing. */
export function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
