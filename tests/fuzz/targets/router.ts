/**
 * The router's port: startup packets, TLS, the exchange of passwords, messages of a session, and
 * servers that say anything.
 *
 * @module
 */
import { concatBytes, int32Bytes, messageBytes } from "../../../src/wire/bytes.ts";
import { queryBytes, terminateBytes } from "../../../src/wire/messages.ts";
import {
  cancelRequestBytes,
  gssencRequestBytes,
  sslRequestBytes,
  startupBytes,
} from "../../../src/wire/startup.ts";
import { TLS } from "../../coordination/socket_support.ts";
import { Peer } from "../../router/harness.ts";
import type { Dice } from "../../simulation/dice.ts";
import { judgeServerBytes, proves } from "../judge.ts";
import { mutateBytes, noise, truncate } from "../mutate.ts";
import { clientAnswers, USER } from "../scram.ts";
import { garbageDatabase } from "../server.ts";
import { close, drawManner, hearAll, type Manner, talk } from "../talk.ts";
import { expect, type Target } from "../target.ts";

const STARTUP = startupBytes({ user: USER, database: "postgres", application_name: "fuzz" });
const OPENINGS = [
  STARTUP,
  startupBytes({ user: USER, "_pq_.x": "1" }, 2),
  startupBytes({ user: "postgres" }),
  startupBytes({ user: "nobody", replication: "true" }),
  sslRequestBytes(),
  gssencRequestBytes(),
  cancelRequestBytes({ processId: 4711, secretKey: new TextEncoder().encode("fuzz") }),
];
const text = (value: string) => new TextEncoder().encode(`${value}\0`);
const REQUESTS = [
  queryBytes("SELECT 1"),
  messageBytes("P", text("s"), text("SELECT $1"), Uint8Array.of(0, 0)),
  messageBytes("B", text(""), text("s"), new Uint8Array(6)),
  messageBytes("D", text("Ss")),
  messageBytes("E", text(""), int32Bytes(0)),
  messageBytes("S"),
  messageBytes("H"),
  messageBytes("C", text("Ss")),
  messageBytes("F", int32Bytes(1), new Uint8Array(6)),
  messageBytes("d", text("1\t2\n")),
  messageBytes("c"),
  messageBytes("f", text("no")),
];

/** The target. */
export function routerTarget(port: number): Target {
  return {
    name: "router",
    play(dice) {
      switch (dice.whole(0, 8)) {
        case 0:
          return say(port, noise(dice, dice.whole(1, 3000)), drawManner(dice));
        case 1:
          return say(port, mutateBytes(dice, dice.pick(OPENINGS)), drawManner(dice));
        case 2:
          return say(port, truncate(dice, dice.pick(OPENINGS)), drawManner(dice));
        case 3:
          return startTls(dice, port);
        case 4:
        case 5:
          return login(dice, port, "password");
        case 6:
        case 7:
          return login(dice, port, "session");
        default:
          return login(dice, port, "server");
      }
    },
    async check() {
      const outcome = await session(port);
      expect(outcome === "served", () => `a client with the right password is ${outcome}`);
    },
  };
}

async function say(port: number, bytes: Uint8Array, manner: Manner): Promise<string> {
  const heard = await talk(port, bytes, manner);
  expect(!proves(heard.bytes), () => "it let somebody in who proved nothing");
  return heard.ended ? judgeServerBytes(heard.bytes) : "left";
}

/** SSLRequest, and then a handshake or what looks like one, and garbage inside. */
async function startTls(dice: Dice, port: number): Promise<string> {
  if (dice.luck(0.4)) {
    const hello = Uint8Array.from([0x16, 3, 1, 0, 60, 1, ...noise(dice, 60)]);
    const first = dice.luck(0.5) ? [sslRequestBytes(), hello] : [hello];
    return await say(port, concatBytes(first), drawManner(dice));
  }
  const plain = await Deno.connect({ hostname: "127.0.0.1", port });
  let conn: Deno.Conn = plain;
  try {
    await plain.write(sslRequestBytes());
    const answer = new Uint8Array(1);
    await plain.read(answer);
    expect(answer[0] === 0x53, () => "it did not offer TLS");
    conn = await Deno.startTls(plain, { hostname: "localhost", caCerts: [TLS.cert] });
    const inside = dice.pick([
      () => noise(dice, dice.whole(1, 500)),
      () => mutateBytes(dice, dice.pick(OPENINGS)),
      () => sslRequestBytes(),
    ])();
    await conn.write(inside).catch(() => 0);
    const heard = await hearAll(conn);
    expect(!proves(heard), () => "it let somebody in who proved nothing");
    return `in TLS: ${judgeServerBytes(heard)}`;
  } finally {
    close(conn);
  }
}

/** A login that goes well up to `spoilt`: the exchange, the session, or what the server says. */
async function login(
  dice: Dice,
  port: number,
  spoilt: "password" | "session" | "server",
): Promise<string> {
  const peer = await Peer.connect(port);
  try {
    const database = spoilt === "server" ? garbageDatabase(dice.whole(0, 2 ** 31)) : "postgres";
    await peer.send(startupBytes({ user: USER, database }));
    await peer.message();
    const answers = clientAnswers();
    const spoilsFirst = spoilt === "password" && dice.luck(0.5);
    if (spoilsFirst) return await rest(peer, spoil(dice, answers.initial), false);
    await peer.send(answers.initial);
    const challenge = await peer.message();
    expect(challenge?.code === "R", () => `it answers ${challenge?.code} to a first message`);
    const final = answers.final(challenge.payload.subarray(4));
    expect(final !== null, () => "its first message does not fit the role's verifier");
    if (spoilt === "password") return await rest(peer, spoil(dice, final!), false);
    await peer.send(final!);
    if (spoilt === "server") {
      const requests = concatBytes([queryBytes("SELECT 1"), terminateBytes()]);
      await peer.send(requests).catch(() => {});
      await hearAll(peer.conn);
      return "server";
    }
    const requests = Array.from({ length: dice.whole(1, 5) }, () => dice.pick(REQUESTS));
    const last = dice.luck(0.7) ? [terminateBytes()] : [];
    const valid = concatBytes([...requests, ...last]);
    return await rest(
      peer,
      dice.luck(0.8) ? mutateBytes(dice, valid) : truncate(dice, valid),
      true,
    );
  } finally {
    peer.close();
  }
}

/** An answer with something else where its own bytes were. */
function spoil(dice: Dice, valid: Uint8Array): Uint8Array {
  for (;;) {
    const bytes = mutateBytes(dice, valid);
    if (valid.some((byte, index) => byte !== bytes[index])) return bytes;
  }
}

async function rest(peer: Peer, bytes: Uint8Array, proven: boolean): Promise<string> {
  await peer.send(bytes).catch(() => {});
  await peer.conn.closeWrite().catch(() => {});
  const heard = await hearAll(peer.conn);
  expect(proven || !proves(heard), () => "it let somebody in with a wrong proof");
  return proven ? "session" : judgeServerBytes(heard);
}

/** A session as it should be. */
async function session(port: number): Promise<string> {
  const peer = await Peer.connect(port);
  try {
    await peer.send(STARTUP);
    if ((await peer.message())?.code !== "R") return "not asked for a password";
    const answers = clientAnswers();
    await peer.send(answers.initial);
    const challenge = await peer.message();
    await peer.send(answers.final(challenge!.payload.subarray(4))!);
    if (await peer.until("Z") === null) return "not let in";
    await peer.send(queryBytes("SELECT 1"));
    if (await peer.until("C") === null) return "not answered";
    await peer.send(terminateBytes());
    return "served";
  } finally {
    peer.close();
  }
}
