/**
 * Members and operators as clients: what stands at a member's address answers with anything. Nothing
 * of it is believed, nothing of it costs more than the time that was allowed.
 *
 * @module
 */
import { createPeerClient, type PeerClient } from "../../../src/coordination/client.ts";
import { createOperatorClient } from "../../../src/coordination/operator_client.ts";
import { KEYS, MESSAGE, STATUS } from "../../coordination/support.ts";
import { type Dice, diceOf } from "../../simulation/dice.ts";
import { HUGE, mutateBytes, mutateText, noise, truncate } from "../mutate.ts";
import { close } from "../talk.ts";
import { expect, type Target } from "../target.ts";

const TIMEOUT_MS = 300;
const ENCODER = new TextEncoder();

/** The target, and what to close in the end. */
export function readerTarget(): Target & { readonly close: () => void } {
  let answer: (conn: Deno.Conn) => Promise<void> = () => Promise.resolve();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const conn of listener) answer(conn).catch(() => {}).finally(() => close(conn));
  })().catch(() => {});
  const members = new Map([["node2", { host: "127.0.0.1", port: listener.addr.port }]]);
  const options = { keys: KEYS, members, tls: false, timeoutMs: TIMEOUT_MS };
  const operator = createOperatorClient({ ...options, stepTimeoutMs: TIMEOUT_MS });
  return {
    name: "reader",
    inTurn: true,
    async play(dice) {
      // Where a kept connection is tried anew, the same is said again.
      const seed = dice.whole(0, 2 ** 31);
      answer = (conn) => say(conn, diceOf(seed, "answer"));
      const peer = createPeerClient({ ...options, self: "node1" });
      try {
        switch (dice.whole(0, 2)) {
          case 0:
            return await send(peer);
          case 1: {
            const read = await peer.status("node2");
            expect(!read.ok || !read.verified, () => "a forged status is called verified");
            return read.ok ? "unverified" : "refused";
          }
          default: {
            const wish = { to: "node1", force: "none" } as const;
            const end = await operator.failover("node2", wish, () => {});
            expect(end.type === "lost" || end.type === "refused", () => `a failover ${end.type}`);
            return end.type;
          }
        }
      } finally {
        peer.close();
      }
    },
    close() {
      operator.close();
      listener.close();
    },
  };
}

async function send(peer: PeerClient): Promise<string> {
  const sent = await peer.send("node2", MESSAGE);
  expect(sent.type !== "answered", () => "a forged answer is believed");
  expect(sent.type !== "refused", () => "a port that is open counts as one that refuses");
  return sent.type;
}

/** An answer that nobody signed with the cluster's key. */
function validAnswer(dice: Dice): Uint8Array {
  const body = JSON.stringify(dice.pick<unknown>([
    STATUS,
    { type: "noted", term: 3 },
    { index: 0, step: "done", outcome: "succeeded", elapsed_ms: 3, signature: "0".repeat(64) },
    { error: "no", remedy: "none" },
  ]));
  const status = dice.pick([200, 200, 200, 204, 301, 400, 401, 409, 500, 503, 999]);
  const length = ENCODER.encode(body).length;
  return ENCODER.encode(
    `HTTP/1.1 ${status} x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n` +
      `location: http://127.0.0.1:1/\r\nmetako-challenge: ${"ab".repeat(16)}\r\n` +
      `metako-signature: ${"0".repeat(64)}\r\n\r\n${body}`,
  );
}

async function say(conn: Deno.Conn, dice: Dice): Promise<void> {
  await conn.read(new Uint8Array(16_384));
  const valid = validAnswer(dice);
  const bytes = dice.pick<() => Uint8Array>([
    () => valid,
    () => noise(dice, dice.whole(0, 2000)),
    () => mutateBytes(dice, valid),
    () => ENCODER.encode(mutateText(dice, new TextDecoder().decode(valid))),
    () => truncate(dice, valid),
    () => ENCODER.encode(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(dice.whole(1, 50_000))}`),
    () => ENCODER.encode(`HTTP/1.1 200 OK\r\n\r\n${"[".repeat(10 * HUGE)}`),
  ])();
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  // It hangs up, or keeps its client waiting.
  if (dice.luck(0.3)) await conn.read(new Uint8Array(16_384));
}
