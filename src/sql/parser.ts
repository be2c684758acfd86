/**
 * PostgreSQL's own parser, compiled to WebAssembly (npm `libpg-query`), behind a door that never
 * throws.
 *
 * Nesting deep enough to exhaust the JavaScript stack ends a parse with RangeError in the middle of C
 * code. That leaves the C stack pointer and the allocator where they were: a few dozen such texts
 * later the same instance answers nothing, and nobody can say that it answers rightly before that. So
 * an instance that failed in any way but with PostgreSQL's own syntax error is thrown away at
 * once; until its successor is loaded, nothing is parsed, which means that it goes to the primary.
 *
 * @module
 */
import createInstance from "libpg-query/wasm/libpg-query.js";

/** A node of the parse tree, or a part of one: plain JSON. */
export type Tree = { readonly [key: string]: unknown };

/** What became of a text. */
export type Parsed =
  /** One tree per statement, as `{ SelectStmt: {…} }`; none where there are only comments. */
  | { readonly type: "parsed"; readonly statements: readonly Tree[] }
  /** PostgreSQL 18 would refuse it. */
  | { readonly type: "syntax_error" }
  /** The parser gave up, is being replaced, or the text is one that it cannot take. */
  | { readonly type: "unavailable" };

/** A parser that is ready. */
export interface Parser {
  parse(text: string): Parsed;
  /** How many instances were thrown away. */
  replaced(): number;
  /** Resolves when no replacement is under way. */
  settled(): Promise<void>;
}

/** The parts of the WebAssembly module that are used; addresses are byte offsets in its memory. */
interface Instance {
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, at: number, maximumBytes: number): void;
  UTF8ToString(at: number): string;
  getValue(at: number, type: "i32"): number;
  _malloc(bytes: number): number;
  _free(at: number): void;
  _wasm_parse_query_raw(at: number): number;
  _wasm_free_parse_result(at: number): void;
}

const create = createInstance as unknown as () => Promise<Instance>;

/** Loads the parser's file, once per parser. @throws where the file is missing or unreadable */
export async function loadParser(): Promise<Parser> {
  let instance: Instance | null = await create();
  let replaced = 0;
  let replacement = Promise.resolve();
  return {
    parse(text) {
      if (instance === null || text.includes("\0")) return { type: "unavailable" };
      try {
        return run(instance, text);
      } catch {
        // Whatever it was, the instance's memory is no longer to be trusted.
        instance = null;
        replaced++;
        replacement = create().then((next) => {
          instance = next;
        }, () => {});
        return { type: "unavailable" };
      }
    },
    replaced: () => replaced,
    settled: () => replacement,
  };
}

function run(instance: Instance, text: string): Parsed {
  const bytes = instance.lengthBytesUTF8(text) + 1;
  const at = instance._malloc(bytes);
  if (at === 0) throw new Error("the parser has no memory left");
  instance.stringToUTF8(text, at, bytes);
  const result = instance._wasm_parse_query_raw(at);
  if (result === 0) throw new Error("the parser has no memory left");
  // struct { char *tree; char *stderr; PgQueryError *error }
  const tree = instance.getValue(result, "i32");
  const error = instance.getValue(result + 8, "i32");
  const json = error === 0 && tree !== 0 ? instance.UTF8ToString(tree) : null;
  instance._wasm_free_parse_result(result);
  instance._free(at);
  if (json === null) return { type: "syntax_error" };
  const { stmts } = JSON.parse(json) as { readonly stmts?: readonly { readonly stmt?: Tree }[] };
  return {
    type: "parsed",
    statements: (stmts ?? []).flatMap(({ stmt }) => stmt === undefined ? [] : [stmt]),
  };
}
