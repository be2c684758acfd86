/**
 * The commands that the documentation tells people to type: the lines of fenced blocks marked `bash`.
 */

/** One command of a page, and the line of the page on which it begins. */
export interface Shown {
  readonly line: number;
  /** The command with its continuation lines joined. */
  readonly text: string;
}

/**
 * The lines of a Markdown page that stand in `bash` blocks, joined where they end in a backslash.
 */
export function shownLines(markdown: string): readonly Shown[] {
  const shown: Shown[] = [];
  let inside = false;
  let begun: Shown | null = null;
  for (const [index, raw] of markdown.split("\n").entries()) {
    if (/^\s*```/.test(raw)) {
      inside = /^\s*```bash\s*$/.test(raw);
      continue;
    }
    if (!inside || raw.trim() === "") continue;
    const text: string = begun === null ? raw.trim() : `${begun.text} ${raw.trim()}`;
    const whole: Shown = { line: begun?.line ?? index + 1, text: text.replace(/\s*\\$/, "") };
    begun = text.endsWith("\\") ? whole : null;
    if (begun === null) shown.push(whole);
  }
  return shown;
}

/** What a reader types and runs at once: a line, or a loop with all of its lines. */
export interface Statement {
  /** The heading that it stands under. */
  readonly section: string;
  /** The line of the page on which it begins. */
  readonly line: number;
  /** Without the comments that explain it. */
  readonly text: string;
}

/** The statements of a page's `bash` blocks. */
export function shownStatements(markdown: string): readonly Statement[] {
  const headings = markdown.split("\n").map((text) => /^#+ (.*)$/.exec(text)?.[1] ?? null);
  const statements: Statement[] = [];
  let loop: Statement | null = null;
  for (const { line, text } of shownLines(markdown)) {
    const bare = text.replace(/\s+# .*$/, "").trim();
    const section = headings.slice(0, line).findLast((heading) => heading !== null) ?? "";
    const whole: Statement = loop === null
      ? { section, line, text: bare }
      : { ...loop, text: `${loop.text}\n${bare}` };
    loop = /^for /.test(whole.text) && bare !== "done" ? whole : null;
    if (loop === null) statements.push(whole);
  }
  return statements;
}

/**
 * The words of each simple command in a line of shell: between `;`, `|`, `&`, `&&`, and inside `$(…)`.
 * Quotes are taken off, redirections and comments left out; a variable stays as it is written.
 *
 * Knows as much of the shell as documentation needs, and no more.
 */
export function simpleCommands(line: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  let word: string | null = null;
  let quote: string | null = null;
  const endWord = () => {
    if (word !== null) commands.at(-1)!.push(word);
    word = null;
  };
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (quote !== null) {
      if (char === quote) quote = null;
      else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === "#" && word === null) {
      break;
    } else if (char === " ") {
      endWord();
    } else if (char === "$" && line[at + 1] === "(" || char === "<" && line[at + 1] === "(") {
      endWord();
      commands.push([]);
      at++;
    } else if (";|&()".includes(char) && !(char === "&" && line[at - 1] === ">")) {
      endWord();
      commands.push([]);
    } else {
      word = (word ?? "") + char;
    }
  }
  endWord();
  return commands.map(withoutRedirections).filter((words) => words.length > 0);
}

function withoutRedirections(words: readonly string[]): readonly string[] {
  const kept: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const [, target] = /^\d?(?:>>?|<)(.*)$/.exec(words[index]!) ?? [];
    if (target === undefined) kept.push(words[index]!);
    else if (target === "") index++;
  }
  return kept;
}
