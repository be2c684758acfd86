/**
 * Free ports for the demo's listeners.
 *
 * A port that the system hands out for port 0 is the wrong kind here: it lies in the range from which
 * outgoing connections take theirs, and while a killed node is down any connection may sit on its
 * port. So the ports are looked for below that range, from a random place, and all are held open until
 * the last one is found.
 *
 * @module
 */

/** Linux starts its range of outgoing ports at 32768 by default, other systems higher. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/**
 * Finds ports on which one can listen.
 *
 * @returns `count` ports in ascending order, or null where the host has not that many free
 */
export function findFreePorts(
  hostname: string,
  count: number,
  random: () => number = Math.random,
): readonly number[] | null {
  const span = HIGHEST - LOWEST;
  const first = Math.floor(random() * span);
  const held: Deno.Listener[] = [];
  const ports: number[] = [];
  for (let step = 0; step < span && ports.length < count; step += 1) {
    const port = LOWEST + (first + step) % span;
    try {
      held.push(Deno.listen({ hostname, port }));
      ports.push(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  for (const listener of held) listener.close();
  return ports.length === count ? ports.sort((a, b) => a - b) : null;
}
