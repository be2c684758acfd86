/**
 * metako: from argv to one command of src/cli.
 *
 * @module
 */
import manifest from "./deno.json" with { type: "json" };
import { endOnFault, faultLine, quietDeprecations } from "./src/cli/faults.ts";
import { EXIT } from "./src/cli/exit_codes.ts";
import { runProgram } from "./src/cli/program.ts";
import { thisProgram } from "./src/cli/self.ts";
import { processTerminal } from "./src/cli/terminal.ts";

if (import.meta.main) {
  const terminal = processTerminal();
  endOnFault(terminal);
  quietDeprecations();
  const context = { terminal, version: manifest.version, self: thisProgram() };
  Deno.exit(
    await runProgram(Deno.args, context).catch((fault: unknown) => {
      terminal.complain(faultLine(fault));
      return EXIT.internal;
    }),
  );
}
