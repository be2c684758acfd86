/**
 * The verdict on one statement's tree.
 *
 * @module
 */
import type { Catalogue } from "./catalogue.ts";
import { findIn, type Findings, literal, settingTouches } from "./findings.ts";
import type { Tree } from "./parser.ts";
import { isSessionSetting } from "./settings.ts";
import type { Boundary, Reason, Touch, Verdict } from "./verdict.ts";

/**
 * Judges one statement.
 *
 * @param statement as `{ SelectStmt: {…} }`
 * @param catalogue null where the database's functions are not known
 */
export function judgeStatement(statement: Tree, catalogue: Catalogue | null): Verdict {
  const [tag, body] = Object.entries(statement)[0] as [string, Tree];
  switch (tag) {
    case "SelectStmt":
      return judgeRead(statement, catalogue);
    case "ExplainStmt":
      return judgeExplain(body, catalogue);
    case "VariableShowStmt":
      return isSessionSetting(String(body.name))
        ? verdict("standby", "same_everywhere")
        : verdict("primary", "server_state");
    case "VariableSetStmt":
      return verdict("primary", "session_state", setTouches(body));
    case "TransactionStmt":
      return judgeTransaction(body);
    case "InsertStmt":
    case "UpdateStmt":
    case "DeleteStmt":
    case "MergeStmt":
      return { ...primaryWith(statement, catalogue, "write") };
    case "CopyStmt":
      return primaryWith(statement, catalogue, body.is_from === true ? "write" : "utility");
    case "PrepareStmt": {
      const inner = primaryWith(body.query as Tree, catalogue, "session_state");
      const prepared: Touch = { type: "prepared", name: String(body.name) };
      return { ...inner, touches: [prepared, ...inner.touches] };
    }
    case "ExecuteStmt":
      return primaryWith(statement, catalogue, "prepared_text");
    case "DeallocateStmt":
      return verdict("primary", "session_state", [{
        type: "deallocated",
        name: body.isall === true ? null : String(body.name),
      }]);
    case "DiscardStmt":
      return verdict(
        "primary",
        "session_state",
        body.target === "DISCARD_ALL" ? [{ type: "everything" }] : [],
      );
    case "DeclareCursorStmt": {
      const inner = primaryWith(body.query as Tree, catalogue, "cursor");
      const held = (Number(body.options) & CURSOR_HOLD) !== 0;
      return held ? { ...inner, touches: [{ type: "held_cursor" }, ...inner.touches] } : inner;
    }
    case "FetchStmt":
    case "ClosePortalStmt":
      return verdict("primary", "cursor");
    case "ListenStmt":
      return verdict("primary", "session_state", [{ type: "listen" }]);
    case "DoStmt":
    case "CallStmt":
    case "LoadStmt":
      return { ...verdict("primary", "utility", [{ type: "opaque" }]), userFunctions: true };
    default:
      return judgeUtility(tag, statement, catalogue);
  }
}

/** `cursor.options` of WITH HOLD (CURSOR_OPT_HOLD in PostgreSQL's parsenodes.h). */
const CURSOR_HOLD = 0x20;

/** Statements after which functions may be others than before. */
const CHANGES_FUNCTIONS: ReadonlySet<string> = new Set([
  "AlterFunctionStmt",
  "AlterExtensionStmt",
  "AlterExtensionContentsStmt",
  "AlterObjectSchemaStmt",
  "CreateExtensionStmt",
  "CreateFunctionStmt",
  "DefineStmt",
  "RenameStmt",
]);

function judgeRead(statement: Tree, catalogue: Catalogue | null): Verdict {
  const found = findIn(statement, catalogue);
  const reason = readReason(found);
  const touches: Touch[] = found.into && isTemporary(statement)
    ? [...found.touches, { type: "temporary" }]
    : found.touches;
  return {
    ...verdict(reason === "read" ? "standby" : "primary", reason, touches),
    userFunctions: found.userFunctions,
  };
}

/** The strongest reason first: what is certain before what a hint may overrule. */
function readReason(found: Findings): Reason {
  if (found.dataChange) return "data_changing_with";
  if (found.into) return "into";
  if (found.rowLock) return "row_lock";
  if (found.unknownNode) return "unknown_node";
  if (found.temporary) return "session_state";
  if (found.touches.some(({ type }) => type !== "opaque")) return "session_state";
  if (found.volatileFunction) return "volatile_function";
  if (found.unknownFunction) return "unknown_function";
  return found.serverState ? "server_state" : "read";
}

function judgeExplain(body: Tree, catalogue: Catalogue | null): Verdict {
  const inner = judgeStatement(body.query as Tree, catalogue);
  if (inner.place === "standby" && inner.reason === "read") return inner;
  const uncertain = "SelectStmt" in (body.query as Tree) &&
    ["volatile_function", "unknown_function", "server_state"].includes(inner.reason);
  return { ...inner, place: "primary", reason: uncertain ? inner.reason : "explain_of_write" };
}

function judgeTransaction(body: Tree): Verdict {
  switch (body.kind) {
    case "TRANS_STMT_BEGIN":
    case "TRANS_STMT_START": {
      const modes = modesOf(body.options);
      const readOnly = modes.get("transaction_read_only") === "1" &&
        modes.get("transaction_isolation") !== "serializable";
      return readOnly
        ? { ...verdict("standby", "read_only_transaction"), boundary: "begin_read_only" }
        : { ...verdict("primary", "transaction"), boundary: "begin" };
    }
    case "TRANS_STMT_COMMIT":
    case "TRANS_STMT_ROLLBACK":
    case "TRANS_STMT_PREPARE":
      return { ...verdict("primary", "transaction"), boundary: "end" };
    default:
      return verdict("primary", "transaction");
  }
}

function setTouches(body: Tree): readonly Touch[] {
  const name = String(body.name ?? "").toLowerCase();
  switch (body.kind) {
    case "VAR_RESET_ALL":
      return [{ type: "all_settings" }];
    case "VAR_SET_MULTI":
      // SET TRANSACTION ends with its transaction; SET SESSION CHARACTERISTICS does not.
      return name === "session characteristics"
        ? [...modesOf(body.args).keys()].map((mode) => ({
          type: "setting",
          name: `default_${mode}`,
        }))
        : [];
    case "VAR_RESET":
    case "VAR_SET_DEFAULT":
      if (body.is_local === true) return [];
      return settingTouches(name, name === "metako.route" ? ["auto"] : []);
    default: {
      if (body.is_local === true) return [];
      const values = Array.isArray(body.args) ? body.args.map(literal) : [];
      return settingTouches(name, values.map((value) => value ?? ""));
    }
  }
}

function judgeUtility(tag: string, statement: Tree, catalogue: Catalogue | null): Verdict {
  const found = primaryWith(statement, catalogue, "utility");
  const touches: Touch[] = [...found.touches];
  if (isTemporary(statement)) touches.push({ type: "temporary" });
  if (CHANGES_FUNCTIONS.has(tag)) touches.push({ type: "catalogue" });
  return { ...found, touches };
}

/** A statement for the primary, and what the functions in it touch. */
function primaryWith(statement: Tree, catalogue: Catalogue | null, reason: Reason): Verdict {
  const { touches, userFunctions } = findIn(statement, catalogue);
  return { ...verdict("primary", reason, touches), userFunctions };
}

/** True where a statement that makes something makes it in the session's temporary schema. */
function isTemporary(statement: Tree): boolean {
  const open: unknown[] = [statement];
  while (open.length > 0) {
    const part = open.pop();
    if (typeof part !== "object" || part === null) continue;
    for (const [key, value] of Object.entries(part)) {
      if (key === "relpersistence" && value === "t") return true;
      if ((key === "schemaname" || key === "sval") && String(value).startsWith("pg_temp")) {
        return true;
      }
      open.push(value);
    }
  }
  return false;
}

function modesOf(options: unknown): ReadonlyMap<string, string | null> {
  if (!Array.isArray(options)) return new Map();
  return new Map(options.map(({ DefElem }: { DefElem: Tree }) => [
    String(DefElem.defname),
    literal(DefElem.arg),
  ]));
}

function verdict(
  place: Verdict["place"],
  reason: Reason,
  touches: readonly Touch[] = [],
): Verdict {
  const boundary: Boundary = "none";
  return { place, reason, boundary, touches, userFunctions: false, statements: 1 };
}
