/**
 * docs/configuration.md: every key of a configuration file, what it accepts, its default, and what it
 * means. The keys come from the schema; what they accept is what they say when refused; defaults are
 * what `metako config check` prints for a file that sets nothing else.
 */
import { parse } from "yaml";
import * as z from "zod";
import { effectiveConfig, parseConfig } from "../../src/config/mod.ts";
import { fileSchema, knownKeys } from "../../src/config/schema.ts";
import { MEANINGS, SECTIONS } from "./settings.ts";

/** Where the page stands. */
export const CONFIGURATION_PAGE = new URL("../../docs/configuration.md", import.meta.url);

/** As little as three nodes need. */
const SMALLEST = `identity: { node_name: "NODE" }
local_db: { role: "primary", password: "x" }
cluster_members:
  - { node_name: "b", api_host: "b", role: "standby" }
  - { node_name: "c", api_host: "c", role: "standby" }
`;

const HEAD = `# Configuration

One YAML file per node. \`metako config check FILE\` says what is wrong with it, with line, column and
remedy, or prints every setting in effect. Keys that do not exist are refused. \`metako config init\`
writes files to start from; samples are in [configs](../configs).

Durations are written \`500ms\`, \`10s\`, \`2m\`; sizes \`16MB\`, \`1GB\`. Any value can be \`\${NAME}\`, which is
taken from the environment. A changed file is taken without a restart [as far as it can
be](operations/reload.md); a restart of the agent does not disturb PostgreSQL.

This page is written by \`deno task docs:config\` from the program itself.
`;

/** Keys of values, not of sections. */
export function settingKeys(): readonly string[] {
  const keys = knownKeys();
  return keys.filter((key) =>
    !keys.some((other) => /^[.[]/.test(other.slice(key.length)) && other.startsWith(key))
  );
}

/** The whole page. */
export function configurationPage(): string {
  const defaults = defaultsInEffect();
  const sections = Map.groupBy(settingKeys(), sectionOf);
  const parts = [...sections].map(([section, keys]) =>
    [
      `## ${section === "" ? "Top" : `\`${section}\``}`,
      "",
      SECTIONS[section] ?? "",
      "",
      "| setting | accepts | default | meaning |",
      "| --- | --- | --- | --- |",
      ...keys.map((key) => row(key, section, defaults)),
      "",
    ].join("\n")
  );
  return [HEAD, ...parts].join("\n");
}

function sectionOf(key: string): string {
  return key.includes(".") ? key.slice(0, key.lastIndexOf(".")) : "";
}

function row(key: string, section: string, defaults: ReadonlyMap<string, string>): string {
  const meaning = MEANINGS[key];
  const name = section === "" ? key : key.slice(section.length + 1);
  const value = meaning?.default ?? defaults.get(key) ?? "none";
  const cells = [`\`${name}\``, accepts(key), value, meaning?.is ?? ""];
  return `| ${cells.join(" | ").replaceAll("\n", " ")} |`;
}

/** What the program says that a value must be. */
function accepts(key: string): string {
  const refusals = [{}, "999999h", "99999999"].map((probe) => refusal(key, probe));
  // A duration says first what it is, and its range only to a duration.
  const told = refusals[0]?.startsWith("must be a duration") ? refusals[1] : refusals[0];
  if (told === undefined) throw new Error(`${key} refuses nothing, so nothing can be said of it`);
  return told.replace(/^must (be )?/, refusals[0] === told ? "" : "a duration ");
}

function refusal(key: string, probe: unknown): string | undefined {
  return schemaOf(key).safeParse(probe).error?.issues[0]?.message;
}

function schemaOf(key: string): z.ZodType {
  let schema: unknown = fileSchema;
  for (const step of key.replaceAll("[]", ".[]").split(".")) {
    while (schema instanceof z.ZodOptional) schema = schema.unwrap();
    schema = schema instanceof z.ZodArray ? schema.element : (schema as z.ZodObject).shape[step];
  }
  return schema as z.ZodType;
}

/** What is in effect where the file sets only what it must, by key. */
function defaultsInEffect(): ReadonlyMap<string, string> {
  const parsed = parseConfig(SMALLEST, { file: "x", env: () => undefined, readFile: () => "" });
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join("\n"));
  const found = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    if (Array.isArray(value)) return;
    if (typeof value !== "object" || value === null) {
      found.set(path, `\`${value}\``);
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      walk(inner, path === "" ? key : `${path}.${key}`);
    }
  };
  walk(parse(effectiveConfig(parsed.config)), "");
  return found;
}

if (import.meta.main) await Deno.writeTextFile(CONFIGURATION_PAGE, configurationPage());
