/**
 * `metako config init`: a configuration file for each node of a new cluster, with fresh secrets.
 *
 * What the options leave open is asked for on a terminal. Nothing is overwritten, and no file is
 * written before all of them are known to load.
 *
 * @module
 */
import { formatProblem, parseConfig } from "../config/mod.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import {
  type InitMember,
  type InitPlan,
  parseMember,
  planAdvice,
  planObjection,
  renderConfig,
} from "./init/plan.ts";
import type { Terminal } from "./terminal.ts";

/** What the command line said; null or empty is open. */
export interface InitOptions {
  readonly folder: string;
  readonly cluster: string | null;
  /** `NAME=HOST` each; the first is the first primary. */
  readonly nodes: readonly string[];
  readonly witnesses: readonly string[];
  readonly database: string | null;
  readonly dataDir: string;
  /** A folder for all members on one host; null where each has its own. */
  readonly oneHost: string | null;
  readonly databasePort: number;
  readonly apiPort: number;
  readonly routerPort: number;
}

/** What the command does to the world. */
export interface InitPorts {
  /** Asks a person; null where there is none to ask, or no answer. */
  readonly ask: (question: string, proposal: string) => string | null;
  /** That many random bytes in hexadecimal digits. */
  readonly randomHex: (bytes: number) => string;
}

/** This process's terminal and randomness. */
export const SYSTEM_INIT_PORTS: InitPorts = {
  ask: (question, proposal) => Deno.stdin.isTerminal() ? prompt(question, proposal) : null,
  randomHex: (bytes) =>
    [...crypto.getRandomValues(new Uint8Array(bytes))]
      .map((byte) => byte.toString(16).padStart(2, "0")).join(""),
};

/** Runs the command. */
export async function configInitCommand(
  options: InitOptions,
  terminal: Terminal,
  ports: InitPorts = SYSTEM_INIT_PORTS,
): Promise<ExitCode> {
  const cluster = options.cluster ?? ports.ask("Name of the cluster:", "metako");
  const members = cluster === null ? null : askMembers(options, terminal, ports);
  if (cluster === null || members === null) {
    terminal.complain(
      "Cannot make a configuration: say at least --cluster NAME and --node NAME=HOST for each" +
        " member, or run it on a terminal.",
    );
    return EXIT.usage;
  }
  const objection = planObjection(members, options.oneHost !== null);
  if (objection !== null) {
    terminal.complain(`Cannot make a configuration: ${objection}.`);
    return EXIT.usage;
  }
  const { dataDir, oneHost, databasePort, apiPort, routerPort } = options;
  const plan: InitPlan = {
    cluster,
    members,
    database: options.database ?? cluster.replaceAll(/[^A-Za-z0-9_]/g, "_"),
    ...{ dataDir, oneHost, databasePort, apiPort, routerPort },
    secrets: {
      cluster: ports.randomHex(32),
      superuser: ports.randomHex(16),
      replication: ports.randomHex(16),
    },
  };
  const files = members.map((member) => ({
    path: `${options.folder}/${member.name}.yaml`,
    text: renderConfig(plan, member),
  }));
  const problems = files.flatMap(({ path, text }) => problemsOf(path, text));
  if (problems.length > 0) {
    for (const problem of problems) terminal.complain(problem);
    return EXIT.usage;
  }
  return await writeAll(files, plan, options.folder, terminal);
}

function askMembers(
  { nodes, witnesses }: InitOptions,
  terminal: Terminal,
  ports: InitPorts,
): InitMember[] | null {
  const read = (texts: readonly string[], witness: boolean) =>
    texts.map((text) => ({ text, member: parseMember(text, witness) }));
  const given = [...read(nodes, false), ...read(witnesses, true)];
  const wrong = given.find(({ member }) => member === null);
  if (wrong !== undefined) {
    terminal.complain(`Cannot read ${wrong.text}: a member is written NAME=HOST.`);
    return null;
  }
  const members = given.flatMap(({ member }) => member === null ? [] : [member]);
  if (members.length > 0) return members;
  for (;;) {
    const number = members.length + 1;
    const text = ports.ask(
      `Member ${number}, as NAME=HOST${number === 1 ? " (the first primary)" : ", or nothing"}:`,
      "",
    );
    if (text === null || text.trim() === "") return members.length === 0 ? null : members;
    const member = parseMember(text, false);
    if (member === null) terminal.complain("A member is written NAME=HOST, as node1=10.0.0.1.");
    else members.push(member);
  }
}

function problemsOf(file: string, text: string): string[] {
  const parsed = parseConfig(text, {
    file,
    env: () => undefined,
    readFile: () => "",
    mode: () => null,
  });
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

async function writeAll(
  files: readonly { readonly path: string; readonly text: string }[],
  plan: InitPlan,
  folder: string,
  terminal: Terminal,
): Promise<ExitCode> {
  for (const { path } of files) {
    if (!await exists(path)) continue;
    terminal.complain(
      `Cannot write ${path}: it exists, and nothing is overwritten. Move it away, or use --dir.`,
    );
    return EXIT.refused;
  }
  try {
    await Deno.mkdir(folder, { recursive: true });
    for (const { path, text } of files) {
      await Deno.writeTextFile(path, text, { createNew: true, mode: 0o600 });
      terminal.print(`Wrote ${path}`);
    }
  } catch (error) {
    terminal.complain(
      `Cannot write to ${folder}: ${error instanceof Error ? error.message : error}. Use --dir.`,
    );
    return EXIT.failed;
  }
  const advice = planAdvice(plan.members);
  if (advice !== null) terminal.print(advice);
  terminal.print(
    plan.oneHost === null
      ? "Copy each file to its host, readable by the agent's user alone, and start it there:\n" +
        "  metako run --config NAME.yaml"
      : `Start each of them, as root or as a user who may write to ${plan.oneHost}:\n` +
        files.map(({ path }) => `  metako run --config ${path}`).join("\n"),
  );
  return EXIT.ok;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}
