/**
 * What the configuration's tests share: a small valid file, and ways to read one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatProblem, parseConfig, type Problem } from "../../src/config/mod.ts";
import type { Config, ParseResult } from "../../src/config/mod.ts";

/** Node 1 of three, with nothing but what has to be set, and a secret. */
export const VALID = `identity:
  node_name: node1
local_db:
  role: primary
  password: hunter2
cluster_members:
  - node_name: node2
    api_host: host2
    role: standby
  - node_name: node3
    api_host: host3
    role: standby
security:
  cluster_secret: correct-horse-battery
`;

/** The outside world of one test. */
export interface World {
  /** The environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Permission bits by path. */
  readonly modes?: Readonly<Record<string, number>>;
}

/** Reads `text` as the file `etc/node.yaml`. */
export function parse(text: string, world: World = {}): ParseResult {
  return parseConfig(text, {
    file: "etc/node.yaml",
    env: (name) => world.env?.[name],
    readFile: (path) => {
      const content = world.files?.[path];
      if (content === undefined) throw new Deno.errors.NotFound("no such file");
      return content;
    },
    mode: (path) => world.modes?.[path] ?? null,
  });
}

/** Reads a text that has to be valid. */
export function config(text: string, world: World = {}): Config {
  const result = parse(text, world);
  assert.ok(result.ok, result.ok ? "" : result.problems.map(formatProblem).join("\n"));
  return result.config;
}

/** The problems of a text that has to be refused, as printed. */
export function problems(text: string, world: World = {}): string[] {
  const result = parse(text, world);
  assert.ok(!result.ok, "the configuration was accepted");
  return result.problems.map(formatProblem);
}

/** The warnings of a text, as printed. */
export function warnings(text: string, world: World = {}): readonly Problem[] {
  return parse(text, world).warnings;
}
