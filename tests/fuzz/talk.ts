/**
 * Says bytes to a port, and hears what comes back.
 *
 * @module
 */
import type { Dice } from "../simulation/dice.ts";

/** How bytes are said. */
export type Manner =
  /** At once, and then the other side may take its time. */
  | "whole"
  /** At once, and then the writing half is closed. */
  | "half_close"
  /** In small pieces, and then the writing half is closed. */
  | "drip"
  /** At once, and away. */
  | "leave";

/** What came back. */
export interface Heard {
  readonly bytes: Uint8Array;
  /** False where this side left first. */
  readonly ended: boolean;
}

/** No answer that is due takes this long, on the busiest machine. */
export const HANGS_AFTER_MS = 30_000;
const MOST_BYTES = 4_000_000;

/** Draws a manner. */
export function drawManner(dice: Dice): Manner {
  return dice.pick(["whole", "half_close", "half_close", "half_close", "drip", "leave"]);
}

/**
 * Says `bytes` and reads to the end.
 *
 * @throws {Error} where the other side neither answers to the end nor hangs up
 */
export async function talk(
  port: number,
  bytes: Uint8Array,
  manner: Manner,
): Promise<Heard> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const saying = say(conn, bytes, manner);
  if (manner === "leave") {
    await saying;
    close(conn);
    return { bytes: new Uint8Array(0), ended: false };
  }
  try {
    return { bytes: await hearAll(conn), ended: true };
  } finally {
    close(conn);
    await saying;
  }
}

/** Reads to the end. @throws {Error} where it does not come */
export async function hearAll(conn: Deno.Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    close(conn);
  }, HANGS_AFTER_MS);
  try {
    for (const buffer = new Uint8Array(65_536); length < MOST_BYTES;) {
      const count = await conn.read(buffer).catch(() => null);
      if (count === null) break;
      length += count;
      chunks.push(buffer.slice(0, count));
    }
  } finally {
    clearTimeout(timer);
  }
  if (hangs) throw new Error(`it hangs: ${length} bytes came, and then nothing, not even an end`);
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Closes what may be closed already. */
export function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}

async function say(conn: Deno.Conn, bytes: Uint8Array, manner: Manner): Promise<void> {
  const piece = manner === "drip" ? Math.max(1, Math.ceil(bytes.length / 50)) : bytes.length;
  try {
    for (let at = 0; at < bytes.length;) {
      at += await conn.write(bytes.subarray(at, at + piece));
      if (manner === "drip") await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (manner !== "whole") await (conn as Deno.TcpConn).closeWrite();
  } catch {
    // It hung up first.
  }
}
