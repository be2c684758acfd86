/**
 * Completions for shells, made from the commands and options that the program has.
 *
 * @module
 */
import type { Command } from "commander";

/** The shells. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** A command and the words that may follow it. */
interface Node {
  /** `"config check"`; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly { readonly flag: string; readonly description: string }[];
}

/** The text that a shell is to read: `source <(metako completion bash)`. */
export function completionScript(program: Command, shell: Shell): string {
  const nodes = nodesOf(program, "");
  return shell === "fish" ? fishScript(nodes) : bashScript(nodes, shell);
}

function nodesOf(command: Command, path: string): Node[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const own: Node = {
    path,
    commands: commands.map((each) => ({ name: each.name(), description: each.description() })),
    options: help.visibleOptions(command).flatMap(({ long, description }) =>
      long ? [{ flag: long, description }] : []
    ),
  };
  const below = commands.flatMap((each) => nodesOf(each, `${path} ${each.name()}`.trim()));
  return [own, ...below];
}

/** zsh reads bash's completions through bashcompinit. Where no word fits, files are proposed. */
function bashScript(nodes: readonly Node[], shell: "bash" | "zsh"): string {
  const cases = nodes.map(({ path, commands, options }) => {
    const words = [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)];
    return `    '${path}') words='${words.join(" ")}' ;;`;
  });
  const known = nodes.filter(({ path }) => path !== "").map(({ path }) => `'${path}'`).join("|");
  return [
    ...(shell === "zsh" ? ["autoload -U +X bashcompinit && bashcompinit"] : []),
    "_metako() {",
    "  local path='' next='' words='' word",
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    next="${path:+$path }$word"',
    `    case "$next" in ${known}) path="$next" ;; esac`,
    "  done",
    '  case "$path" in',
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    "}",
    "complete -o default -F _metako metako",
  ].join("\n");
}

function fishScript(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, commands, options }) => {
    const condition = path === ""
      ? "__fish_use_subcommand"
      : path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    const rule = (words: string, description: string) =>
      `complete -c metako -n '${condition}' ${words} -d ${quote(description)}`;
    return [
      ...commands.map(({ name, description }) => rule(`-f -a ${name}`, description)),
      ...options.map(({ flag, description }) => rule(`-l ${flag.slice(2)}`, description)),
    ];
  });
  return lines.join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
