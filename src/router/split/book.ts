/**
 * The prepared statements that a client has, as the protocol's Parse made them.
 *
 * Named ones are always made on the primary first, which so refuses a name that is taken and knows
 * all of them when SQL asks; on a standby each is made again when it is first needed there. The
 * unnamed one is wherever it was last made.
 *
 * @module
 */
import type { Classified } from "../../sql/classify.ts";
import { parseName } from "../../wire/requests.ts";

/** A prepared statement. Another Parse of the same name makes another one. */
export interface Statement {
  readonly name: string;
  /** The Parse message that made it; null where it is too large to be kept: it stays where it is. */
  readonly parse: Uint8Array | null;
  /** What it says, to be judged at each use, since functions change; null where `parse` is. */
  readonly text: string | null;
  /** The newest judgement of it. */
  judged: Classified;
  /** What that rests on; null where it must be judged anew. */
  stamp: symbol | null;
  /** Closed or replaced by what was sent behind its Parse: it is none by the time that is answered. */
  gone: boolean;
}

/** A client's statements by name; the unnamed one's name is empty. */
export interface Book {
  get(name: string): Statement | null;
  /** The same by the bytes of a name, from `from` on and with a zero before `until`. */
  find(bytes: Uint8Array, from: number, until: number): Statement | null;
  set(statement: Statement): void;
  delete(name: string): void;
  clear(): void;
  /** All but the unnamed one. */
  named(): readonly Statement[];
  /** What may be kept of another Parse message; 0 where the book is full. */
  room(): number;
}

/** Makes an empty book. @param maximumBytes what the kept Parse messages may take together */
export function createBook(maximumBytes: number): Book {
  const statements = new Map<string, Statement>();
  let bytes = 0;
  // The one that was found last: most clients use one statement many times.
  let last: Statement | null = null;
  const forget = (name: string) => {
    bytes -= statements.get(name)?.parse?.length ?? 0;
    statements.delete(name);
    if (last?.name === name) last = null;
  };
  return {
    get: (name) => statements.get(name) ?? null,
    find(message, from, until) {
      if (last !== null && isName(last.name, message, from, until)) return last;
      const name = parseName(message, from, until);
      last = name === null ? null : statements.get(name) ?? null;
      return last;
    },
    set(statement) {
      forget(statement.name);
      statements.set(statement.name, statement);
      bytes += statement.parse?.length ?? 0;
    },
    delete: forget,
    clear() {
      statements.clear();
      last = null;
      bytes = 0;
    },
    named: () => [...statements.values()].filter(({ name }) => name !== ""),
    room: () => Math.max(0, maximumBytes - bytes),
  };
}

/** True where the bytes spell this name, which then is plain ASCII, and end it. */
function isName(name: string, bytes: Uint8Array, from: number, until: number): boolean {
  const end = from + name.length;
  if (end >= until || bytes[end] !== 0) return false;
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) !== bytes[from + i] || bytes[from + i]! >= 0x80) return false;
  }
  return true;
}
