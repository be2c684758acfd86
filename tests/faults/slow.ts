/**
 * Links between hosts on which every packet takes its time. Clients, who live outside the hosts, are
 * not slowed down.
 *
 * The kernel's own way (netem) is missing in many kernels; a program of this suite carries the
 * packets instead, and the hosts' routes to one another lead there.
 *
 * @module
 */
import { must, type Network } from "./network.ts";

/** Slow links, until they are closed. */
export interface SlowLinks {
  /** Packets under way are lost; everything goes the direct way again. */
  readonly close: () => Promise<void>;
}

/** Why links cannot be made slow here; null where they can. */
export function slowObstacle(): string | null {
  try {
    Deno.statSync("/dev/net/tun");
    return null;
  } catch {
    return "slow links need /dev/net/tun";
  }
}

/** Makes every packet from host to host take `delayMs` longer, one way. */
export async function slowDown({ hosts }: Network, delayMs: number): Promise<SlowLinks> {
  const device = (namespace: string) => `${namespace}-slow`;
  const relay = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "-A",
      new URL("slow_relay.ts", import.meta.url).pathname,
      String(delayMs),
      ...hosts.map(({ namespace, address }) => `${device(namespace)}=${address}`),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const close = async () => {
    await relay.stdin.close().catch(() => {});
    await relay.stdout.cancel().catch(() => {});
    await relay.status;
  };
  try {
    const reader = relay.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    if (value === undefined) throw new Error("The slow links' program did not start");
    for (const { namespace, address } of hosts) {
      const name = device(namespace);
      await must(["ip", "link", "set", name, "netns", namespace]);
      await must(["ip", "-n", namespace, "link", "set", name, "up"]);
      for (const peer of hosts.filter((other) => other.namespace !== namespace)) {
        const route = [peer.address, "dev", name, "src", address];
        await must(["ip", "-n", namespace, "route", "replace", ...route]);
      }
    }
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}
