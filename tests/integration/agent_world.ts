/**
 * Agents as processes of their own, as a user starts them, for tests of what they make of a bad
 * world. Everything lives in one folder, listens on loopback, and ends with the test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { listProcesses, sendSignal, waitUntilGone } from "../../src/cli/demo/processes.ts";
import { findPostgres } from "../../src/postgres/discover.ts";
import { freePort } from "./postgres_world.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;
const METAKO = ["run", "--quiet", "--no-prompt", "-A", MAIN];

/** No agent takes longer to refuse, and no command to answer. */
const COMMAND_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;

/** What every member here signs with. */
export const SECRET = "a cluster secret for tests only";
/** The database password of every server here. */
export const PASSWORD = "correct horse";

/** A member, by name, and where it listens. */
export interface Member {
  readonly name: string;
  readonly witness: boolean;
  readonly databasePort: number;
  readonly apiPort: number;
  readonly routerPort: number;
}

/** What a process printed, and its exit code. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** An agent at work. */
export interface Agent {
  readonly pid: number;
  /** Standard output so far: the log. */
  readonly out: () => string;
  readonly err: () => string;
  /** True while it runs. */
  readonly alive: () => boolean;
  /** Ends it with SIGTERM. */
  readonly stop: () => Promise<number>;
}

/** Members on ports that are free now; a name that starts with "witness" is one. */
export function members(...names: readonly string[]): readonly Member[] {
  return names.map((name) => ({
    name,
    witness: name.startsWith("witness"),
    databasePort: freePort(),
    apiPort: freePort(),
    routerPort: freePort(),
  }));
}

/** A configuration as a document, to be changed and written; the first data member is primary. */
export function configOf(self: Member, all: readonly Member[], folder: string) {
  const role = (member: Member) => member === all[0] ? "primary" : "standby";
  return {
    cluster_name: "bad-world",
    identity: {
      node_name: self.name,
      local_db_host: "127.0.0.1",
      local_db_port: self.databasePort,
      api_host: "127.0.0.1",
      api_port: self.apiPort,
      ...(self.witness ? { witness: true } : {}),
    },
    ...(self.witness ? {} : {
      local_db: {
        host: "127.0.0.1",
        port: self.databasePort,
        role: role(self),
        username: "postgres",
        password: PASSWORD,
        data_dir: `${folder}/${self.name}-data`,
      } as Record<string, unknown>,
    }),
    cluster_members: all.filter((member) => member !== self).map((member) => ({
      node_name: member.name,
      api_host: "127.0.0.1",
      api_port: member.apiPort,
      ...(member.witness ? { witness: true } : { role: role(member) }),
    })),
    router: { host: "127.0.0.1", port: self.routerPort },
    load_balancer: { write_timeout: "500ms" },
    security: { cluster_secret: SECRET } as Record<string, unknown>,
    state_dir: `${folder}/${self.name}-state`,
  };
}

/** Writes a configuration into the folder, readable by this user alone; returns its path. */
export async function writeConfig(folder: string, config: object | string): Promise<string> {
  const path = await Deno.makeTempFile({ dir: folder, prefix: "config-", suffix: ".yaml" });
  await Deno.writeTextFile(path, typeof config === "string" ? config : stringify(config));
  return path;
}

/** Runs a command of metako to its end. */
export async function metako(...args: readonly string[]): Promise<Ended> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: [...METAKO, ...args],
    stdin: "null",
    signal: AbortSignal.timeout(COMMAND_LIMIT_MS),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, out: text(output.stdout), err: text(output.stderr) };
}

/** Starts an agent and waits until it listens. */
export async function startAgent(configFile: string): Promise<Agent> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...METAKO, "run", "--config", configFile],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  let code: number | null = null;
  const ended = Promise.all([child.status, out.done, err.done]).then(([status]) => {
    code = status.code;
    return status.code;
  });
  const agent: Agent = {
    pid: child.pid,
    out: out.text,
    err: err.text,
    alive: () => code === null,
    stop: () => {
      if (code === null) sendSignal(child.pid, "SIGTERM");
      return ended;
    },
  };
  await eventually("the agent to listen", () => {
    assert.ok(agent.alive(), `It ended.\n${agent.out()}\n${agent.err()}`);
    return Promise.resolve(/"event":"listening"/.test(agent.out()));
  });
  return agent;
}

/** Runs a test in a folder of its own, ends what it started there, and removes the folder. */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "metako-agent-" }));
  await Deno.chmod(folder, 0o755);
  const ours = () =>
    listProcesses().filter((process) =>
      process.pid !== Deno.pid &&
      (process.args.some((arg) => arg.startsWith(folder)) || process.cwd?.startsWith(folder))
    );
  try {
    await test(folder);
  } finally {
    // Agents first, so that none brings a server back; a postmaster takes SIGQUIT as "at once".
    for (const { pid, args } of ours()) {
      if (args.includes("run")) sendSignal(pid, "SIGKILL");
    }
    for (const { pid, args } of ours()) {
      sendSignal(pid, args.includes("-D") ? "SIGQUIT" : "SIGKILL");
    }
    const left = await waitUntilGone(ours, STOP_LIMIT_MS);
    for (const { pid } of left) sendSignal(pid, "SIGKILL");
    await Deno.remove(folder, { recursive: true });
    assert.deepEqual(left, []);
  }
}

/** Asks until the answer is yes, at most that long. */
export async function eventually(
  what: string,
  ask: () => Promise<boolean>,
  limitMs = 30_000,
): Promise<void> {
  const startMs = performance.now();
  while (!await ask()) {
    assert.ok(performance.now() - startMs < limitMs, `Waited ${limitMs} ms in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The node's own status, as anybody may read it. */
// deno-lint-ignore no-explicit-any
export async function statusOf(member: Member): Promise<any> {
  const response = await fetch(`http://127.0.0.1:${member.apiPort}/status`, {
    signal: AbortSignal.timeout(5_000),
  });
  assert.equal(response.status, 200);
  return await response.json();
}

/** `metako status --json`, as an operator runs it. */
export async function look(configFile: string) {
  const ended = await metako("status", "--json", "--config", configFile);
  assertNoStackTrace(ended.out + ended.err);
  return { code: ended.code, view: JSON.parse(ended.out) };
}

/** Waits until `status` is content with that many nodes; returns who is primary. */
export async function settled(configFile: string, count: number): Promise<string> {
  let primary = "";
  await eventually("a primary and streaming standbys", async () => {
    const { code, view } = await look(configFile);
    primary = view.primary;
    // Another's server may still run as a primary, until its agent has ended it.
    const working = view.nodes.filter((node: Record<string, unknown>) =>
      node.node === primary ? node.state === "primary" : node.streaming || node.role === "witness"
    );
    return code === 0 && working.length === count && view.problems.length === 0;
  }, 60_000);
  return primary;
}

/** Runs one of PostgreSQL's programs as the user that servers run as. */
export async function postgresProgram(name: string, ...args: readonly string[]): Promise<void> {
  const found = await findPostgres();
  assert.ok(found.ok, found.ok ? "" : found.because);
  const asRoot = Deno.uid() === 0;
  const output = await new Deno.Command(asRoot ? "setpriv" : `${found.value.binDir}/${name}`, {
    args: asRoot
      ? [
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
        `${found.value.binDir}/${name}`,
        ...args,
      ]
      : [...args],
    cwd: "/",
    stdin: "null",
    // The postmaster inherits them: a pipe would be waited for until it ends.
    stdout: "null",
    stderr: "null",
  }).output();
  assert.equal(output.code, 0, `${name} ended with ${output.code}`);
}

/** Makes a folder that the server's user may write in. */
export async function serverFolder(path: string): Promise<void> {
  await Deno.mkdir(path, { mode: 0o755 });
  if (Deno.uid() === 0) {
    const output = await new Deno.Command("chown", { args: ["postgres:postgres", path] }).output();
    assert.equal(output.code, 0);
  }
}

/** No output of ours looks like this, whatever went wrong. */
export function assertNoStackTrace(text: string): void {
  assert.doesNotMatch(text, /at file:\/\/|Uncaught|^ {4}at |internal fault|\(anonymous\)/m);
}

function collect(stream: ReadableStream<Uint8Array>) {
  let text = "";
  const done = (async () => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) text += chunk;
  })();
  return { done, text: () => text };
}
