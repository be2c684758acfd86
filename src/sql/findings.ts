/**
 * Everything in a parse tree that may matter, found in one walk without recursion, so that no nesting
 * is too deep for it.
 *
 * @module
 */
import { type Catalogue, functionKind, isVolatileAttribute } from "./catalogue.ts";
import type { Tree } from "./parser.ts";
import { isServerRelation, isSessionSetting, routeValue } from "./settings.ts";
import type { Touch } from "./verdict.ts";

/** What a tree holds. */
export interface Findings {
  rowLock: boolean;
  into: boolean;
  /** INSERT, UPDATE, DELETE or MERGE, at any depth. */
  dataChange: boolean;
  volatileFunction: boolean;
  unknownFunction: boolean;
  serverState: boolean;
  /** Something of this session alone is read: temporary objects. */
  temporary: boolean;
  userFunctions: boolean;
  /** A kind of node that no read is known to hold. */
  unknownNode: boolean;
  readonly touches: Touch[];
}

/** The nodes that a read is made of. Whatever is not in here is not taken for a read. */
const READING_NODES: ReadonlySet<string> = new Set([
  "A_ArrayExpr",
  "A_Const",
  "A_Expr",
  "A_Indices",
  "A_Indirection",
  "A_Star",
  "BitString",
  "BoolExpr",
  "Boolean",
  "BooleanTest",
  "CaseExpr",
  "CaseWhen",
  "CoalesceExpr",
  "CollateClause",
  "ColumnDef",
  "ColumnRef",
  "CommonTableExpr",
  "Float",
  "FuncCall",
  "GroupingFunc",
  "GroupingSet",
  "Integer",
  "JoinExpr",
  "List",
  "MinMaxExpr",
  "NamedArgExpr",
  "NullTest",
  "ParamRef",
  "RangeFunction",
  "RangeSubselect",
  "RangeTableFunc",
  "RangeTableFuncCol",
  "RangeTableSample",
  "RangeVar",
  "ResTarget",
  "RowExpr",
  "SQLValueFunction",
  "SelectStmt",
  "SortBy",
  "String",
  "SubLink",
  "TypeCast",
  "TypeName",
  "WindowDef",
  "XmlExpr",
  "XmlSerialize",
]);
const DATA_CHANGING: ReadonlySet<string> = new Set([
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
]);
// They run a text as a query, and what that does is not in this tree.
const RUNS_TEXT = /^(query_to_xml|cursor_to_xml|ts_stat$|ts_rewrite$)/;

/** Walks over a statement's tree. */
export function findIn(statement: Tree, catalogue: Catalogue | null): Findings {
  const findings: Findings = {
    rowLock: false,
    into: false,
    dataChange: false,
    volatileFunction: false,
    unknownFunction: false,
    serverState: false,
    temporary: false,
    userFunctions: false,
    unknownNode: false,
    touches: [],
  };
  const open: unknown[] = [statement];
  while (open.length > 0) {
    const part = open.pop();
    if (Array.isArray(part)) {
      for (const item of part) open.push(item);
    } else if (typeof part === "object" && part !== null) {
      for (const [key, value] of Object.entries(part)) {
        lookAt(key, value, findings, catalogue);
        if (typeof value === "object") open.push(value);
      }
    }
  }
  return findings;
}

/** The texts in a list of `String` nodes, such as a qualified name. */
export function namesIn(list: unknown): readonly string[] {
  if (!Array.isArray(list)) return [];
  return list.map((item) => String((item as { String?: { sval?: string } }).String?.sval ?? ""));
}

/** A literal's text; null for anything else, NULL included. */
export function literal(node: unknown): string | null {
  const constant = (node as { A_Const?: Tree } | undefined)?.A_Const;
  if (constant === undefined || "isnull" in constant) return null;
  const { sval, ival, fval, boolval } = constant as Readonly<Record<string, Tree | undefined>>;
  if (sval !== undefined) return String(sval.sval ?? "");
  if (ival !== undefined) return String(ival.ival ?? 0);
  if (fval !== undefined) return String(fval.fval ?? "");
  return boolval === undefined ? null : String(boolval.boolval ?? false);
}

function lookAt(
  key: string,
  value: unknown,
  findings: Findings,
  catalogue: Catalogue | null,
): void {
  switch (key) {
    case "FuncCall":
      return lookAtFunction(value as Tree, findings, catalogue);
    case "ColumnRef":
      return lookAtAttribute(namesIn((value as Tree).fields).slice(1), findings, catalogue);
    case "A_Indirection":
      return lookAtAttribute(namesIn((value as Tree).indirection), findings, catalogue);
    case "A_Expr":
    case "SubLink":
      return lookAtOperator(value as Tree, findings, catalogue);
    case "SortBy":
      if (catalogue === null || !("useOp" in (value as Tree))) return;
      if (namesIn((value as Tree).useOp).some((name) => catalogue.volatileOperators.has(name))) {
        callsVolatileOfUser(findings);
      }
      return;
    case "RangeVar":
      return lookAtRelation(value as Tree, findings);
    case "relation":
      // The target of a data change stands here without a tag, and a sampled table with one.
      if ("relname" in (value as Tree)) lookAtRelation(value as Tree, findings);
      return;
    case "LockingClause":
    case "lockingClause":
      findings.rowLock = true;
      return;
    case "IntoClause":
    case "intoClause":
      findings.into = true;
      return;
    default:
      if (DATA_CHANGING.has(key)) findings.dataChange = true;
      else if (/^[A-Z]/.test(key) && !READING_NODES.has(key) && !key.startsWith("Json")) {
        findings.unknownNode = true;
      }
  }
}

function lookAtFunction(call: Tree, findings: Findings, catalogue: Catalogue | null): void {
  const names = namesIn(call.funcname);
  const name = names.at(-1) ?? "";
  const schema = names.at(-2) ?? null;
  const kind = functionKind(catalogue, schema, name);
  switch (kind) {
    case "harmless":
      if (name === "current_setting") lookAtCurrentSetting(call, findings);
      return;
    case "user_harmless":
      findings.userFunctions = true;
      return;
    case "server_state":
      findings.serverState = true;
      return;
    case "volatile":
      findings.volatileFunction = true;
      return noteBuiltIn(name, call, findings);
    case "user_volatile":
      return callsVolatileOfUser(findings);
    case "unknown":
      findings.unknownFunction = true;
      findings.userFunctions = true;
      findings.touches.push({ type: "opaque" });
      return;
  }
}

function noteBuiltIn(name: string, call: Tree, { touches }: Findings): void {
  if (name === "set_config") return noteSetConfig(call, touches);
  if (/^pg_(try_)?advisory_(lock|unlock)/.test(name)) touches.push({ type: "advisory_lock" });
  if (/^pg_(try_)?advisory_xact_lock/.test(name)) touches.push({ type: "transaction_lock" });
  // After setseed, random() goes on in this session only.
  if (name === "setseed" || RUNS_TEXT.test(name)) touches.push({ type: "opaque" });
}

function noteSetConfig(call: Tree, touches: Touch[]): void {
  const args = Array.isArray(call.args) ? call.args : [];
  const [name, value, local] = [literal(args[0]), literal(args[1]), literal(args[2])];
  if (local === "true" || local === "t") return;
  if (args.length !== 3 || name === null) touches.push({ type: "opaque" });
  else touches.push(...settingTouches(name, value === null ? null : [value]));
}

/**
 * What a new value of a setting touches.
 *
 * @param values the texts it is set to; null where they are not known
 */
export function settingTouches(name: string, values: readonly string[] | null): Touch[] {
  const setting = name.toLowerCase();
  if (setting === "metako.route") {
    const route = values === null ? null : routeValue(values.join(","));
    return [route === null ? { type: "setting", name: setting } : { type: "route", route }];
  }
  const touches: Touch[] = [{ type: "setting", name: setting }];
  // Tables made from here on may be temporary without saying so.
  const temporary = setting === "search_path" &&
    (values === null || values.some((value) => value.toLowerCase().includes("pg_temp")));
  if (temporary) touches.push({ type: "temporary" });
  return touches;
}

function lookAtCurrentSetting(call: Tree, findings: Findings): void {
  const name = literal(Array.isArray(call.args) ? call.args[0] : undefined);
  // Names with a dot are the client's own (row security reads them), and mirrored.
  const shared = name !== null && (isSessionSetting(name) || name.includes("."));
  if (!shared) findings.serverState = true;
}

function lookAtAttribute(
  names: readonly string[],
  findings: Findings,
  catalogue: Catalogue | null,
): void {
  if (names.some((name) => isVolatileAttribute(catalogue, name))) callsVolatileOfUser(findings);
}

function lookAtOperator(node: Tree, findings: Findings, catalogue: Catalogue | null): void {
  if (catalogue === null || catalogue.volatileOperators.size === 0) return;
  const names = [...namesIn(node.name), ...namesIn(node.operName)];
  if (names.some((name) => catalogue.volatileOperators.has(name))) callsVolatileOfUser(findings);
}

function callsVolatileOfUser(findings: Findings): void {
  findings.volatileFunction = true;
  findings.userFunctions = true;
  findings.touches.push({ type: "opaque" });
}

function lookAtRelation(relation: Tree, findings: Findings): void {
  const schema = typeof relation.schemaname === "string" ? relation.schemaname : null;
  const name = String(relation.relname ?? "");
  if (schema?.startsWith("pg_temp")) findings.temporary = true;
  if (isServerRelation(schema, name)) findings.serverState = true;
}
