/**
 * The command line's own parser, with nothing behind it: whether words make a command that metako
 * has. Documentation and samples are held against it.
 */
import { type Command, CommanderError } from "commander";
import { buildProgram } from "../../src/cli/program.ts";
import { recordingTerminal } from "../cli/fixtures.ts";

/**
 * Parses the words behind `metako`, and runs nothing.
 *
 * @returns what metako would complain about, or null where the words make a command
 */
export async function objectionTo(words: readonly string[]): Promise<string | null> {
  const terminal = recordingTerminal();
  const program = buildProgram({ terminal, version: "0", self: ["metako"] }, () => {});
  // `metako` alone runs the agent, and takes any further word for a command that it does not know.
  const real = program.commands.map((command) => command.name());
  disarm(program);
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? null : terminal.err.join("\n") || error.message;
  }
  const stray = program.args[0];
  return stray === undefined || real.includes(stray) ? null : `unknown command ${stray}`;
}

function disarm(command: Command): void {
  command.action(() => {});
  for (const child of command.commands) disarm(child);
}
