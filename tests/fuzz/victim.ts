/**
 * A process with the listeners of an agent and nothing behind them: the coordination API with and
 * without TLS, and a router in front of a server of ours. Its memory and descriptors are its own, so
 * that they can be measured.
 *
 * Prints one line with its ports; answers each line on standard input with one that says how it is;
 * ends with standard input.
 *
 * @module
 */
import { serveApp, TLS } from "../coordination/socket_support.ts";
import { createTestApp } from "../coordination/support.ts";
import { OPTIONS } from "../router/harness.ts";
import { startRouter } from "../../src/router/router.ts";
import { TextLineStream } from "./lines.ts";
import { STORED, USER } from "./scram.ts";
import { startServer } from "./server.ts";

/** Where it listens. */
export interface VictimPorts {
  readonly api: number;
  readonly apiTls: number;
  readonly router: number;
}

/** How it is. */
export interface VictimHealth {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly descriptors: number;
  /** Sessions of the router. */
  readonly sessions: number;
  /** Messages of members that reached the core. */
  readonly messages: number;
  /** What the log called an error. */
  readonly errors: readonly string[];
}

/** Everything comes from one address here, and it is the answers that are of interest. */
const LIMITS = {
  maxFailures: 1e9,
  requestsPerSecond: 1e9,
  requestBurst: 1e9,
  bodyTimeoutMs: 2000,
};
const FRONT_LIMITS = { headTimeoutMs: 2000, idleTimeoutMs: 10_000 };

const errors: string[] = [];
const log = (level: string, event: string, fields: Readonly<Record<string, unknown>> = {}) => {
  if (level === "error" && errors.length < 10) errors.push(`${event}: ${fields.because}`);
};
let messages = 0;
const ports = {
  log,
  limits: LIMITS,
  answerTimeoutMs: 5000,
  request: () => {
    messages++;
    return Promise.resolve({ type: "noted", term: 3 } as const);
  },
};
const plain = serveApp(createTestApp(ports).app, { limits: FRONT_LIMITS });
const secure = serveApp(createTestApp(ports).app, { tls: TLS, limits: FRONT_LIMITS });
const server = startServer();
const started = startRouter(
  { ...OPTIONS, tls: TLS, startupTimeoutMs: 5000, writeTimeoutMs: 5000 },
  {
    view: () => ({
      term: 1,
      yielding: null,
      primary: { node: "node1", host: "127.0.0.1", port: server.port },
      because: "",
      standbys: [],
    }),
    onChange: () => () => {},
    roles: {
      mockSecret: new Uint8Array(32),
      find: (user) =>
        Promise.resolve({
          ok: true,
          privileged: user === "postgres",
          stored: user === USER ? STORED : null,
        }),
      forget: () => {},
    },
    now: () => performance.now(),
    random: Math.random,
    log,
  },
);
if (!started.ok) throw new Error(started.because);
const { router } = started;

console.log(JSON.stringify(
  {
    api: plain.port,
    apiTls: secure.port,
    router: router.address.port,
  } satisfies VictimPorts,
));

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(
  new TextLineStream(),
);
for await (const _ of lines) {
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed } = Deno.memoryUsage();
  const health: VictimHealth = {
    rssBytes: rss,
    heapBytes: heapUsed,
    descriptors: [...Deno.readDirSync("/proc/self/fd")].length,
    sessions: router.statistics().sessions,
    messages,
    errors,
  };
  console.log(JSON.stringify(health));
}
await router.close();
server.close();
await Promise.all([plain.stop(), secure.stop()]);
