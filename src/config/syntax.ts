/**
 * What the YAML parser complains about, in words that say what to do.
 *
 * The parser's own messages are not passed on: some quote the text, which may hold a secret.
 *
 * @module
 */
import type { ErrorCode } from "yaml";

/** What is wrong, as a sentence, and its remedy. */
export interface SyntaxAdvice {
  readonly message: string;
  readonly remedy: string;
}

const ADVICE: Partial<Record<ErrorCode, SyntaxAdvice>> = {
  BAD_ALIAS: {
    message: "an anchor or an alias lacks its name",
    remedy: "Write the value out, or put quotes around text that begins with *.",
  },
  ALIAS_PROPS: {
    message: "an alias can have neither anchor nor tag",
    remedy: "Write the value out.",
  },
  BAD_DQ_ESCAPE: {
    message: "this backslash begins no known escape",
    remedy: "Use single quotes, in which a backslash is only itself.",
  },
  BAD_INDENT: {
    message: "this line's indentation fits no key above it",
    remedy: "Line it up with its neighbours, with spaces.",
  },
  TAB_AS_INDENT: {
    message: "a tab cannot indent",
    remedy: "Use spaces.",
  },
  BAD_SCALAR_START: {
    message: "text cannot begin with this character here",
    remedy: "Put quotes around the value.",
  },
  MISSING_CHAR: {
    message: "a character is missing: a closing quote, bracket, colon or comma",
    remedy: "Close what was opened above, and put a space behind each colon.",
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "a key stands on one line with its colon",
    remedy: "Put a colon and a space behind the key.",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "two keys stand on one line",
    remedy: "Put each key on a line of its own, or quotes around a value that contains a colon.",
  },
  BLOCK_IN_FLOW: {
    message: "an indented block cannot stand inside brackets",
    remedy: "Close the bracket first.",
  },
  KEY_OVER_1024_CHARS: {
    message: "a key has more than 1024 characters",
    remedy: "Check for a missing quote above.",
  },
  TAG_RESOLVE_FAILED: {
    message: "this tag is not known",
    remedy: "Remove the word that begins with an exclamation mark, or put quotes around the value.",
  },
  BAD_DIRECTIVE: {
    message: "this directive is not known",
    remedy: "Remove the line that begins with a per cent sign.",
  },
  UNEXPECTED_TOKEN: {
    message: "this is not expected here",
    remedy: "Check indentation, quotes and brackets on this line and the one above.",
  },
};

const OTHERWISE: SyntaxAdvice = {
  message: "this is not valid YAML",
  remedy: "Check indentation, quotes and brackets on this line and the one above.",
};

/**
 * What to tell about one of the parser's error codes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(syntaxAdvice("TAB_AS_INDENT").remedy, "Use spaces.");
 * ```
 */
export function syntaxAdvice(code: ErrorCode): SyntaxAdvice {
  return ADVICE[code] ?? OTHERWISE;
}
