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
  const forget = (name: string) => {
    bytes -= statements.get(name)?.parse?.length ?? 0;
    statements.delete(name);
  };
  return {
    get: (name) => statements.get(name) ?? null,
    set(statement) {
      forget(statement.name);
      statements.set(statement.name, statement);
      bytes += statement.parse?.length ?? 0;
    },
    delete: forget,
    clear() {
      statements.clear();
      bytes = 0;
    },
    named: () => [...statements.values()].filter(({ name }) => name !== ""),
    room: () => Math.max(0, maximumBytes - bytes),
  };
}
