/**
 * The network: links that lose, delay, duplicate and reorder agents' messages, and that can be cut
 * one way or both ways, for agents and for replication apart. A cut may also answer with a refusal,
 * as some firewalls do.
 */
import type { NodeName } from "../../src/core/record.ts";
import type { Dice } from "./dice.ts";

/** What a cut keeps from passing. */
export type Traffic = "agents" | "wal" | "both";

/** How the network fares apart from cuts. */
export interface Weather {
  latencyMs: number;
  /** Probability that an agent's message is lost. */
  loss: number;
  /** Probability that a request arrives twice. */
  duplication: number;
  /** Probability that a message takes up to 40 times as long, and so is overtaken by others. */
  straggling: number;
}

/** The state of all links. */
export interface Network {
  readonly weather: Weather;
  /** `from>to` for each direction that is cut, with how many faults cut it. */
  readonly agents: Map<string, number>;
  readonly wal: Map<string, number>;
  /** `from>to` where a connection is refused although nobody asked the host. */
  readonly refusing: Map<string, number>;
  /** How many witness addresses a host does not reach. */
  readonly witnesses: Map<NodeName, number>;
}

/** A network without any cut. */
export function createNetwork(weather: Weather): Network {
  return { weather, agents: new Map(), wal: new Map(), refusing: new Map(), witnesses: new Map() };
}

/** Cuts one direction. Each cut is healed on its own. */
export function cut(network: Network, from: NodeName, to: NodeName, traffic: Traffic): void {
  if (traffic !== "wal") raise(network.agents, `${from}>${to}`, 1);
  if (traffic !== "agents") raise(network.wal, `${from}>${to}`, 1);
}

/** Takes one cut back. */
export function heal(network: Network, from: NodeName, to: NodeName, traffic: Traffic): void {
  if (traffic !== "wal") raise(network.agents, `${from}>${to}`, -1);
  if (traffic !== "agents") raise(network.wal, `${from}>${to}`, -1);
}

/** A firewall between the two starts, or ends, to refuse connections. */
export function refuse(network: Network, from: NodeName, to: NodeName, change: 1 | -1): void {
  raise(network.refusing, `${from}>${to}`, change);
}

/** A host loses `count` of the witness addresses; a negative number brings some back. */
export function loseWitnesses(network: Network, host: NodeName, count: number): void {
  for (let left = Math.abs(count); left > 0; left--) {
    raise(network.witnesses, host, count > 0 ? 1 : -1);
  }
}

/** True where agents' messages pass. */
export function passes(network: Network, from: NodeName, to: NodeName): boolean {
  return network.agents.size === 0 || !network.agents.has(`${from}>${to}`);
}

/** True where WAL, or the acknowledgement of it, passes. */
export function walPasses(network: Network, from: NodeName, to: NodeName): boolean {
  return network.wal.size === 0 || !network.wal.has(`${from}>${to}`);
}

/** True where a firewall refuses connections. */
export function isRefused(network: Network, from: NodeName, to: NodeName): boolean {
  return network.refusing.size > 0 && network.refusing.has(`${from}>${to}`);
}

/** How long a message takes, or null where it is lost. */
export function travelMs(network: Network, dice: Dice): number | null {
  const { latencyMs, loss, straggling } = network.weather;
  if (loss > 0 && dice.luck(loss)) return null;
  const stretch = straggling > 0 && dice.luck(straggling) ? dice.between(2, 40) : 1;
  return latencyMs * dice.between(0.5, 1.5) * stretch;
}

/** Heals everything. */
export function healAll(network: Network): void {
  network.agents.clear();
  network.wal.clear();
  network.refusing.clear();
  network.witnesses.clear();
  Object.assign(network.weather, { latencyMs: 1, loss: 0, duplication: 0, straggling: 0 });
}

function raise(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
