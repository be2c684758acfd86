/**
 * Docker and compose.yaml, as a person at a terminal would use them.
 */

/** The project's root, where compose.yaml is. */
export const ROOT = new URL("../../../", import.meta.url).pathname;

/** A compose project of its own. */
export interface Project {
  /** Runs a subcommand and gives its standard output; throws with its words where it fails. */
  compose(...args: string[]): Promise<string>;
  /** The same, with null where it fails. */
  attempt(...args: string[]): Promise<string | null>;
}

/**
 * Opens the project.
 *
 * @param env what compose.yaml is given
 */
export async function openProject(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<Project> {
  const program = await composeProgram();
  const attempt = async (args: readonly string[]) =>
    await run([...program, "--project-name", name, ...args], env);
  return {
    async compose(...args) {
      const end = await attempt(args);
      if (end.success) return end.stdout;
      throw new Error(`${program.join(" ")} ${args.join(" ")}: ${end.stderr || end.stdout}`);
    },
    async attempt(...args) {
      const end = await attempt(args);
      return end.success ? end.stdout : null;
    },
  };
}

/** Docker's own plugin, or the program that came before it. */
async function composeProgram(): Promise<readonly string[]> {
  for (const program of [["docker", "compose"], ["docker-compose"]]) {
    if ((await run([...program, "version"], {})).success) return program;
  }
  throw new Error(
    "Cannot test compose.yaml: neither docker compose nor docker-compose is there. Install one.",
  );
}

/** Whether a daemon answers, and has that image. */
export async function hasImage(image: string): Promise<boolean> {
  const daemon = await run(["docker", "version"], {});
  if (!daemon.success) {
    throw new Error(`Cannot test compose.yaml: no Docker daemon answers. ${daemon.stderr}`);
  }
  return (await run(["docker", "image", "inspect", image], {})).success;
}

interface End {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in the project's root. */
export async function run(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<End> {
  const [program = "", ...args] = command;
  try {
    const end = await new Deno.Command(program, {
      args: [...args],
      cwd: ROOT,
      env: { ...env },
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    return { success: end.success, stdout: text(end.stdout), stderr: text(end.stderr) };
  } catch (error) {
    return { success: false, stdout: "", stderr: String(error) };
  }
}
