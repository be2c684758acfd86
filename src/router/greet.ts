/**
 * The first seconds of a client's connection: encryption requests are refused politely, then the
 * client says who it is, or which query it wants cancelled.
 *
 * One SSLRequest and one GSSENCRequest are answered with `N`, in either order. Bytes that are already
 * there behind such a request were not written in answer to ours: somebody on the way may have put
 * them there (CVE-2021-23214), and the connection is closed without a word.
 *
 * @module
 */
import { concatBytes, NO_BYTES } from "../wire/bytes.ts";
import type { Complaint } from "../wire/sqlstate.ts";
import { type BackendKey, parseStartup, type StartupPacket } from "../wire/startup.ts";
import { read, within, write } from "./socket.ts";

/** A client that said who it is. */
export interface Introduction {
  readonly packet: Extract<StartupPacket, { type: "startup" }>;
  /** The packet as it came, to be handed to the server. */
  readonly raw: Uint8Array;
  /** What the client sent behind it already. */
  readonly rest: Uint8Array;
}

/** How the first seconds ended. */
export type Greeting =
  | { readonly type: "session"; readonly introduction: Introduction }
  | { readonly type: "cancel"; readonly key: BackendKey }
  | { readonly type: "invalid"; readonly complaint: Complaint }
  /** Nothing worth an answer: it left, it was too slow, or it broke the rules above. */
  | { readonly type: "gone"; readonly because: string };

const NOT_ENCRYPTED = Uint8Array.of(0x4E);
// A startup packet of the longest kind, and room to see that something follows it.
const BUFFER_BYTES = 16_384;

/** Reads from `client` until it is known what it wants, for at most `timeoutMs`. */
export async function greet(client: Deno.Conn, timeoutMs: number): Promise<Greeting> {
  return await within(converse(client), timeoutMs) ??
    { type: "gone", because: `said nothing complete within ${timeoutMs} ms` };
}

async function converse(client: Deno.Conn): Promise<Greeting> {
  const refused = new Set<string>();
  const chunk = new Uint8Array(BUFFER_BYTES);
  let buffered: Uint8Array = NO_BYTES;
  for (;;) {
    const parsed = parseStartup(buffered);
    switch (parsed.type) {
      case "incomplete": {
        const count = await read(client, chunk);
        if (count === null) return { type: "gone", because: "left before it said who it is" };
        buffered = concatBytes([buffered, chunk.subarray(0, count)]);
        break;
      }
      case "ssl_request":
      case "gssenc_request":
        if (buffered.length > parsed.bytes) {
          return { type: "gone", because: `sent bytes behind its ${parsed.type}` };
        }
        if (refused.has(parsed.type)) {
          return { type: "gone", because: `sent a second ${parsed.type}` };
        }
        refused.add(parsed.type);
        if (!await write(client, NOT_ENCRYPTED)) {
          return { type: "gone", because: "left after it asked for encryption" };
        }
        buffered = NO_BYTES;
        break;
      case "cancel_request":
        return { type: "cancel", key: parsed.key };
      case "startup":
        return {
          type: "session",
          introduction: {
            packet: parsed,
            raw: buffered.slice(0, parsed.bytes),
            rest: buffered.slice(parsed.bytes),
          },
        };
      case "invalid":
        return { type: "invalid", complaint: parsed.complaint };
    }
  }
}
