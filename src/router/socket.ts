/**
 * Sockets with deadlines. One that failed, was reset or was closed by ourselves reads as its end:
 * the callers decide from what was said before, not from the wording of a system error.
 *
 * @module
 */

/** The outcome of an attempt to connect. */
export type Connected<Conn extends Deno.Conn> =
  | { readonly ok: true; readonly conn: Conn }
  | { readonly ok: false; readonly because: string };

/** How long to try, at most. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Connects by TCP, and gives up after `timeoutMs` or when `signal` is aborted. A connection that comes
 * about after that is closed again.
 */
export async function connectWithin(
  { host, port, ...patience }: Patience & { readonly host: string; readonly port: number },
): Promise<Connected<Deno.TcpConn>> {
  const outcome = await waitFor(Deno.connect({ hostname: host, port }), patience);
  if (outcome.ok) tune(outcome.conn);
  return outcome;
}

/** The same to a Unix socket. */
export function connectSocket(
  { path, ...patience }: Patience & { readonly path: string },
): Promise<Connected<Deno.UnixConn>> {
  return waitFor(Deno.connect({ transport: "unix", path }), patience);
}

async function waitFor<Conn extends Deno.Conn>(
  connecting: Promise<Conn>,
  { timeoutMs, signal }: Patience,
): Promise<Connected<Conn>> {
  const attempt: Promise<Connected<Conn>> = connecting.then(
    (conn) => ({ ok: true, conn }),
    (error: unknown) => ({ ok: false, because: connectProblem(error) }),
  );
  const outcome = await within(attempt, timeoutMs, signal);
  if (outcome === null) {
    attempt.then((late) => late.ok && closeQuietly(late.conn));
    return { ok: false, because: `no connection within ${Math.round(timeoutMs)} ms` };
  }
  return outcome;
}

/** Small answers leave at once, and a peer whose host died is noticed in the end. */
export function tune(conn: Deno.TcpConn): void {
  try {
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
  } catch {
    // The peer is gone already; the next read says so.
  }
}

/** @returns the number of bytes read; null at the end, whatever ended it */
export async function read(conn: Deno.Conn, buffer: Uint8Array): Promise<number | null> {
  try {
    return await conn.read(buffer);
  } catch {
    return null;
  }
}

/** @returns false where the peer no longer takes bytes */
export async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<boolean> {
  try {
    let written = await conn.write(bytes);
    while (written < bytes.length) written += await conn.write(bytes.subarray(written));
    return true;
  } catch {
    return false;
  }
}

/**
 * Closes; a second call does nothing. A read under way ends at once. A write under way does too in
 * newer runtimes; in Deno 2.4 it ends when the peer reads or dies, so nobody may wait for it for ever.
 */
export function closeQuietly(conn: Deno.Conn): void {
  // A second close throws, which costs as much as many reads.
  if (closed.has(conn)) return;
  closed.add(conn);
  try {
    conn.close();
  } catch {
    // Somebody else has closed it.
  }
}

const closed = new WeakSet<Deno.Conn>();

/** Ends the writing half, so that the peer sees the end behind everything that was sent. */
export async function finishWriting(conn: Deno.Conn): Promise<void> {
  try {
    await conn.closeWrite();
  } catch {
    // The peer went first.
  }
}

/**
 * Says a last word and closes. A close with unread input makes the kernel reset the connection, and
 * a reset can destroy the last word before the client has read it; so input is read and dropped until
 * the client closes too, or `lingerMs` are over.
 */
export async function closeAfter(
  conn: Deno.Conn,
  lastWord: Uint8Array,
  lingerMs: number,
): Promise<void> {
  const goodbye = async () => {
    if (!await write(conn, lastWord)) return;
    await finishWriting(conn);
    const sink = new Uint8Array(4096);
    while (await read(conn, sink) !== null);
  };
  await within(goodbye(), lingerMs);
  closeQuietly(conn);
}

/** @returns what the promise gives, or null after `timeoutMs` or an abort; it never rejects later */
export async function within<T>(
  promise: Promise<T>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<T | null> {
  if (signal?.aborted) {
    promise.catch(() => {});
    return null;
  }
  const { promise: outcome, resolve, reject } = Promise.withResolvers<T | null>();
  const onAbort = () => resolve(null);
  const timer = setTimeout(onAbort, Math.max(0, timeoutMs));
  signal?.addEventListener("abort", onAbort, { once: true });
  promise.then(resolve, reject);
  try {
    return await outcome;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

function connectProblem(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) return "connection refused";
  return error instanceof Error ? error.message : String(error);
}
