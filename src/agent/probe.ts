/**
 * One TCP connection attempt, and what it proves.
 *
 * @module
 */
import type { Reachability } from "../core/event.ts";

/**
 * Tries to connect.
 *
 * @returns "open", "refused" where the host's kernel itself said no, and "silent" for everything
 * else: time-outs, unreachable networks and unknown names prove nothing about the process.
 */
export async function probePort(
  address: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<Reachability> {
  const signal = AbortSignal.timeout(timeoutMs);
  const attempt = Deno.connect({ hostname: address.host, port: address.port })
    .then((connection) => {
      connection.close();
      return "open" as const;
    }, (error: unknown) => {
      return error instanceof Deno.errors.ConnectionRefused
        ? "refused" as const
        : "silent" as const;
    });
  const expiry = new Promise<Reachability>((resolve) => {
    signal.addEventListener("abort", () => resolve("silent"), { once: true });
  });
  return await Promise.race([attempt, expiry]);
}
