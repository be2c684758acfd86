import assert from "node:assert/strict";
import { inspect, MAX_LINES } from "./inspect.ts";

const PACKAGES = ["zod", "yaml", "hono", "postgres", "@logtape/logtape", "libpg-query"];
const MODULE = "/**\n * What it is → for.\n *\n * @module\n */\n";

function found(file: string, code: string): string[] {
  return inspect(file, MODULE + code, PACKAGES).map((line) => line.replace(/^[^ ]+ /, ""));
}

/** [file, code that breaks a rule, what is said of it] */
const PLANTED: readonly (readonly [file: string, code: string, expected: string])[] = [
  ["src/core/a.ts", 'import "../wire/b.ts";', "must not import the room wire"],
  ["src/core/a.ts", 'import type { B } from "../wire/b.ts";', "must not import the room wire"],
  ["src/core/a.ts", 'export { b } from "../wire/b.ts";', "must not import the room wire"],
  ["src/core/a.ts", 'export * from "../wire/b.ts";', "must not import the room wire"],
  ["src/core/a.ts", 'export type * from "../wire/b.ts";', "must not import the room wire"],
  ["src/core/a.ts", 'await import("../wire/b.ts");', "must not import the room wire"],
  ["src/core/a.ts", "await import(`../wire/${b}.ts`);", "imports what only the running program"],
  ["src/core/a.ts", 'let b: import("../wire/b.ts").B;', "imports inside a type"],
  ["src/core/a.ts", 'import b = require("b");', "uses import ="],
  ["src/core/a.ts", 'import { z } from "zod";', "must not import the package zod"],
  ["src/core/a.ts", 'import fs from "node:fs";', "must not import node:fs"],
  ["src/core/a.ts", 'import "../../tests/core/world.ts";', "must not import tests/core/world.ts"],
  ["src/core/a.ts", 'import "./b";', "must name src/core/b with its ending .ts"],
  ["src/agent/a.ts", 'import "../dashboard/page/b.js";', "which the browser runs"],
  ["src/dashboard/page/a.js", 'import "../b.ts";', "imports nothing but its neighbours"],
  ["src/dashboard/page/a.js", 'import "hono";', "imports nothing but its neighbours"],
  ["src/dashboard/a.ts", 'import "../agent/b.ts";', "must not import the room agent"],
  ["src/core/a.ts", 'import "npm:zod@4";', "imports npm:zod@4, which deno.json's imports"],
  ["src/core/a.ts", 'import "https://a.example/b.ts";', "which deno.json's imports do not name"],
  ["src/sql/a.ts", 'import "../wire/b.ts";', "must not import the room wire"],
  ["src/config/a.ts", 'import { b } from "../core/b.ts";', "nothing but types from the room core"],
  ["src/config/a.ts", 'import { type A, b } from "../core/b.ts";', "nothing but types"],
  ["src/config/a.ts", 'export * from "../core/b.ts";', "nothing but types from the room core"],
  ["src/config/a.ts", 'import "../agent/b.ts";', "must not import the room agent"],
  ["src/postgres/a.ts", 'import "../router/b.ts";', "must not import the room router"],
  [
    "src/router/a.ts",
    'import type { A } from "../config/b.ts";',
    "must not import the room config",
  ],
  ["src/router/a.ts", 'import postgres from "postgres";', "must not import the package postgres"],
  ["src/coordination/a.ts", 'import "../telemetry/b.ts";', "must not import the room telemetry"],
  ["src/telemetry/a.ts", 'import "../config/b.ts";', "must not import the room config"],
  ["src/agent/a.ts", 'import "../cli/b.ts";', "must not import the room cli"],
  ["src/cli/a.ts", 'import "../postgres/b.ts";', "must not import the room postgres"],
  ["src/cellar/a.ts", 'import "./b.ts";', "stands in no known room"],
  ["main.ts", 'import "./src/agent/a.ts";', "must not import the room agent"],
  ["tests/simulation/a.ts", 'import "../../src/agent/b.ts";', "must not import the room agent"],
  ["src/core/a.ts", "const a = Deno.args;", "uses Deno in a pure room"],
  ["src/wire/a.ts", "const a = `${Date.now()}`;", "uses Date in a pure room"],
  ["src/core/a.ts", "function a(at: Date) { return at; }", "uses Date in a pure room"],
  ["src/sql/a.ts", "const a = performance.now();", "uses performance in a pure room"],
  ["src/core/a.ts", "setTimeout(() => {}, 1);", "uses setTimeout in a pure room"],
  ["src/core/a.ts", "const a = globalThis;", "uses globalThis in a pure room"],
  ["src/core/a.ts", "const a = crypto.randomUUID();", "uses crypto in a pure room"],
  ["src/core/a.ts", 'fetch("x");', "uses fetch in a pure room"],
  ["src/core/a.ts", 'console.log("x");', "uses console in a pure room"],
  ["src/core/a.ts", "const a = process.env;", "uses process in a pure room"],
  ["src/core/a.ts", "const a = { process };", "uses process in a pure room"],
  ["src/core/a.ts", "const a = { [fetch.name]: 1 };", "uses fetch in a pure room"],
  ["src/core/a.ts", "const a = Math.random();", "uses chance"],
  ["src/core/a.ts", 'const a = Math["random"]();', "uses chance, or hides it"],
  ["src/core/a.ts", "const { random } = Math;", "uses chance, or hides it"],
  ["src/core/a.ts", "export const a = 1;", "exports a without a docstring"],
  ["src/router/a.ts", "// a\nexport function b() {}", "exports b without a docstring"],
  ["src/router/a.ts", "/** One. */\nconst a = 1;\nexport interface B {}", "exports B without"],
  ["src/router/a.ts", "/** One. */\nexport default 1;", "exports a default"],
];

for (const [file, code, expected] of PLANTED) {
  Deno.test(`inspect() refuses ${code.replaceAll("\n", "⏎")} in ${file}`, () => {
    const lines = found(file, code);
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.ok(lines[0]!.includes(expected), lines[0]!);
  });
}

/** [file, code that breaks no rule] */
const ALLOWED: readonly (readonly [file: string, code: string])[] = [
  ["src/core/a.ts", 'import { b } from "./b.ts";'],
  ["src/core/a.ts", 'import { b } from "./deeper/b.ts";'],
  ["src/core/a.ts", '// import "../wire/b.ts"; Deno.args; Math.random()'],
  ["src/core/a.ts", 'const a = "Deno"; const b = `import("zod") Date`; const c = /Date/;'],
  ["src/core/a.ts", "const a = { Date: 1, process: 2 }; a.Date; b.fetch(); a.process;"],
  ["src/core/a.ts", "interface A { fetch(): void; Date: number }"],
  ["src/core/a.ts", "const a = Math.max(1, 2);"],
  ["src/sql/a.ts", 'import { parse } from "libpg-query";'],
  ["src/config/a.ts", 'import { type A, type B } from "../core/b.ts";'],
  ["src/config/a.ts", 'import type { A } from "../core/b.ts"; import * as z from "zod";'],
  ["src/router/a.ts", 'import { b } from "../wire/b.ts"; import "node:net"; Date.now();'],
  ["src/telemetry/a.ts", 'import "@logtape/logtape";'],
  ["src/agent/a.ts", 'import "../router/b.ts"; import "../postgres/b.ts"; import "hono";'],
  ["src/cli/a.ts", 'import "../agent/b.ts"; import "../config/b.ts"; import "../../deno.json";'],
  ["src/dashboard/a.ts", 'import b from "./page/b.css" with { type: "text" };'],
  ["src/dashboard/page/a.js", 'import { b } from "./b.js";'],
  ["main.ts", 'import "./src/cli/main.ts";'],
  ["tests/simulation/a.ts", 'import "../../src/core/b.ts"; import "./b.ts";'],
  ["src/router/a.ts", "/** A. */\nexport const a = 1;\n\n/** B. */\nexport type B = 1;"],
  [
    "src/router/a.ts",
    "/** A. */\nexport function a(b: 1): 1;\nexport function a(b: 2): 2;\n" +
    "export function a(b: number) { return b; }",
  ],
];

for (const [file, code] of ALLOWED) {
  Deno.test(`inspect() allows ${code.replaceAll("\n", "⏎")} in ${file}`, () => {
    assert.deepEqual(found(file, code), []);
  });
}

Deno.test("inspect() names the line, also below text that is not ASCII", () => {
  assert.deepEqual(inspect("src/core/a.ts", `${MODULE}\n// → ≥ 😀\nDeno.args;\n`, PACKAGES), [
    "src/core/a.ts:8: uses Deno in a pure room",
  ]);
});

Deno.test("inspect() refuses a file without a @module comment at its beginning", () => {
  const expected = ["src/router/a.ts:1: does not begin with a @module comment"];
  assert.deepEqual(inspect("src/router/a.ts", "const a = 1;\n", PACKAGES), expected);
  const late = 'import "./b.ts";\n/** @module */\n';
  assert.deepEqual(inspect("src/router/a.ts", late, PACKAGES), expected);
  const other = "/** One. */\nconst a = 1;\n/** Two. @module */\n";
  assert.deepEqual(inspect("src/router/a.ts", other, PACKAGES), expected);
});

Deno.test("inspect() counts the lines of a file", () => {
  const filled = MODULE + "//\n".repeat(MAX_LINES - 5);
  assert.deepEqual(inspect("src/router/a.ts", filled, PACKAGES), []);
  assert.deepEqual(inspect("src/router/a.ts", `${filled}//\n`, PACKAGES), [
    `src/router/a.ts:351: has 351 lines and may have 350`,
  ]);
});
