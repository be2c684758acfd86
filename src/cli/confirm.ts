/**
 * The question before something that cannot be undone: asked of a person on a terminal, answered by
 * `--yes` in a script.
 *
 * @module
 */
import type { Terminal } from "./terminal.ts";

/** Asks a person; null where there is none to ask. */
export type Ask = (question: string) => boolean | null;

/** Asks on this process's terminal. */
export const askPerson: Ask = (question) => Deno.stdin.isTerminal() ? confirm(question) : null;

/**
 * True where it may be done.
 *
 * @param consequence one sentence: what will be so afterwards
 * @param yes the command line says so already
 */
export function isConfirmed(
  consequence: string,
  { yes, ask, terminal }: {
    readonly yes: boolean;
    readonly ask: Ask;
    readonly terminal: Pick<Terminal, "complain">;
  },
): boolean {
  if (yes) return true;
  const answer = ask(`${consequence} Go on?`);
  if (answer === true) return true;
  terminal.complain(
    answer === false
      ? "Nothing was changed."
      : `${consequence} Nothing was changed, since nobody can be asked here: add --yes.`,
  );
  return false;
}
