/**
 * The coordination API: raw bytes, requests with something spoilt, and members that have gone mad,
 * whose signatures fit and whose messages do not.
 *
 * @module
 */
import { createOperatorClient } from "../../../src/coordination/operator_client.ts";
import { createPeerClient, type PeerClient } from "../../../src/coordination/client.ts";
import { createSignedClient } from "../../../src/coordination/signed_client.ts";
import { createTransport } from "../../../src/coordination/transport.ts";
import { KEYS, MESSAGE, signed } from "../../coordination/support.ts";
import type { Dice } from "../../simulation/dice.ts";
import { REQUESTS } from "../messages.ts";
import { HUGE, mutateBytes, mutateJson, mutateText, noise, truncate } from "../mutate.ts";
import { drawManner, HANGS_AFTER_MS, talk } from "../talk.ts";
import { expect, type Target } from "../target.ts";
import type { VictimPorts } from "../victim.ts";

/** What a stranger may read in the first line of an answer. Everything else is a finding. */
const STATUSES = [
  200,
  400,
  401,
  403,
  404,
  405,
  408,
  409,
  411,
  413,
  414,
  415,
  421,
  429,
  431,
  501,
  505,
];

const PATHS = ["/status", "/cluster", "/health", "/primary", "/replica", "/metrics", "/history"];
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** The target, and what to close in the end. */
export function httpTarget(ports: VictimPorts): Target & { readonly close: () => void } {
  const members = new Map([["node1", { host: "127.0.0.1", port: ports.api }]]);
  const timeoutMs = HANGS_AFTER_MS;
  const clients: PeerClient[] = ["node2", "node3"].map((self) =>
    createPeerClient({ self, keys: KEYS, members, timeoutMs, tls: false })
  );
  const operator = createOperatorClient({ keys: KEYS, members, timeoutMs, tls: false });
  const mad = createMadSenders(ports.api);
  return {
    name: "http",
    play(dice) {
      switch (dice.whole(0, 8)) {
        case 0:
          return raw(dice, ports.api, noise(dice, dice.whole(0, 3000)));
        case 1:
        case 2:
          return raw(dice, ports.api, mutateBytes(dice, validRequest(dice)));
        case 3:
          return raw(dice, ports.api, truncate(dice, validRequest(dice)));
        case 4:
          return raw(dice, ports.api, huge(dice));
        case 5:
          return raw(dice, ports.apiTls, dice.pick([noise(dice, 300), mutateBytes(dice, HELLO)]));
        case 6:
          return spoilt(dice, ports.api);
        default:
          return mad.send(dice);
      }
    },
    async check() {
      for (const client of clients) {
        let sent = await client.send("node1", MESSAGE);
        if (sent.type === "silent") sent = await client.send("node1", MESSAGE);
        expect(sent.type === "answered", () => `a member is not answered: ${JSON.stringify(sent)}`);
      }
      const status = await operator.status("node1");
      expect(status.ok && status.verified, () => "an operator cannot read the status");
    },
    close() {
      for (const client of clients) client.close();
      operator.close();
      mad.close();
    },
  };
}

/** The beginning of a TLS handshake, as a client sends it. */
const HELLO = Uint8Array.from([
  ...[0x16, 3, 1, 0, 0x2f, 1, 0, 0, 0x2b, 3, 3],
  ...Array.from({ length: 32 }, (_, i) => i),
  ...[0, 0, 4, 0x13, 1, 0x13, 2, 1, 0],
]);

function validRequest(dice: Dice): Uint8Array {
  const path = dice.pick(PATHS);
  if (dice.luck(0.4)) {
    return ENCODER.encode(`GET ${path} HTTP/1.1\r\nhost: node1\r\nconnection: close\r\n\r\n`);
  }
  const { init, path: target } = signed({
    sender: dice.pick(["node2", "@operator", "stranger"]),
    path: dice.pick(["/peer", "/operator/failover"]),
  });
  const headers = Object.entries(init.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = ENCODER.encode(init.body ?? "").length;
  return ENCODER.encode(
    `POST ${target} HTTP/1.1\r\nhost: node1\r\nconnection: close\r\n${headers.join("")}` +
      `content-length: ${length}\r\n\r\n${init.body}`,
  );
}

function huge(dice: Dice): Uint8Array {
  const run = dice.pick([..."a/%=\0 \r"]).repeat(HUGE);
  const head = "connection: close\r\nhost: a\r\n";
  return ENCODER.encode(dice.pick([
    `GET /${run} HTTP/1.1\r\n${head}\r\n`,
    `GET /status?${run} HTTP/1.1\r\n${head}\r\n`,
    `GET /status HTTP/1.1\r\n${head}wide: ${run}\r\n\r\n`,
    `GET /status HTTP/1.1\r\n${head}${"a: b\r\n".repeat(20_000)}\r\n`,
    `POST /peer HTTP/1.1\r\n${head}content-length: ${HUGE}\r\n\r\n${run}`,
    `POST /peer HTTP/1.1\r\n${head}transfer-encoding: chunked\r\n\r\nFFFFFFF\r\n${run}`,
    `POST /peer HTTP/1.1\r\n${head}content-length: 99999999999\r\n\r\n${run}`,
    "GET /status HTTP/1.1\r\nhost: a\r\n\r\n".repeat(200) + `GET / HTTP/1.1\r\n${head}\r\n`,
  ]));
}

async function raw(dice: Dice, port: number, bytes: Uint8Array): Promise<string> {
  const heard = await talk(port, bytes, drawManner(dice));
  const text = DECODER.decode(heard.bytes);
  judgeText(text);
  const statuses = [...text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, code]) => Number(code));
  for (const status of statuses) {
    const isRight = STATUSES.includes(status) || status === 503 && text.includes('{"ok":false,');
    expect(isRight, () => `status ${status}: ${text.slice(0, 600)}`);
  }
  if (!heard.ended) return "left";
  return statuses.length === 0 ? "hung up" : `status ${statuses.at(-1)}`;
}

/** A signed request with one signed part exchanged: never believed. */
async function spoilt(dice: Dice, port: number): Promise<string> {
  const { path, init } = signed({ sender: dice.pick(["node2", "@operator"]) });
  const names = Object.keys(init.headers).filter((name) => name.startsWith("metako-"));
  const part = dice.pick([...names, "body", "path", "method"]);
  const headers = new Headers(init.headers);
  let url = path;
  let { method, body } = init;
  if (part === "body") body = dice.pick([mutateJson, mutateText])(dice, body!);
  else if (part === "path") {
    url = dice.pick(["/operator/failover", "/peer?x=1", "/peer/", "/status"]);
  } else if (part === "method") method = dice.pick(["PUT", "PATCH", "DELETE", "REPORT"]);
  else {
    const value = headers.get(part)!;
    const wrong = [...value].with(dice.whole(0, value.length - 1), dice.pick([..."0a9~"])).join("");
    if (wrong === value) headers.delete(part);
    else headers.set(part, wrong);
  }
  const response = await fetch(`http://127.0.0.1:${port}${url}`, {
    method,
    headers,
    body,
    signal: AbortSignal.timeout(HANGS_AFTER_MS),
  });
  const text = await response.text();
  judgeText(text);
  const { error, remedy } = JSON.parse(text);
  expect(
    response.status >= 400 && response.status < 500,
    () => `${part}: status ${response.status}`,
  );
  expect(!!error && !!remedy, () => `${part}: no error and remedy: ${text}`);
  return `status ${response.status}`;
}

/** Members and operators whose signatures fit, and whose messages do not. */
function createMadSenders(port: number) {
  const transport = createTransport({ tls: false });
  const endpointOf = () => ({ host: "127.0.0.1", port });
  const sender = (name: string, keys: typeof KEYS.peer) =>
    createSignedClient({ sender: name, keys, endpointOf, transport });
  const member = sender("node2", KEYS.peer);
  const operator = sender("@operator", KEYS.operator);
  const wish = JSON.stringify({ to: "node2", force: "none" });
  return {
    close: transport.close,
    async send(dice: Dice): Promise<string> {
      const [client, path, valid] = dice.pick([
        [member, "/peer", dice.pick(REQUESTS)] as const,
        [operator, "/operator/failover", wish] as const,
      ]);
      const body = dice.pick([mutateJson, mutateText])(dice, valid);
      const ask = () => client.ask("node1", { method: "POST", path, body }, HANGS_AFTER_MS);
      let answer = await ask();
      // A kept connection may be closed at the moment when it is used again.
      if (answer.type === "silent") answer = await ask();
      if (answer.type !== "answer") throw new Error(`no answer: ${answer.because}`);
      judgeText(answer.text);
      expect(
        [200, 400, 413].includes(answer.status),
        () => `status ${answer.status}: ${answer.text}`,
      );
      expect(
        answer.verified || path !== "/peer" && answer.status === 200,
        () => "the answer is not signed",
      );
      return `mad ${answer.status}`;
    },
  };
}

function judgeText(text: string): void {
  expect(
    !/\.ts:\d|node_modules|file:\/\/|\bat async\b/.test(text),
    () => `it shows its inside: ${text}`,
  );
}
