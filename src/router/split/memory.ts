/**
 * What a client's statements left behind in its session, as far as it matters to where later ones may
 * run and whether the session can go on at another primary. Pure.
 *
 * Marks are made when a statement is sent, and taken back when a server says so. One that failed, or was
 * rolled back, leaves its mark too: that only ever keeps a session nearer to its primary than it need be.
 *
 * @module
 */
import type { RouteHint } from "../../sql/opening.ts";
import type { Touch, Verdict } from "../../sql/verdict.ts";

/** A session's past. */
export interface Memory {
  /** Settings that were ever changed for the whole session, in lower case. */
  readonly settings: Set<string>;
  /** Grows whenever a setting may have another value. */
  generation: number;
  /** The settings' values on the primary; null while they are not known. */
  values: ReadonlyMap<string, string> | null;
  /** `SET metako.route`, as it was sent; as the server has it wherever `values` are known. */
  route: RouteHint | "auto";
  /** Why reads stay on the primary; null where they may go to standbys. */
  opaque: string | null;
  /** What exists on this primary only, by kind, so that the session ends where the primary goes. */
  readonly bound: Set<string>;
  /** Names of SQL's own PREPARE. */
  readonly prepared: Set<string>;
  /** Something was written, and its transaction is not over. */
  writing: boolean;
  /** What cannot be seen into is taken to leave nothing behind. */
  readonly trusting: boolean;
}

/** A session that has done nothing yet. @param trusting see {@linkcode Memory.trusting} */
export function createMemory(trusting = false): Memory {
  return {
    settings: new Set(),
    generation: 0,
    values: new Map(),
    route: "auto",
    opaque: null,
    bound: new Set(),
    prepared: new Set(),
    writing: false,
    trusting,
  };
}

/**
 * Takes marks back, as a server has carried out what takes them back, and nothing was sent behind it.
 *
 * @param what DISCARD ALL, or the name that DEALLOCATE gave; null for all of them
 */
export function takeBack(
  memory: Memory,
  what: "everything" | { readonly name: string | null },
): void {
  if (what === "everything") {
    memory.opaque = null;
    memory.bound.clear();
  }
  if (what === "everything" || what.name === null) memory.prepared.clear();
  else memory.prepared.delete(what.name);
}

/** What binds a session that has such a cursor. */
export const HELD_CURSOR = "it has a cursor WITH HOLD";

/** The session's own say in where it reads. PostgreSQL keeps it as it keeps any name with a dot. */
export const ROUTE_SETTING = "metako.route";

/** Settings that no other session can be given by setting them. */
const UNREPEATABLE: ReadonlySet<string> = new Set([
  "seed",
  "is_superuser",
  "transaction_deferrable",
]);

/**
 * Takes note of what a statement touches.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const memory = createMemory();
 * noteTouches(memory, [{ type: "setting", name: "work_mem" }, { type: "listen" }]);
 * assert.deepEqual([...memory.settings], ["work_mem"]);
 * assert.equal(whyBound(memory), "it listens for notifications");
 * ```
 */
export function noteTouches(memory: Memory, touches: readonly Touch[]): void {
  for (const touch of touches) noteTouch(memory, touch);
}

function noteTouch(memory: Memory, touch: Touch): void {
  switch (touch.type) {
    case "setting":
      if (UNREPEATABLE.has(touch.name)) {
        memory.opaque ??= `it set ${touch.name}`;
        memory.bound.add(`it set ${touch.name}`);
        return;
      }
      memory.settings.add(touch.name);
      return changed(memory);
    case "all_settings":
      return changed(memory);
    case "everything":
      memory.route = "auto";
      return changed(memory);
    case "prepared":
      memory.prepared.add(touch.name);
      return;
    case "route":
      memory.route = touch.route;
      // Its transaction may be rolled back: then the server knows what it was before.
      memory.settings.add(ROUTE_SETTING);
      return changed(memory);
    case "temporary":
      memory.opaque ??= "it has temporary tables";
      memory.bound.add("it has temporary tables");
      return;
    case "held_cursor":
      memory.bound.add(HELD_CURSOR);
      return;
    case "advisory_lock":
      memory.bound.add("it used advisory locks");
      return;
    case "listen":
      memory.bound.add("it listens for notifications");
      return;
    case "opaque":
      if (memory.trusting) return;
      memory.opaque ??= OPAQUE;
      memory.bound.add(OPAQUE);
      // Whatever it was may have changed any setting.
      return changed(memory);
    case "deallocated":
    case "transaction_lock":
    case "catalogue":
      return;
  }
}

const OPAQUE = "it ran what the router cannot see into (DO, CALL, a volatile function of the " +
  "database's own, or a text that is too large or not understood)";

function changed(memory: Memory): void {
  memory.generation++;
  memory.values = null;
}

/** Why the session cannot go on at another primary; null where it can. */
export function whyBound(memory: Memory): string | null {
  const [because] = memory.bound;
  if (because !== undefined) return because;
  if (memory.prepared.size > 0) return "it has statements of SQL's own PREPARE";
  return memory.values === null ? "its settings are not known" : null;
}

/** Whether a statement's success may have changed what other sessions read. */
export function writes({ place, reason }: Verdict): boolean {
  return place === "primary" && !NO_WRITES.has(reason);
}

const NO_WRITES: ReadonlySet<Verdict["reason"]> = new Set<Verdict["reason"]>([
  "empty",
  "transaction",
  "session_state",
  "server_state",
]);
