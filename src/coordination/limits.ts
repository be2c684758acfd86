/**
 * What one client can cost: bytes and seconds of a body, requests at a time, failed signatures.
 *
 * A slow or garbled client pays for itself. Bodies are read only after the signature in the headers
 * was verified, so whoever has no key cannot make the node wait or buffer. Failed signatures are
 * counted by source address; beyond the limit they are answered 429 and no longer logged. A request
 * with a valid signature passes whatever its address did before, since a member may share an
 * address with the offender.
 *
 * Whoever asks without a signature may ask so many times a second, by source address; signatures cost
 * little to check, and members must get through. What connections may cost is in {@link ./front.ts}.
 *
 * @module
 */

/** The limits of the coordination API. */
export interface Limits {
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxPathBytes: number;
  /** Requests being worked on at the same time, from all sources together. */
  readonly maxInFlight: number;
  readonly bodyTimeoutMs: number;
  /** Failed signatures that one address may have within `failureWindowMs` before 429. */
  readonly maxFailures: number;
  readonly failureWindowMs: number;
  /** Requests without a signature that one address may make per second, in the long run. */
  readonly requestsPerSecond: number;
  /** Those that it may make at once. */
  readonly requestBurst: number;
}

/** Far above what 31 members need, far below what hurts. */
export const DEFAULT_LIMITS: Limits = {
  maxBodyBytes: 256 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxPathBytes: 2048,
  maxInFlight: 256,
  bodyTimeoutMs: 5000,
  maxFailures: 20,
  failureWindowMs: 10_000,
  requestsPerSecond: 100,
  requestBurst: 200,
};

/** What became of a body. */
export type BodyRead =
  | { readonly type: "read"; readonly body: Uint8Array }
  | { readonly type: "too_large" }
  | { readonly type: "too_slow" }
  /** The client went away, or broke the framing. */
  | { readonly type: "broken" };

/**
 * Reads a body, at most `maxBytes` in at most `timeoutMs`; gives up on the rest.
 *
 * @param declaredBytes the Content-Length, so that what announces too much is not read at all
 */
export async function readBody(
  stream: ReadableStream<Uint8Array> | null,
  options: {
    readonly maxBytes: number;
    readonly timeoutMs: number;
    readonly declaredBytes: number | null;
  },
): Promise<BodyRead> {
  if (options.declaredBytes !== null && options.declaredBytes > options.maxBytes) {
    return { type: "too_large" };
  }
  if (stream === null) return { type: "read", body: new Uint8Array() };
  const reader = stream.getReader();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    reader.cancel().catch(() => {});
  }, options.timeoutMs);
  try {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.length;
      if (bytes > options.maxBytes) {
        reader.cancel().catch(() => {});
        return { type: "too_large" };
      }
      chunks.push(part.value);
    }
    return expired ? { type: "too_slow" } : { type: "read", body: join(chunks, bytes) };
  } catch {
    return { type: expired ? "too_slow" : "broken" };
  } finally {
    clearTimeout(timer);
  }
}

/** Failed signatures by source address. */
export type FailureCounter = (source: string) => "tolerated" | "limit_reached" | "limited";

/** The most addresses remembered; more make the oldest forgotten. */
const MAX_SOURCES = 1024;

/**
 * A function that counts one failure of a source and says whether it is too many.
 *
 * @param nowMs a monotonic clock
 * @returns "limit_reached" once per window, for the one line that is logged about it
 */
export function createFailureCounter(
  limits: Pick<Limits, "maxFailures" | "failureWindowMs">,
  nowMs: () => number,
): FailureCounter {
  const sources = new Map<string, { startedAtMs: number; failures: number }>();
  return (source) => {
    const now = nowMs();
    let entry = sources.get(source);
    if (entry === undefined || now - entry.startedAtMs >= limits.failureWindowMs) {
      sources.delete(source);
      entry = { startedAtMs: now, failures: 0 };
      sources.set(source, entry);
      if (sources.size > MAX_SOURCES) sources.delete(sources.keys().next().value!);
    }
    entry.failures++;
    if (entry.failures <= limits.maxFailures) return "tolerated";
    return entry.failures === limits.maxFailures + 1 ? "limit_reached" : "limited";
  };
}

/**
 * A function that takes note of one request of a source, and says whether it may be answered.
 *
 * @param nowMs a monotonic clock
 */
export function createRateLimiter(
  limits: Pick<Limits, "requestsPerSecond" | "requestBurst">,
  nowMs: () => number,
): (source: string) => boolean {
  const { requestsPerSecond, requestBurst } = limits;
  const sources = new Map<string, { left: number; atMs: number }>();
  return (source) => {
    const atMs = nowMs();
    const known = sources.get(source) ?? { left: requestBurst, atMs };
    const gained = (atMs - known.atMs) / 1000 * requestsPerSecond;
    const left = Math.min(requestBurst, known.left + gained);
    const mayAsk = left >= 1;
    sources.delete(source);
    sources.set(source, { left: mayAsk ? left - 1 : left, atMs });
    if (sources.size > MAX_SOURCES) sources.delete(sources.keys().next().value!);
    return mayAsk;
  };
}

/** The bytes of a header block, as HTTP/1.1 writes it. */
export function headerBytes(headers: Headers): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length + 4;
  return bytes;
}

function join(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const body = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}
