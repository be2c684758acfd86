/**
 * Units of a client's work: a simple query, or the extended protocol's messages up to a Sync. One unit
 * runs on one server, and this is where it may run. Pure.
 *
 * @module
 */
import type { Classified } from "../../sql/classify.ts";
import type { RouteHint } from "../../sql/opening.ts";
import { placeOf, type Touch, type Verdict } from "../../sql/verdict.ts";
import {
  parseBind,
  parseExecute,
  parseParse,
  parseQuery,
  parseTarget,
} from "../../wire/requests.ts";
import type { Book, Statement } from "./book.ts";
import { writes } from "./memory.ts";

/** A whole message of the client's. */
export interface Message {
  /** The message's type, one ASCII character. */
  readonly code: string;
  /** Header and payload. */
  readonly bytes: Uint8Array;
}

/** What goes to a server in one piece. */
export interface Unit {
  readonly messages: readonly Message[];
  /** `standby` where any server will do. */
  readonly place: "standby" | "primary";
  /** The client insists on a standby: by a hint, or by a transaction that is read only. */
  readonly insists: boolean;
  /** Something may be changed that others read. */
  readonly writes: boolean;
  /** Nobody notices if it runs twice: reads alone, and no functions of the database's own. */
  readonly repeatable: boolean;
  readonly touches: readonly Touch[];
  /** Statements that it uses, and that must be on the server before. */
  readonly needs: readonly Statement[];
  /** Statements that its Parse messages make, in their order. */
  readonly makes: readonly Statement[];
  /** Names that it closes. */
  readonly closes: readonly string[];
  /** It was not looked into, and may have made statements that nobody here knows. */
  readonly unread: boolean;
  /** The texts, for the memory of what a standby refused. */
  readonly texts: readonly string[];
}

/** What the judgement rests on beside the messages. */
export interface Judging {
  classify(text: string): Classified;
  /** `SET metako.route`. */
  readonly route: RouteHint | "auto";
  readonly book: Book;
}

/** Judges a simple query. A payload that cannot be read goes to the primary, which refuses it. */
export function planQuery(message: Message, { classify, route }: Judging): Unit {
  const text = parseQuery(message.bytes.subarray(5));
  if (text === null) return blind([message]);
  const { verdict, hint } = classify(text);
  const place = placeOf(verdict, hint ?? route);
  return {
    messages: [message],
    place,
    insists: place === "standby" && insists(verdict, hint ?? route),
    writes: place === "primary" && writes(verdict),
    repeatable: place === "standby" && !verdict.userFunctions,
    touches: verdict.touches,
    needs: [],
    makes: [],
    closes: [],
    unread: false,
    texts: [text],
  };
}

/** A unit whose content is not looked into: it goes to the primary, and nothing is known after it. */
export function blind(messages: readonly Message[]): Unit {
  return {
    messages,
    place: "primary",
    insists: false,
    writes: true,
    repeatable: false,
    touches: [{ type: "opaque" }],
    needs: [],
    makes: [],
    closes: [],
    unread: true,
    texts: [],
  };
}

/**
 * Judges messages of the extended protocol.
 *
 * @param complete they end with a Sync. Without one only the description of an unnamed read is left to
 * a standby: the rest of the unit is not known, and may yet be moved as long as nothing ran.
 */
export function planBatch(
  messages: readonly Message[],
  complete: boolean,
  judging: Judging,
): Unit {
  const batch: Batch = {
    made: new Map(),
    portals: new Map(),
    needs: new Map(),
    makes: [],
    closes: [],
    used: new Map(),
    executed: [],
    primary: false,
  };
  for (const message of messages) {
    if (!take(batch, message, judging)) return blind(messages);
  }
  const { executed } = batch;
  const used = [...batch.used.values()];
  const anywhere = used.every(({ verdict, hint }) =>
    placeOf(verdict, hint ?? judging.route) === "standby"
  );
  const single = executed.every(({ verdict }) => verdict.boundary === "none") ||
    executed.length === 1;
  const enough = complete ? executed.length > 0 : used.length > 0 && batch.portals.size === 0;
  const place = !batch.primary && anywhere && single && enough ? "standby" : "primary";
  return {
    messages,
    place,
    insists: place === "standby" &&
      executed.some(({ verdict, hint }) => insists(verdict, hint ?? judging.route)),
    writes: place === "primary" && executed.some(({ verdict }) => writes(verdict)),
    repeatable: place === "standby" && executed.every(({ verdict }) => !verdict.userFunctions),
    touches: executed.flatMap(({ verdict }) => verdict.touches),
    needs: [...batch.needs.values()],
    makes: batch.makes,
    closes: batch.closes,
    unread: false,
    texts: [...batch.used.keys()].flatMap(({ text }) => text ?? []),
  };
}

interface Batch {
  readonly made: Map<string, Statement>;
  readonly portals: Map<string, Classified | null>;
  readonly needs: Map<string, Statement>;
  readonly makes: Statement[];
  readonly closes: string[];
  readonly used: Map<Statement, Classified>;
  readonly executed: Classified[];
  /** Something in it is the primary's business. */
  primary: boolean;
}

/** @returns false where a message cannot be read */
function take(batch: Batch, { code, bytes }: Message, judging: Judging): boolean {
  const payload = bytes.subarray(5);
  switch (code) {
    case "P": {
      const parsed = parseParse(payload);
      if (parsed === null) return false;
      const judged = judging.classify(parsed.text);
      const kept = bytes.length <= judging.book.room();
      const statement: Statement = {
        name: parsed.name,
        parse: kept ? bytes : null,
        text: kept ? parsed.text : null,
        judged,
      };
      batch.makes.push(statement);
      batch.made.set(parsed.name, statement);
      batch.used.set(statement, judged);
      if (parsed.name !== "") batch.primary = true;
      return true;
    }
    case "B": {
      const bound = parseBind(payload);
      if (bound === null) return false;
      batch.portals.set(bound.portal, use(batch, bound.statement, judging));
      return true;
    }
    case "D":
    case "C": {
      const target = parseTarget(payload);
      if (target === null) return false;
      if (target.kind === "portal") {
        if (!batch.portals.has(target.name)) batch.primary = true;
      } else if (code === "D") {
        use(batch, target.name, judging);
      } else {
        batch.closes.push(target.name);
        batch.primary = true;
      }
      return true;
    }
    case "E": {
      const execute = parseExecute(payload);
      if (execute === null) return false;
      const statement = batch.portals.get(execute.portal) ?? null;
      if (statement === null) batch.primary = true;
      else batch.executed.push(statement);
      return true;
    }
    default:
      return true;
  }
}

/** The judgement on the statement of this name; null, and the primary's business, where the client has none. */
function use(batch: Batch, name: string, { book, classify }: Judging): Classified | null {
  const made = batch.made.get(name);
  if (made !== undefined) return made.judged;
  const known = book.get(name);
  if (known === null) {
    batch.primary = true;
    return null;
  }
  batch.needs.set(name, known);
  const judged = known.text === null ? known.judged : classify(known.text);
  batch.used.set(known, judged);
  // It cannot be made anywhere else.
  if (known.parse === null) batch.primary = true;
  return judged;
}

function insists({ boundary }: Verdict, hint: RouteHint | "auto"): boolean {
  return hint === "standby" || boundary === "begin_read_only";
}
