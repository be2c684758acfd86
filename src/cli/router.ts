/**
 * `metako router sessions` and `metako router kill`: who is in at the members' routers, and ending one
 * of their sessions.
 *
 * @module
 */
import type { OperatorClient, SessionDocument } from "../agent/mod.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { formatRemaining } from "./table.ts";
import { type Terminal, tinted } from "./terminal.ts";

/** A session, named for the whole cluster. */
export interface SessionName {
  readonly node: string;
  readonly id: number;
}

/** Prints the sessions of one node, or of all; 4 where nobody answers, 3 where all refuse. */
export async function routerSessionsCommand(
  options: { readonly config: string; readonly json: boolean; readonly node: string | null },
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { config: options.config, tool: "metako router sessions" };
  return await withClient(wish, terminal, async (client, members) => {
    const { node } = options;
    if (node !== null && !members.includes(node)) return strange(node, members, terminal);
    return await printSessions(client, node === null ? members : [node], options, terminal);
  });
}

/** Ends a session; 1 where there is none of that name, 3 where the node refuses, 4 without answer. */
export async function routerKillCommand(
  options: { readonly config: string; readonly session: string },
  terminal: Terminal,
): Promise<ExitCode> {
  const wish = { config: options.config, tool: "metako router kill" };
  return await withClient(wish, terminal, async (client, members) => {
    const name = parseSessionName(options.session);
    if (name === null) {
      terminal.complain(
        `Cannot end the session ${options.session}: it must be named like node1/17. ` +
          "metako router sessions lists them.",
      );
      return EXIT.usage;
    }
    if (!members.includes(name.node)) return strange(name.node, members, terminal);
    const ended = await client.killSession(name.node, name.id);
    if (!ended.ok) {
      terminal.complain(`Cannot end the session ${options.session}: ${ended.because}.`);
      return ended.refused ? EXIT.refused : EXIT.unreachable;
    }
    if (!ended.found) {
      terminal.complain(
        `Cannot end the session ${options.session}: ${name.node} has none of that number. ` +
          "metako router sessions lists them.",
      );
      return EXIT.failed;
    }
    terminal.print(`The session ${options.session} is ended.`);
    return EXIT.ok;
  });
}

/** Reads `node/number`; null where the text is something else. */
export function parseSessionName(text: string): SessionName | null {
  const [, node, digits] = /^([A-Za-z0-9_-]+)\/([1-9]\d{0,14})$/.exec(text) ?? [];
  return node === undefined ? null : { node, id: Number(digits) };
}

/** The command without its surroundings. */
export async function printSessions(
  client: Pick<OperatorClient, "sessions">,
  nodes: readonly string[],
  { json }: { readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const answers = await Promise.all(
    nodes.map(async (node) => ({ node, answer: await client.sessions(node) })),
  );
  const told = answers.flatMap(({ answer }) => answer.ok ? [answer.sessions] : []);
  const missing = answers.flatMap(({ node, answer }) =>
    answer.ok ? [] : [{ node, because: answer.because, refused: answer.refused }]
  );
  if (json) {
    const silent = missing.map(({ node, because }) => ({ node, because }));
    terminal.print(JSON.stringify({ nodes: told, missing: silent }, null, 2));
  } else {
    const rows = told.flatMap(({ node, sessions }) =>
      sessions.map((session) => cells(node, session))
    );
    if (told.length > 0) terminal.print(renderSessions(rows, terminal));
    for (const { node, total, sessions } of told) {
      const more = total - sessions.length;
      if (more > 0) terminal.print(`${node} has ${more} more, younger ones.`);
    }
    for (const { node, because } of missing) {
      terminal.complain(`The sessions of ${node} are not known: ${because}.`);
    }
  }
  if (told.length > 0) return EXIT.ok;
  return missing.some(({ refused }) => refused) ? EXIT.refused : EXIT.unreachable;
}

const HEADINGS = ["session", "role", "database", "application", "from", "port", "server", "age"];
const PORTS = { primary: "main", primary_only: "primary", read_only: "read-only" } as const;

function cells(node: string, session: SessionDocument): string[] {
  return [
    `${node}/${session.id}`,
    session.user,
    session.database,
    session.application || "-",
    session.address + (session.encrypted ? " (TLS)" : ""),
    PORTS[session.port],
    whereabouts(session),
    formatRemaining(session.age_ms),
  ].map((text) => text.replaceAll(/\p{Cc}/gu, "?"));
}

function whereabouts({ server, waits_because: because }: SessionDocument): string {
  if (because !== null) return `waits: ${because}`;
  // An idle session that lost its primary takes the next one when its client asks for something.
  return server ?? "none now";
}

function renderSessions(rows: readonly string[][], look: { readonly colour: boolean }): string {
  if (rows.length === 0) return "There are no sessions.";
  const all = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row, index) =>
    row.map((cell, column) =>
      tinted(cell, index === 0 ? "strong" : null, look) + " ".repeat(widths[column]! - cell.length)
    ).join("  ").trimEnd()
  ).join("\n");
}

function strange(node: string, members: readonly string[], terminal: Terminal): ExitCode {
  terminal.complain(`${node} is no member. The members are ${members.join(", ")}.`);
  return EXIT.usage;
}
