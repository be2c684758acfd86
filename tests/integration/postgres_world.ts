/**
 * Servers for the tests of src/postgres: a folder of their own, ports chosen by the system, and an
 * end that leaves no process behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Log } from "../../src/core/log.ts";
import type {
  ActionResult,
  ServerAction,
  ServerObservation,
  Upstream,
} from "../../src/core/server.ts";
import { openSession, type Session } from "../../src/postgres/connection.ts";
import {
  type LocalServer,
  openLocalServer,
  type PostgresOptions,
} from "../../src/postgres/server.ts";

/** One server, and what a test wants of it. */
export interface Node {
  readonly name: string;
  readonly options: PostgresOptions;
  readonly upstream: Upstream;
  readonly server: LocalServer;
}

/** Credentials of all servers here. */
export const PASSWORD = "it's a \\secret:1";

/** Runs a test with as many nodes as names, and cleans up whatever happened. */
export async function withNodes(
  names: readonly string[],
  test: (nodes: readonly Node[], folder: string) => Promise<void>,
  change: (options: PostgresOptions) => PostgresOptions = (options) => options,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "metako-postgres-" });
  await Deno.chmod(folder, 0o755);
  const nodes: Node[] = [];
  try {
    for (const name of names) {
      nodes.push(await openNode(change(optionsFor(name, names, folder))));
    }
    await test(nodes, folder);
  } finally {
    for (const { server } of nodes) {
      await server.run({ type: "fence" });
      await server.close();
    }
    await Deno.remove(folder, { recursive: true });
  }
}

/** Options of one node in a folder. */
export function optionsFor(
  name: string,
  names: readonly string[],
  folder: string,
): PostgresOptions {
  return {
    nodeName: name,
    members: names.map((each) => ({ name: each, addresses: ["127.0.0.1"] })),
    host: "127.0.0.1",
    port: freePort(),
    username: "postgres",
    password: PASSWORD,
    database: "app",
    dataDir: `${folder}/${name}-data`,
    binDir: null,
    osUser: null,
    replicationUser: "metako_replication",
    replicationPassword: `r ${PASSWORD}`,
    stateDir: `${folder}/${name}-state`,
    timeoutMs: 2_000,
    log: quiet,
  };
}

/** Opens a node; the test fails where that is refused. */
export async function openNode(options: PostgresOptions): Promise<Node> {
  const opened = await openLocalServer(options);
  assert.ok(opened.ok, opened.ok ? "" : opened.because);
  return {
    name: options.nodeName,
    options,
    upstream: { node: options.nodeName, host: options.host, port: options.port },
    server: opened.server,
  };
}

/** Runs an action that has to succeed. */
export async function must<T extends ActionResult["type"]>(
  node: Node,
  action: ServerAction,
  type: T,
): Promise<Extract<ActionResult, { type: T }>> {
  const outcome = await node.server.run(action);
  assert.ok(outcome.ok, outcome.ok ? "" : `${action.type}: ${outcome.failure}: ${outcome.because}`);
  assert.equal(outcome.result.type, type);
  return outcome.result as Extract<ActionResult, { type: T }>;
}

/** Observes until the observation has that state and passes the check; at most ten seconds. */
export async function observed<S extends ServerObservation["state"]>(
  node: Node,
  state: S,
  check: (seen: Extract<ServerObservation, { state: S }>) => boolean = () => true,
): Promise<Extract<ServerObservation, { state: S }>> {
  const deadlineMs = performance.now() + 10_000;
  while (true) {
    const seen = await node.server.observe();
    if (seen.state === state) {
      const match = seen as Extract<ServerObservation, { state: S }>;
      if (check(match)) return match;
    }
    const shown = JSON.stringify(
      seen,
      (_, value) => typeof value === "bigint" ? `${value}` : value,
    );
    assert.ok(performance.now() < deadlineMs, `${node.name} is not ${state} as wanted: ${shown}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs one statement as superuser, in a session of its own. */
export async function sql(node: Node, statement: string): Promise<readonly unknown[]> {
  const session = await superuser(node);
  try {
    const outcome = await session.query(statement, 15_000);
    assert.ok(outcome.ok, outcome.ok ? "" : outcome.because);
    return outcome.rows;
  } finally {
    session.close();
  }
}

/** A superuser's session. */
export async function superuser({ options }: Node): Promise<Session> {
  const { host, port, username: user, password, database } = options;
  const opened = await openSession({ host, port, user, password, database }, 5_000);
  assert.ok(opened.ok, opened.ok ? "" : opened.because);
  return opened.session;
}

/** The postmaster's process number. */
export async function postmasterPid({ options }: Node): Promise<number> {
  const text = await Deno.readTextFile(`${options.dataDir}/postmaster.pid`);
  return Number(text.split("\n")[0]);
}

/** A port that nothing listens on. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

const quiet: Log = (level, event, fields) => {
  if (Deno.env.get("METAKO_TEST_LOG")) console.log(level, event, fields);
};
