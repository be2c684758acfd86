/**
 * metako: from argv to one command of src/cli.
 *
 * @module
 */
import manifest from "./deno.json" with { type: "json" };
import { endOnFault, faultLine, quietDeprecations } from "./src/cli/faults.ts";
import { EXIT } from "./src/cli/exit_codes.ts";
import { thisProgram } from "./src/cli/self.ts";
import { processTerminal, type Terminal } from "./src/cli/terminal.ts";

if (import.meta.main) {
  const terminal = processTerminal();
  endOnFault(terminal);
  quietDeprecations();
  Deno.exit(
    await run(terminal).catch((fault: unknown) => {
      terminal.complain(faultLine(fault));
      return EXIT.internal;
    }),
  );
}

/** A guardian loads its own modules only; what people call is told apart by the command line. */
async function run(terminal: Terminal): Promise<number> {
  const [word, ...args] = Deno.args;
  if (word === "guardian") {
    const { guardianCommand } = await import("./src/cli/guardian.ts");
    return await guardianCommand(args, terminal);
  }
  const { runProgram } = await import("./src/cli/program.ts");
  const context = { terminal, version: manifest.version, self: thisProgram() };
  return await runProgram(Deno.args, context);
}
