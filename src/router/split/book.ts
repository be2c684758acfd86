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
  /** The one that a unit means which is sent now: the newest that was sent to be made, or that is there. */
  get(name: string): Statement | null;
  /** The others of this name that it may come to mean, where a Parse fails that is under way. */
  others(name: string): readonly Statement[];
  /** The same by the bytes of a name, from `from` on and with a zero before `until`. */
  find(bytes: Uint8Array, from: number, until: number): Statement | null;
  /** Its Parse was sent. Sooner or later {@linkcode set} or {@linkcode abandon} tells what came of it. */
  expect(statement: Statement): void;
  /** It was made. */
  set(statement: Statement): void;
  /** It is not made. */
  abandon(statement: Statement): void;
  delete(name: string): void;
  clear(): void;
  /** All but the unnamed one. */
  named(): readonly Statement[];
  /** Those of them that can be made elsewhere. */
  movable(): readonly Statement[];
  /** What may be kept of another Parse message; 0 where the book is full. */
  room(): number;
}

const NONE: readonly never[] = [];

/** Makes an empty book. @param maximumBytes what the kept Parse messages may take together */
export function createBook(maximumBytes: number): Book {
  const statements = new Map<string, Statement>();
  const expected: Statement[] = [];
  let bytes = 0;
  // The one that was found last: most clients use one statement many times.
  let last: Statement | null = null;
  const forget = (name: string) => {
    bytes -= statements.get(name)?.parse?.length ?? 0;
    statements.delete(name);
    if (last?.name === name) last = null;
  };
  const get = (name: string) => {
    for (let i = expected.length - 1; i >= 0; i--) {
      if (expected[i]!.name === name) return expected[i]!;
    }
    return statements.get(name) ?? null;
  };
  const named = () => [...statements.values()].filter(({ name }) => name !== "");
  const abandon = (statement: Statement) => {
    last = null;
    // Nearly always it is the only one.
    if (expected.length === 1 && expected[0] === statement) return void expected.pop();
    const at = expected.indexOf(statement);
    if (at >= 0) expected.splice(at, 1);
  };
  return {
    get,
    others(name) {
      if (expected.length === 0) return NONE;
      const all = expected.filter((statement) => statement.name === name);
      const made = statements.get(name);
      return (made === undefined ? all : [made, ...all]).slice(0, -1);
    },
    find(message, from, until) {
      if (last !== null && isName(last.name, message, from, until)) return last;
      const name = parseName(message, from, until);
      last = name === null ? null : get(name);
      return last;
    },
    expect(statement) {
      expected.push(statement);
      last = null;
    },
    abandon,
    set(statement) {
      abandon(statement);
      const before = statements.get(statement.name)?.parse?.length ?? 0;
      statements.set(statement.name, statement);
      bytes += (statement.parse?.length ?? 0) - before;
    },
    delete: forget,
    clear() {
      statements.clear();
      // What was sent to be made comes behind whatever cleared the book.
      last = null;
      bytes = 0;
    },
    named,
    movable: () => statements.size === 0 ? NONE : named().filter(({ parse }) => parse !== null),
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
