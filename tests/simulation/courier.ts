/**
 * Agents' messages on their way: requests, the answers to them, and probes of a member's ports.
 */
import type { Effect } from "../../src/core/effect.ts";
import type { Answer } from "../../src/core/message.ts";
import type { NodeName } from "../../src/core/record.ts";
import { submit, submitLater } from "./agent.ts";
import { isRefused, passes, travelMs } from "./network.ts";
import { answers, isAwake } from "./server.ts";
import { heldBackMs, springAfterSending } from "./traps.ts";
import { answerText, requestText } from "./words.ts";
import { after, type Host, hostOf, tell, type World } from "./world.ts";

/** Sends a request; its answer, or the lack of one, comes back as an event. */
export function sendRequest(world: World, host: Host, effect: Effect & { type: "send" }): void {
  const { request, to, message } = effect;
  world.tally.note("message", message.type);
  for (const checker of world.checkers) checker.sends?.(host, to, message);
  const heldMs = springAfterSending(world, host, message) +
    heldBackMs(world, host.name, to, message);
  const target = hostOf(world, to);
  const exchange = ++world.exchangeCount;
  const { boot } = host;
  world.exchanges.set(exchange, { sender: host, boot, request });
  const giveUp = (reason: "silent" | "refused" | "rejected") => {
    if (!world.exchanges.delete(exchange) || host.boot !== boot) return;
    submit(world, host, (nowMs) => ({ type: "no_answer", nowMs, request, reason }));
  };
  after(world, host.settings.communicationTimeoutMs, () => giveUp("silent"));
  if (isRefused(world.network, host.name, to)) return after(world, 1, () => giveUp("refused"));
  if (isUnknown(world, host, target)) return after(world, 1, () => giveUp("rejected"));
  const { dice, network } = world;
  const delayMs = travelMs(network, dice.net);
  if (delayMs === null || !passes(network, host.name, to)) {
    if (world.trace !== null) tell(world, host, "message", `${requestText(to, message)} — lost`);
    return;
  }
  const arrive = (under: number) => {
    if (!target.up) return;
    if (target.agent === null) return after(world, delayMs, () => giveUp("refused"));
    if (world.trace !== null) tell(world, host, "message", requestText(to, message));
    submit(world, target, (nowMs) => ({
      type: "request",
      nowMs,
      exchange: under,
      from: host.name,
      message,
    }));
  };
  after(world, heldMs + delayMs, () => arrive(exchange));
  if (network.weather.duplication > 0 && dice.net.luck(network.weather.duplication)) {
    world.tally.note("message", "duplicate");
    after(world, delayMs * dice.net.between(1, 30), () => arrive(++world.exchangeCount));
  }
  if (world.stormy && network.weather.loss > 0 && dice.net.luck(network.weather.loss / 4)) {
    after(world, delayMs, () => giveUp("rejected"));
  }
}

/** Brings an answer back to whoever still waits for it. */
export function deliverAnswer(world: World, host: Host, exchange: number, message: Answer): void {
  const pending = world.exchanges.get(exchange);
  const said = message.type === "vote_answer" || message.type === "pre_vote_answer"
    ? `${message.type} ${message.granted ? "granted" : "denied"}`
    : message.type;
  world.tally.note("message", said);
  if (pending === undefined) return;
  const { sender, boot, request } = pending;
  for (const checker of world.checkers) checker.sends?.(host, sender.name, message);
  const delayMs = travelMs(world.network, world.dice.net);
  if (delayMs === null || !passes(world.network, host.name, sender.name)) {
    if (world.trace !== null) {
      tell(world, host, "message", `${answerText(sender.name, message)} — lost`);
    }
    return;
  }
  springAfterSending(world, host, message);
  const heldMs = heldBackMs(world, host.name, sender.name, message);
  after(world, heldMs + delayMs, () => {
    if (!world.exchanges.delete(exchange) || sender.boot !== boot) return;
    if (world.trace !== null) tell(world, host, "message", answerText(sender.name, message));
    submit(world, sender, (nowMs) => ({
      type: "answer",
      nowMs,
      request,
      from: host.name,
      message,
    }));
  });
}

/** Tries to connect to the witness addresses, which only an isolated host does not reach. */
export function askWitnesses(world: World, host: Host, check: number): void {
  const { witnessCount } = host.settings.pair!;
  const cutOff = Math.min(witnessCount, world.network.witnesses.get(host.name) ?? 0);
  const reached = isAwake(world, host) ? witnessCount - cutOff : 0;
  world.tally.note("witnesses", reached > witnessCount / 2 ? "reached" : "not reached");
  if (world.trace !== null) {
    tell(world, host, "message", `reaches ${reached} of ${witnessCount} witness addresses`);
  }
  const delayMs = cutOff > 0
    ? host.settings.communicationTimeoutMs
    : 2 * (travelMs(world.network, world.dice.net) ?? host.settings.communicationTimeoutMs);
  submitLater(world, host, delayMs, (nowMs) => ({
    type: "witnesses_checked",
    nowMs,
    check,
    reached,
  }));
}

/** Tries to connect to a member's agent and server. */
export function probe(world: World, host: Host, name: NodeName): void {
  const target = hostOf(world, name);
  if (isRefused(world.network, host.name, name)) {
    return submitLater(world, host, 1, (nowMs) => ({
      type: "probed",
      nowMs,
      node: name,
      agent: "refused",
      server: "refused",
      primary: false,
    }));
  }
  const { network, dice } = world;
  const delayMs = travelMs(network, dice.net);
  const reachable = delayMs !== null && isAwake(world, target) &&
    passes(network, host.name, name) && passes(network, name, host.name);
  const agent = !reachable ? "silent" : target.agent === null ? "refused" : "open";
  const server = !reachable
    ? "silent"
    : target.process === null
    ? "refused"
    : answers(world, target)
    ? "open"
    : "silent";
  const hasLogin = world.scenario.members.some((member) =>
    member.name === host.name && member.kind === "data"
  );
  const primary = hasLogin && server === "open" && target.process?.kind === "primary";
  world.tally.note("probe", `agent ${agent}, server ${server}${primary ? ", primary" : ""}`);
  if (world.trace !== null) {
    const seen = primary ? "works as primary" : server;
    tell(world, host, "message", `probes ${name}: agent ${agent}, PostgreSQL ${seen}`);
  }
  submitLater(
    world,
    host,
    reachable ? 2 * delayMs : host.settings.communicationTimeoutMs,
    (nowMs) => ({ type: "probed", nowMs, node: name, agent, server, primary }),
  );
}

/** The edge knows only those whom its configuration names. Every second run does without this. */
function isUnknown(world: World, from: Host, to: Host): boolean {
  const names = (host: Host, other: Host) =>
    host.settings.members.some(({ name }) => name === other.name);
  return world.scenario.seed % 2 === 0 && !(names(from, to) && names(to, from));
}
