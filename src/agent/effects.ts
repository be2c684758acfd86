/**
 * Carries out the core's effects, but for the one that persists. Whatever takes time is only started
 * here; its end comes back to the core as an event.
 *
 * @module
 */
import type { PeerClient } from "../coordination/client.ts";
import type { Endpoint } from "../coordination/transport.ts";
import { assertNever } from "../core/assert_never.ts";
import type { Decision, Effect } from "../core/effect.ts";
import type { Event } from "../core/event.ts";
import type { Log } from "../core/log.ts";
import type { Contact } from "../core/message.ts";
import type { NodeName } from "../core/record.ts";
import type { ServerDriver } from "./actions.ts";
import { monotonicMs } from "./clock.ts";
import type { Conversations, Exchanges } from "./exchanges.ts";
import { probePort } from "./probe.ts";
import type { RecordKeeper } from "./record_keeper.ts";

/** Where effects meet the world. */
export interface EffectPorts {
  readonly client: PeerClient;
  readonly exchanges: Exchanges;
  readonly conversations: Conversations;
  readonly addresses: ReadonlyMap<NodeName, Endpoint>;
  /** Null until the local server is driven. */
  readonly driver: () => ServerDriver | null;
  readonly submit: (event: Event) => void;
  /** The address at which this node reaches what `node` advertises. */
  readonly reachable: (node: NodeName, contact: Contact) => Contact;
  readonly probeTimeoutMs: number;
  /** Asks a member's server whether it works as a primary; a witness has no login, and cannot. */
  readonly worksAsPrimary: (contact: Contact, timeoutMs: number) => Promise<boolean>;
  /** Addresses outside of a pair that tell an isolated node from a lonely one. */
  readonly witnesses: readonly Endpoint[];
  readonly records: Pick<RecordKeeper, "decision" | "progress">;
  readonly log: Log;
}

/** Starts one effect. Never throws. */
export function startEffect(
  effect: Exclude<Effect, { readonly type: "persist" }>,
  ports: EffectPorts,
): void {
  switch (effect.type) {
    case "send":
      return void send(effect, ports);
    case "answer":
      return ports.exchanges.settle(effect.exchange, effect.message);
    case "operate":
      return ports.driver()?.run(effect.operation, effect.action);
    case "observe":
      return ports.driver()?.lookNow();
    case "probe":
      return void probe(effect, ports);
    case "check_witnesses":
      return void countWitnesses(effect.check, ports);
    case "report":
      ports.records.decision(effect.decision);
      return report(effect.decision, ports.log);
    case "progress":
      ports.log("info", "operator", { because: effect.step, outcome: effect.outcome });
      ports.records.progress(effect.reference, effect);
      return ports.conversations.say(effect.reference, effect);
    default:
      assertNever(effect);
  }
}

async function send(
  effect: Effect & { readonly type: "send" },
  ports: EffectPorts,
): Promise<void> {
  const { request, to } = effect;
  const sent = await ports.client.send(to, effect.message);
  const nowMs = monotonicMs();
  if (sent.type !== "answered") {
    ports.log("debug", "no_answer", { peer: to, outcome: sent.type, because: sent.because });
    return ports.submit({ type: "no_answer", nowMs, request, reason: sent.type });
  }
  const { answer } = sent;
  const message = answer.type === "heartbeat_answer"
    ? { ...answer, contact: ports.reachable(to, answer.contact) }
    : answer;
  ports.submit({ type: "answer", nowMs, request, from: to, message });
}

async function probe(
  { node, contact }: Effect & { readonly type: "probe" },
  ports: EffectPorts,
): Promise<void> {
  const address = ports.addresses.get(node);
  const { probeTimeoutMs } = ports;
  const [agent, server, primary] = await Promise.all([
    address === undefined ? "silent" as const : probePort(address, probeTimeoutMs),
    contact === null ? "silent" as const : probePort(contact, probeTimeoutMs),
    contact === null ? false : ports.worksAsPrimary(contact, probeTimeoutMs),
  ]);
  ports.submit({ type: "probed", nowMs: monotonicMs(), node, agent, server, primary });
}

/** Only an open port counts: firewalls refuse too, in the name of others. */
async function countWitnesses(check: number, ports: EffectPorts): Promise<void> {
  const found = await Promise.all(
    ports.witnesses.map((address) => probePort(address, ports.probeTimeoutMs)),
  );
  const reached = found.filter((result) => result === "open").length;
  ports.submit({ type: "witnesses_checked", nowMs: monotonicMs(), check, reached });
}

function report({ event, fields, because, ...decision }: Decision, log: Log): void {
  const loud = decision.outcome === "failed" || event === "step_down" || event === "server_died";
  // What succeeded needs no reason, and has none.
  const reason = because === "" ? {} : { because };
  log(loud ? "warning" : "info", event, { ...decision, ...reason, ...fields });
}
