/**
 * The core's tables of decisions as a page of docs/protocol.
 */
import { SERVER_FACTS, SERVER_RULES, type ServerFacts } from "../../../src/core/server_rules.ts";

const FACTS = Object.keys(SERVER_FACTS) as (keyof ServerFacts)[];

/** What each fact means, for people. */
const MEANINGS: Readonly<Record<keyof ServerFacts, string>> = {
  duty: "what this node is there for: it leads, asks to be elected, has a leader to attach to, " +
    "waits for one, waits for the first start of the cluster, or has no PostgreSQL at all",
  server: "what the local PostgreSQL was last seen to be",
  busy: "whether an action on it is under way",
  rejoin: "how it comes back to a leader: by following, as a clone, or not by itself",
  cluster: "whether its data directory belongs to this cluster",
  waiting: "whether an action has just failed, and is repeated only after a pause",
};

/** The page. */
export function tablesPage(): string {
  return `# What a node does with its PostgreSQL

This is the table in \`src/core/server_rules.ts\`, printed by \`deno task docs\`. A node that does not
lead looks at it after every event. The first row whose conditions all hold decides; an empty field
is no condition. A leader's PostgreSQL is steered by its phases instead (\`src/core/phases.ts\`).

A test goes through all ${cellCount()} combinations of facts: each row is reached by some of them, and no row
names a value that earlier rows have taken away.

## Facts

${table(["fact", "values", "what it says"], FACTS.map(factRow))}

## Rows

${table(["row", ...FACTS, "then", "because"], SERVER_RULES.map(ruleRow))}
`;
}

function factRow(fact: keyof ServerFacts): string[] {
  return [fact, SERVER_FACTS[fact].map(code).join(", "), MEANINGS[fact]];
}

function ruleRow({ id, when, then, because }: (typeof SERVER_RULES)[number]): string[] {
  const conditions: { readonly [F in keyof ServerFacts]?: readonly string[] } = when;
  return [id, ...FACTS.map((fact) => (conditions[fact] ?? []).join(", ")), `**${then}**`, because];
}

function cellCount(): number {
  return FACTS.reduce((product, fact) => product * SERVER_FACTS[fact].length, 1);
}

function code(value: string): string {
  return `\`${value}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
