/**
 * Who may import whom, as data, and the check of one import against it.
 *
 * @module
 */

/** What the files of one room may import. Their own folder is always allowed. */
export interface RoomPolicy {
  /** Other rooms. */
  readonly rooms: readonly string[];
  /** Rooms of which only types may be imported. */
  readonly typesOf?: readonly string[];
  /** Packages of deno.json; "*" is all of them. */
  readonly packages: readonly string[] | "*";
  /** Node's own modules (`node:…`). */
  readonly node: boolean;
}

/** Rooms whose code touches no clock, no chance, no socket, no file. */
export const PURE_ROOMS: readonly string[] = ["core", "wire", "sql"];

const EDGE = { rooms: PURE_ROOMS, node: true };

/** The house's rules (docs/architecture.md, "Who may import whom"). */
export const POLICIES: Readonly<Record<string, RoomPolicy>> = {
  core: { rooms: [], packages: [], node: false },
  wire: { rooms: [], packages: [], node: false },
  sql: { rooms: [], packages: ["libpg-query"], node: false },
  config: { rooms: [], typesOf: ["core"], packages: ["zod", "yaml"], node: false },
  postgres: { ...EDGE, packages: ["postgres"] },
  coordination: { ...EDGE, packages: ["hono", "@hono/zod-validator", "zod"] },
  dashboard: { rooms: [...PURE_ROOMS, "coordination"], packages: ["hono", "zod"], node: false },
  router: { ...EDGE, packages: [] },
  telemetry: { ...EDGE, packages: ["@logtape/logtape", "prom-client"] },
  agent: {
    rooms: [
      ...PURE_ROOMS,
      "config",
      "postgres",
      "coordination",
      "dashboard",
      "router",
      "telemetry",
    ],
    packages: "*",
    node: true,
  },
  cli: { rooms: ["agent", "config", "core"], packages: "*", node: true },
};

/** `main.ts` only starts the command line. */
const MAIN: RoomPolicy = { rooms: ["cli"], packages: [], node: false };

/** The simulation knows nothing but the core, so that nothing else can make it pass. */
const SIMULATION: RoomPolicy = { rooms: ["core"], packages: ["fast-check"], node: true };

/**
 * What the browser runs. Its scripts import one another, under the names that they are served by; for
 * the program they are texts, which one room serves.
 */
const PAGE = "src/dashboard/page/";

/** One import or re-export, as it stands in a file. */
export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** The room of a file: `core` for `src/core/step.ts`; null outside `src`. */
export function roomOf(file: string): string | null {
  return /^src\/([^/]+)\//.exec(file)?.[1] ?? null;
}

/**
 * Why `file` may not import this, or null where it may.
 *
 * @param file the importing file, relative to the project's root
 * @param packages the names that deno.json's `imports` declares
 */
export function refuseImport(
  file: string,
  { specifier, typeOnly }: Import,
  packages: readonly string[],
): string | null {
  if (file.startsWith(PAGE)) {
    return /^\.\/[a-z_]+\.js$/.test(specifier)
      ? null
      : `must not import ${specifier}: a script of the page imports nothing but its neighbours`;
  }
  const policy = policyOf(file);
  if (policy === undefined) return `${file} stands in no known room`;
  if (specifier.startsWith(".")) return refuseFile(file, specifier, typeOnly, policy);
  if (specifier.startsWith("node:")) {
    return policy.node ? null : `must not import ${specifier}`;
  }
  const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  if (!packages.includes(name)) {
    return `imports ${specifier}, which deno.json's imports do not name`;
  }
  const allowed = policy.packages === "*" || policy.packages.includes(name);
  return allowed ? null : `must not import the package ${name}`;
}

function policyOf(file: string): RoomPolicy | undefined {
  if (file === "main.ts") return MAIN;
  if (file.startsWith("tests/simulation/")) return SIMULATION;
  const room = roomOf(file);
  return room !== null && Object.hasOwn(POLICIES, room) ? POLICIES[room] : undefined;
}

function refuseFile(
  file: string,
  specifier: string,
  typeOnly: boolean,
  policy: RoomPolicy,
): string | null {
  const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
  if (file.startsWith("tests/simulation/") && target.startsWith("tests/simulation/")) return null;
  // The version has one home; the command line shows it.
  if (target === "deno.json" && (file === "main.ts" || roomOf(file) === "cli")) return null;
  const room = roomOf(target);
  if (room === null) return `must not import ${target}, which is outside src`;
  if (target.startsWith(PAGE)) {
    return room === roomOf(file) ? null : `must not import ${target}, which the browser runs`;
  }
  if (!target.endsWith(".ts")) return `must name ${target} with its ending .ts`;
  if (room === roomOf(file) || policy.rooms.includes(room)) return null;
  if (policy.typesOf?.includes(room)) {
    return typeOnly ? null : `must import nothing but types from the room ${room}`;
  }
  return `must not import the room ${room}`;
}
