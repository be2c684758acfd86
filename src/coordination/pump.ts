/**
 * Passes bytes from one connection to another.
 *
 * @module
 */

const BUFFER_BYTES = 16_384;

/**
 * Passes bytes on until one side is done. The end of `from` becomes the end of what `to` reads; where
 * `to` takes nothing any more, both are closed.
 *
 * @param look sees every piece before it is passed on; false closes both
 */
export async function pump(
  from: Deno.Conn,
  to: Deno.Conn,
  look: (bytes: Uint8Array) => boolean,
): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (;;) {
    const count = await from.read(buffer).catch(() => null);
    if (count === null) return await finish(to);
    const bytes = buffer.subarray(0, count);
    if (look(bytes) && await write(to, bytes)) continue;
    closeQuietly(from);
    return closeQuietly(to);
  }
}

/** Closes; a second call does nothing. */
export function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
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

async function write(to: Deno.Conn, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let written = 0; written < bytes.length;) {
      written += await to.write(bytes.subarray(written));
    }
    return true;
  } catch {
    return false;
  }
}

async function finish(to: Deno.Conn): Promise<void> {
  try {
    await to.closeWrite();
  } catch {
    // The other side went first.
  }
}
