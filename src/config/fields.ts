/**
 * The kinds of values that a configuration has: what each accepts, and what it says when it does
 * not. Every kind is a zod schema that is optional, since a default or a rule of its own answers
 * for a key that is not set.
 *
 * A refusal travels in zod's custom issue: the message is "must be …", and `params.remedy` says
 * what to do. Numbers and switches are accepted as text too, because `${NAME}` yields text.
 *
 * @module
 */
import * as z from "zod";
import { formatDuration, parseDuration } from "./duration.ts";
import { type Network, parseNetwork } from "./network.ts";
import { parseSize } from "./size.ts";
import { nearest } from "./suggest.ts";

/** What a kind makes of a value. */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  /** `item` is the place in a list, from 0, where one of its items is refused. */
  | { readonly ok: false; readonly must: string; readonly remedy: string; readonly item?: number };

function accept<T>(value: T): Read<T> {
  return { ok: true, value };
}

function refuse(must: string, remedy: string): Read<never> {
  return { ok: false, must, remedy };
}

/** A schema of one value; undefined where the file does not set it. */
export type Field<T> = z.ZodOptional<z.ZodPipe<z.ZodUnknown, z.ZodTransform<T, unknown>>>;

/**
 * Makes a zod schema of a reading function.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const even = field<number>((value) =>
 *   typeof value === "number" && value % 2 === 0
 *     ? { ok: true, value }
 *     : { ok: false, must: "must be even", remedy: "Add one." }
 * );
 * assert.equal(even.parse(4), 4);
 * assert.equal(even.safeParse(5).error?.issues[0]?.message, "must be even");
 * ```
 */
export function field<T>(read: (value: unknown) => Read<T>): Field<T> {
  return z.unknown().transform((value, context): T => {
    const result = read(value);
    if (result.ok) return result.value;
    const { must: message, remedy, item } = result;
    const path = item === undefined ? [] : [item];
    context.issues.push({ code: "custom", input: value, path, message, params: { remedy } });
    return z.NEVER;
  }).optional();
}

const QUOTE_IT = "Put quotes around it.";

function readText(value: unknown): Read<string> {
  if (typeof value === "number" || typeof value === "boolean") {
    return refuse("must be text", QUOTE_IT);
  }
  if (typeof value !== "string") return refuse("must be text", "Write one value, in quotes.");
  if (value === "") return refuse("must not be empty", "Give it a value, or remove the key.");
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(value)) {
    return refuse("must be one line without control characters", "Remove them.");
  }
  return accept(value);
}

/** One line of text, not empty. */
export function text(): Field<string> {
  return field(readText);
}

/** Text that has to match `pattern`; `must` and `remedy` say what it is. */
export function textLike(pattern: RegExp, must: string, remedy: string): Field<string> {
  return field((value) => {
    const read = readText(value);
    return !read.ok || pattern.test(read.value) ? read : refuse(must, remedy);
  });
}

/** The longest node name: with the incarnation behind it, it fits PostgreSQL's 63 bytes. */
export const MAX_NAME_CHARACTERS = 40;

/** A name that is safe in SQL, in a path and in a slot: letters, digits, `_` and `-`, at most 40. */
export function name(): Field<string> {
  return textLike(
    new RegExp(`^[A-Za-z0-9_-]{1,${MAX_NAME_CHARACTERS}}$`),
    `must be 1 to ${MAX_NAME_CHARACTERS} letters, digits, underscores or hyphens`,
    "Choose a name like node1.",
  );
}

/** A host name or an address, without a port. */
export function host(): Field<string> {
  return textLike(
    /^(?:[A-Za-z0-9._-]+|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?)$/,
    "must be a host name or an address",
    "Write the name alone, without port, brackets or protocol.",
  );
}

/** Where a TCP service is reached. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** TCP services as `host:port`; an IPv6 address stands in brackets, which are taken off. */
export function hostsAndPorts(): Field<readonly HostAndPort[]> {
  return field((value) => {
    const found = Array.isArray(value) ? value.map(readHostAndPort) : [null];
    const addresses = found.filter((address) => address !== null);
    return addresses.length === found.length ? accept(addresses) : refuse(
      "must be a list of host:port",
      'Write items like "192.168.1.1:53", an IPv6 address in brackets.',
    );
  });
}

function readHostAndPort(value: unknown): HostAndPort | null {
  if (typeof value !== "string") return null;
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(value) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : null;
}

/** Where clients come from: this host itself, or a network. */
export type Origin = "loopback" | Network;

/** Networks, or the word `loopback`; not empty. */
export function origins(): Field<readonly Origin[]> {
  return listOf(
    (text) => text === "loopback" ? text : parseNetwork(text),
    "must be a network without bits behind its prefix, an address, or loopback",
    'Write it like "10.0.0.0/8", "192.168.1.7" or "2001:db8::/32".',
  );
}

/** Database or role names; not empty. */
export function identifiers(): Field<readonly string[]> {
  return listOf(
    (text) => {
      const read = identifierText(text);
      return read.ok ? read.value : null;
    },
    "must be a name of at most 63 bytes",
    "Write it in quotes, as the server has it.",
  );
}

/** A list of texts, each of which `read` accepts; `must` and `remedy` speak of one that it does not. */
function listOf<T>(
  read: (text: string) => T | null,
  must: string,
  remedy: string,
): Field<readonly T[]> {
  return field((value) => {
    const items: readonly unknown[] = Array.isArray(value) ? value : [];
    if (items.length === 0) {
      return refuse("must be a list that is not empty", "List some, or remove the key.");
    }
    const found = items.map((item) => typeof item === "string" ? read(item) : null);
    const item = found.indexOf(null);
    return item < 0
      ? accept(found.filter((each) => each !== null))
      : { ok: false, must, remedy, item };
  });
}

/** A folder that is the same whatever the agent's working directory is. */
export function absolutePath(): Field<string> {
  return textLike(/^\//, "must be an absolute path", "Begin it with a slash.");
}

/** A program with its words, as it is started without a shell: the program's path is absolute. */
export function command(): Field<readonly string[]> {
  return field((value) => {
    const words = Array.isArray(value) ? value.map(readText) : [];
    const read = words.flatMap((word) => word.ok ? [word.value] : []);
    const fits = read.length >= 1 && read.length <= 32 && read.length === words.length;
    return fits && read[0]!.startsWith("/") ? accept(read) : refuse(
      "must be a list of words, the first an absolute path",
      'Write it like ["/usr/local/bin/notify", "--quiet"].',
    );
  });
}

/** A database or role name: what PostgreSQL keeps of one, 63 bytes. */
export function identifier(): Field<string> {
  return field(identifierText);
}

function identifierText(value: unknown): Read<string> {
  const read = readText(value);
  if (!read.ok || new TextEncoder().encode(read.value).length <= 63) return read;
  return refuse("must be at most 63 bytes long", "PostgreSQL cuts longer names: choose another.");
}

function asNumber(value: unknown): number | null {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : null;
}

/** A whole number from `min` to `max`, both included. */
export function integer(min: number, max: number): Field<number> {
  return field((value) => {
    const number = asNumber(value);
    return number !== null && Number.isInteger(number) && number >= min && number <= max
      ? accept(number)
      : refuse(`must be a whole number from ${min} to ${max}`, "Write it as digits, without unit.");
  });
}

/** A TCP port. */
export function port(): Field<number> {
  return integer(1, 65_535);
}

/** A number from 0 to 1. */
export function ratio(): Field<number> {
  return field((value) => {
    const number = asNumber(value);
    return number !== null && number >= 0 && number <= 1
      ? accept(number)
      : refuse("must be a number from 0 to 1", "Write it like 0.8.");
  });
}

/** A switch. */
export function flag(): Field<boolean> {
  return field((value) => {
    if (value === true || value === "true") return accept(true);
    if (value === false || value === "false") return accept(false);
    return refuse("must be true or false", "Write one of the two, without quotes.");
  });
}

/** A duration from `minMs` to `maxMs`; see {@linkcode parseDuration}. */
export function duration(minMs: number, maxMs: number): Field<number> {
  return field((value) => {
    if (typeof value === "number" || (typeof value === "string" && asNumber(value) !== null)) {
      return refuse("must be a duration with its unit", `Write "${value}s" or "${value}ms".`);
    }
    const ms = typeof value === "string" ? parseDuration(value) : null;
    if (ms === null) {
      return refuse("must be a duration", 'Write it like "10s", "500ms", "2m" or "1h".');
    }
    if (ms >= minMs && ms <= maxMs) return accept(ms);
    return refuse(
      `must be from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
      ms < minMs ? "Raise it." : "Lower it.",
    );
  });
}

/** A size in bytes; see {@linkcode parseSize}. */
export function size(): Field<number> {
  return field((value) => {
    const bytes = typeof value === "string" ? parseSize(value) : null;
    return bytes === null
      ? refuse("must be a size with its unit", 'Write it like "16MB", "512kB" or "1GB".')
      : accept(bytes);
  });
}

/** One of several words; `words` maps each accepted spelling to its meaning. */
export function choice<const T extends string>(words: Readonly<Record<string, T>>): Field<T> {
  const spellings = Object.keys(words);
  return field((value) => {
    const meaning = typeof value === "string" && Object.hasOwn(words, value) ? words[value] : null;
    if (meaning !== null && meaning !== undefined) return accept(meaning);
    const meant = typeof value === "string" ? nearest(value, spellings) : null;
    return refuse(
      `must be one of ${spellings.join(", ")}`,
      meant === null ? "Write one of these." : `Did you mean ${meant}?`,
    );
  });
}
