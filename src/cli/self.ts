/**
 * How to start this same program again: the demo's agents are separate processes of it.
 *
 * @module
 */

/**
 * The program and the arguments in front of a command's own: the binary alone where it was compiled,
 * `deno run` with the main module otherwise.
 */
export function thisProgram(): readonly string[] {
  const program = Deno.execPath();
  return Deno.build.standalone
    ? [program]
    : [program, "run", "--quiet", "--no-prompt", "-A", Deno.mainModule];
}
