/**
 * One source file against the house's rules: imports, purity, length, documentation.
 *
 * The file is read by Deno's own parser, through its interface for lint plugins, so that comments,
 * strings and templates cannot confuse the check, and no form of import escapes it.
 *
 * @module
 */
import { type Import, PURE_ROOMS, refuseImport, roomOf } from "./imports.ts";

/** The longest file of one idea. */
export const MAX_LINES = 350;

/** What reaches a clock, chance, a timer or the outside; pure rooms use none of it. */
const IMPURE: ReadonlySet<string> = new Set([
  "Deno",
  "Date",
  "Temporal",
  "performance",
  "process",
  "console",
  "crypto",
  "fetch",
  "WebSocket",
  "Worker",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "queueMicrotask",
  "requestAnimationFrame",
  "globalThis",
  "localStorage",
  "navigator",
  "Atomics",
]);

/**
 * Everything by which `source` breaks the rules, as `file:line: what`.
 *
 * @param file relative to the project's root, as `src/core/step.ts`
 * @param packages the names that deno.json's `imports` declares
 */
export function inspect(file: string, source: string, packages: readonly string[]): string[] {
  const room = roomOf(file);
  const pure = room !== null && PURE_ROOMS.includes(room);
  const plugin: Deno.lint.Plugin = {
    name: "house",
    rules: {
      imports: { create: (context) => importVisitor(context, file, packages) },
      ...(pure && { purity: { create: purityVisitor } }),
      ...(room !== null && { documentation: { create: documentationVisitor } }),
    },
  };
  const found = Deno.lint.runPlugin(plugin, file, source).map(({ message, range }) =>
    `${file}:${source.slice(0, range[0]).split("\n").length}: ${message}`
  );
  const lines = source.split("\n").length - 1;
  if (room !== null && lines > MAX_LINES) {
    found.push(`${file}:${lines}: has ${lines} lines and may have ${MAX_LINES}`);
  }
  if (room !== null && !/^\s*\/\*\*(?:(?!\*\/)[^])*@module(?:(?!\*\/)[^])*\*\//.test(source)) {
    found.push(`${file}:1: does not begin with a @module comment`);
  }
  return [...new Set(found)];
}

function importVisitor(
  context: Deno.lint.RuleContext,
  file: string,
  packages: readonly string[],
): Deno.lint.LintVisitor {
  const check = (node: Deno.lint.Node, given: Import) => {
    const message = refuseImport(file, given, packages);
    if (message !== null) context.report({ node, message });
  };
  return {
    ImportDeclaration(node) {
      const named = node.specifiers.length > 0 &&
        node.specifiers.every((each) =>
          each.type === "ImportSpecifier" && each.importKind === "type"
        );
      check(node, {
        specifier: node.source.value,
        typeOnly: node.importKind === "type" || named,
      });
    },
    ExportAllDeclaration(node) {
      check(node, { specifier: node.source.value, typeOnly: node.exportKind === "type" });
    },
    ExportNamedDeclaration(node) {
      if (node.source === null) return;
      const named = node.specifiers.length > 0 &&
        node.specifiers.every((each) => each.exportKind === "type");
      check(node, {
        specifier: node.source.value,
        typeOnly: node.exportKind === "type" || named,
      });
    },
    ImportExpression(node) {
      if (node.source.type === "Literal" && typeof node.source.value === "string") {
        return check(node, { specifier: node.source.value, typeOnly: false });
      }
      context.report({ node, message: "imports what only the running program knows" });
    },
    // `import("./x.ts").Type`, `import x = require("x")`: every type can be imported at the top.
    TSImportType(node) {
      context.report({ node, message: "imports inside a type; import it at the top" });
    },
    TSImportEqualsDeclaration(node) {
      context.report({ node, message: "uses import =; use import … from" });
    },
  };
}

/** True where the identifier is the name of a member, not a value of its own. */
function isMemberName(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  const at = (other: Deno.lint.Node | undefined | null) => other?.range[0] === node.range[0];
  switch (parent.type) {
    case "MemberExpression":
      return !parent.computed && at(parent.property);
    case "Property":
      return !parent.computed && !parent.shorthand && at(parent.key);
    case "PropertyDefinition":
    case "MethodDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return !parent.computed && at(parent.key);
    case "TSQualifiedName":
      return at(parent.right);
    default:
      return false;
  }
}

function purityVisitor(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  return {
    Identifier(node) {
      if (isMemberName(node)) return;
      if (IMPURE.has(node.name)) {
        context.report({ node, message: `uses ${node.name} in a pure room` });
      }
      if (node.name !== "Math") return;
      const { parent } = node;
      const named = parent.type === "MemberExpression" && !parent.computed &&
          parent.property.type === "Identifier"
        ? parent.property.name
        : null;
      if (named === null || named === "random") {
        context.report({ node, message: "uses chance, or hides it behind Math, in a pure room" });
      }
    },
  };
}

function documentationVisitor(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  // Overloads of a function are one symbol, documented at the first.
  const documented = new Set<string>();
  return {
    ExportNamedDeclaration(node) {
      const { declaration } = node;
      if (declaration === null) return;
      const names = namesOf(declaration);
      const comment = context.sourceCode.getCommentsBefore(node).at(-1);
      const isDoc = comment?.type === "Block" && comment.value.startsWith("*") &&
        !comment.value.includes("@module") &&
        context.sourceCode.text.slice(comment.range[1], node.range[0]).trim() === "";
      for (const name of names) {
        if (!isDoc && !documented.has(name)) {
          context.report({ node, message: `exports ${name} without a docstring` });
        }
        documented.add(name);
      }
    },
    ExportDefaultDeclaration(node) {
      context.report({ node, message: "exports a default; give it a name" });
    },
  };
}

function namesOf(declaration: Deno.lint.Node): string[] {
  switch (declaration.type) {
    case "VariableDeclaration":
      return declaration.declarations.map(({ id }) => id.type === "Identifier" ? id.name : "…");
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSDeclareFunction":
      return [declaration.id?.name ?? "…"];
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSEnumDeclaration":
      return [declaration.id.name];
    default:
      return ["…"];
  }
}
