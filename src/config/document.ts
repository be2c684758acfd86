/**
 * YAML text → one mapping of plain values, with the place of every key.
 *
 * The tree is walked here, not by the YAML library, for three reasons: each key's place is needed,
 * references to the environment are replaced on the way, and the work is bounded. An alias is
 * followed where it stands, so a small file can describe a huge tree; {@linkcode MAX_VALUES} and
 * {@linkcode MAX_DEPTH} end the walk long before that costs anything.
 *
 * A key without a value counts as not set: that is what a section looks like whose lines are all
 * commented out.
 *
 * @module
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import { expand } from "./expand.ts";
import { childPath } from "./path.ts";
import type { Finding, Place } from "./problem.ts";
import { emptySource, noteValue, type Source } from "./source.ts";
import { syntaxAdvice } from "./syntax.ts";

/** Characters in a file; thirty-one members with comments need a tenth of it. */
export const MAX_CHARACTERS = 131_072;
/** Values in a file, aliases followed. */
export const MAX_VALUES = 10_000;
/** Levels of nesting; the deepest known key has three. */
export const MAX_DEPTH = 32;

/** A value of the file: what JSON could hold. */
export type Value = null | boolean | number | string | Value[] | Mapping;

/** A mapping of the file; it has no prototype, so that no key is special. */
export interface Mapping {
  [key: string]: Value;
}

/** What {@linkcode readDocument} gives. */
export interface DocumentReading {
  /** Null where there is no mapping to look at. */
  readonly root: Mapping | null;
  readonly source: Source;
  readonly findings: readonly Finding[];
}

/**
 * Reads the text of one configuration file. Never throws: whatever is wrong is in `findings`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const { root, source } = readDocument("router:\n  port: 6432\n", {
 *   file: "a.yaml",
 *   env: () => undefined,
 * });
 * assert.equal(JSON.stringify(root), '{"router":{"port":6432}}');
 * assert.deepEqual(source.places.get("router.port"), { line: 2, column: 3 });
 * ```
 */
export function readDocument(
  text: string,
  options: { readonly file: string; readonly env: (name: string) => string | undefined },
): DocumentReading {
  const source = emptySource(options.file);
  const refuse = (message: string, remedy: string, place?: Place): DocumentReading => ({
    root: null,
    source,
    findings: [fault("", message, remedy, { value: null, ...(place && { place }) })],
  });
  if (text.length > MAX_CHARACTERS) {
    return refuse(
      `the file has ${text.length} characters and may have ${MAX_CHARACTERS}`,
      "Check that it is a configuration file, and remove what does not belong to it.",
    );
  }
  const lines = new LineCounter();
  const documents = parseDocuments(text, lines);
  if (documents === null) {
    return refuse("the file nests too deeply", "Check for brackets that are never closed.");
  }
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const syntax = documents.flatMap((document) =>
    [...document.errors, ...document.warnings].map((error): Finding => ({
      path: "",
      ...syntaxAdvice(error.code),
      severity: "error",
      value: null,
      place: placeAt(error.pos[0]),
    }))
  );
  if (syntax.length > 0) return { root: null, source, findings: syntax };
  const [document, second] = documents.filter((each) => !isEmpty(each));
  if (document === undefined) {
    return refuse("the file is empty", "Begin with the sample configs/config.yaml.");
  }
  if (second !== undefined) {
    return refuse(
      "the file holds several documents and must hold one",
      "Remove the line --- and what does not belong to this node.",
      placeAt(second.range[0]),
    );
  }
  if (!isMap(document.contents)) {
    return refuse(
      "the file must be a mapping of keys",
      "Begin with the sample configs/config.yaml.",
      placeAt(document.contents?.range?.[0] ?? 0),
    );
  }
  const walk: Walk = { document, source, placeAt, env: options.env, findings: [], values: 0 };
  const root = readMapping(document.contents, "", 0, walk);
  return { root: walk.values > MAX_VALUES ? null : root, source, findings: walk.findings };
}

/** The parser calls itself once per level; a text of open brackets exhausts the stack. */
function parseDocuments(text: string, lines: LineCounter): Document.Parsed[] | null {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: false,
      logLevel: "silent",
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function isEmpty(document: Document.Parsed): boolean {
  const { contents } = document;
  return contents === null || (isScalar(contents) && contents.value === null);
}

/** The state of one walk through a document. */
interface Walk {
  readonly document: Document.Parsed;
  readonly source: Source;
  readonly placeAt: (offset: number) => Place;
  readonly env: (name: string) => string | undefined;
  readonly findings: Finding[];
  values: number;
}

function readMapping(map: YAMLMap, path: string, depth: number, walk: Walk): Mapping {
  const mapping: Mapping = Object.create(null);
  const seen = new Set<string>();
  for (const { key, value } of map.items) {
    if (walk.values > MAX_VALUES) break;
    const place = walk.placeAt((key as Node | null)?.range?.[0] ?? 0);
    const name = isScalar(key) && typeof key.value === "string" ? key.value : null;
    if (name === null || name === "__proto__") {
      walk.findings.push(
        fault(path, "has a key that is not a name", "Write the key as a word.", {
          value: null,
          place,
        }),
      );
      continue;
    }
    const inner = childPath(path, name);
    if (seen.has(name)) {
      walk.findings.push(
        fault(inner, "stands here twice", "Remove one of the two.", { value: null, place }),
      );
      continue;
    }
    seen.add(name);
    walk.source.places.set(inner, place);
    const read = readValue(value as Node | null, inner, depth + 1, walk);
    if (read !== null) mapping[name] = read;
  }
  return mapping;
}

function readValue(given: Node | null, path: string, depth: number, walk: Walk): Value {
  const node = isAlias(given) ? resolve(given, path, walk) : given;
  if (node === null) return null;
  walk.values += 1;
  if (walk.values > MAX_VALUES || depth > MAX_DEPTH) {
    if (walk.values <= MAX_VALUES + 1) walk.findings.push(tooMuch(path));
    // Whatever is beyond the limit is not read, and the one finding refuses the file.
    walk.values = MAX_VALUES + 1;
    return null;
  }
  if (isMap(node)) {
    walk.source.values.set(path, "a mapping");
    return readMapping(node, path, depth, walk);
  }
  if (isSeq(node)) {
    walk.source.values.set(path, "a list");
    return node.items.map((item, index) => {
      const inner = childPath(path, index);
      walk.source.places.set(inner, walk.placeAt((item as Node | null)?.range?.[0] ?? 0));
      return readValue(item as Node | null, inner, depth + 1, walk);
    });
  }
  return isScalar(node) ? readScalar(node.value, path, walk) : null;
}

function readScalar(value: unknown, path: string, walk: Walk): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "number") {
    noteValue(walk.source, path, value);
    return value;
  }
  const text = String(value);
  // The file's own text is what is shown: a variable's value may be a secret.
  noteValue(walk.source, path, text);
  const { text: expanded, missing, malformed } = expand(text, walk.env);
  for (const name of missing) {
    walk.findings.push(
      fault(
        path,
        `needs the environment variable ${name}, which is not set`,
        `Set ${name}, or write $\${ for a plain \${.`,
        { value: null },
      ),
    );
  }
  if (malformed.length > 0) {
    walk.findings.push(
      fault(
        path,
        "has something between ${ and } that cannot name a variable",
        "Use letters, digits and underscores, or write $${ for a plain ${.",
        { value: null },
      ),
    );
  }
  return missing.length + malformed.length > 0 ? null : expanded;
}

function resolve(alias: Alias, path: string, walk: Walk): Node | null {
  const node = alias.resolve(walk.document);
  if (node !== undefined) return node;
  walk.findings.push(
    fault(
      path,
      "names an anchor that is not above it",
      "Write the value out, or put quotes around text that begins with an asterisk.",
      { value: null, place: walk.placeAt(alias.range?.[0] ?? 0) },
    ),
  );
  return null;
}

function tooMuch(path: string): Finding {
  return fault(
    path,
    `goes beyond ${MAX_VALUES} values or ${MAX_DEPTH} levels`,
    "Write values out in place of nested aliases.",
    { value: null },
  );
}

function fault(
  path: string,
  message: string,
  remedy: string,
  more: Pick<Finding, "value" | "place">,
): Finding {
  return { path, message, remedy, severity: "error", ...more };
}
