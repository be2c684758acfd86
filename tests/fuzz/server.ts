/**
 * A PostgreSQL server as the router sees one: SCRAM, then an answer to everything. For a database
 * called `garbage_7` it says what the seed 7 makes of that.
 *
 * @module
 */
import { concatBytes, cStringBytes, messageBytes } from "../../src/wire/bytes.ts";
import { fatalBytes } from "../../src/wire/errors.ts";
import {
  authenticationBytes,
  backendKeyDataBytes,
  negotiateProtocolVersionBytes,
  parameterStatusBytes,
  readyForQueryBytes,
} from "../../src/wire/messages.ts";
import { mechanismListBytes } from "../../src/wire/sasl.ts";
import { type Dice, diceOf } from "../simulation/dice.ts";
import { Peer } from "../router/harness.ts";
import { mutateBytes, noise, truncate } from "./mutate.ts";
import { serverLogin } from "./scram.ts";

/** The database whose sessions are answered with what `seed` draws. */
export function garbageDatabase(seed: number): string {
  return `garbage_${seed}`;
}

const KEY = { processId: 4711, secretKey: new TextEncoder().encode("fuzz") };
const GREETING = concatBytes([
  parameterStatusBytes("server_version", "15.4"),
  parameterStatusBytes("client_encoding", "UTF8"),
  backendKeyDataBytes(KEY),
  readyForQueryBytes("idle"),
]);
const ANSWER = concatBytes([
  messageBytes("T", Uint8Array.of(0, 1), cStringBytes("a"), new Uint8Array(18)),
  messageBytes("D", Uint8Array.of(0, 1, 0, 0, 0, 1, 0x31)),
  messageBytes("C", cStringBytes("SELECT 1")),
  readyForQueryBytes("idle"),
]);
const CHALLENGES = [
  authenticationBytes("sasl", mechanismListBytes(["SCRAM-SHA-256"])),
  authenticationBytes("md5_password", Uint8Array.of(1, 2, 3, 4)),
  authenticationBytes("cleartext_password"),
  authenticationBytes("ok"),
  negotiateProtocolVersionBytes({ minor: 0, unknownOptions: ["_pq_.x"] }),
  fatalBytes({ sqlstate: "57P03", message: "starting up" }),
  fatalBytes({ sqlstate: "28000", message: "no entry" }),
];

/** Serves on a port of loopback. */
export function startServer(): { readonly port: number; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const conn of listener) {
      const peer = new Peer(conn);
      serve(peer).catch(() => {}).finally(() => peer.close());
    }
  })().catch(() => {});
  return { port: listener.addr.port, close: () => listener.close() };
}

async function serve(peer: Peer): Promise<void> {
  const first = await peer.startup();
  if (first.type !== "startup") return;
  const garbage = /^garbage_(\d+)$/.exec(first.parameters.get("database") ?? "");
  if (garbage !== null) return await talkGarbage(peer, diceOf(Number(garbage[1]), "server"));
  if (!await serverLogin(peer)) {
    return await peer.send(fatalBytes({ sqlstate: "28P01", message: "wrong password" }));
  }
  await peer.send(GREETING);
  await answerAll(peer);
}

/** Answers what ends a request, and swallows the rest. */
async function answerAll(peer: Peer, spoil = (bytes: Uint8Array) => bytes): Promise<void> {
  for (;;) {
    const message = await peer.message();
    if (message === null || message.code === "X") return;
    if ("QSF".includes(message.code)) await peer.send(spoil(ANSWER));
  }
}

async function talkGarbage(peer: Peer, dice: Dice): Promise<void> {
  const ending = dice.whole(0, 3);
  switch (dice.whole(0, 4)) {
    case 0:
      await peer.send(noise(dice, dice.whole(0, 2000)));
      break;
    case 1:
      await peer.send(mutateBytes(dice, dice.pick(CHALLENGES)));
      break;
    case 2:
      await peer.send(truncate(dice, dice.pick(CHALLENGES)));
      break;
    case 3:
      if (await serverLogin(peer)) await peer.send(mutateBytes(dice, GREETING));
      break;
    default:
      if (!await serverLogin(peer)) break;
      await peer.send(GREETING);
      return await answerAll(peer, (bytes) => mutateBytes(dice, bytes));
  }
  // It hangs up, or says nothing more, or goes on about the same.
  if (ending === 1) await peer.message();
  if (ending === 2) await answerAll(peer, (bytes) => mutateBytes(dice, bytes));
}
