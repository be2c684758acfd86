/**
 * The machines that metako is compiled for, and how the compiler is called.
 *
 * @module
 */

/** By metako's name: the compiler's. */
export const TARGETS = {
  "linux-x64": "x86_64-unknown-linux-gnu",
  "linux-arm64": "aarch64-unknown-linux-gnu",
  "macos-x64": "x86_64-apple-darwin",
  "macos-arm64": "aarch64-apple-darwin",
} as const;

/** One of {@linkcode TARGETS}. */
export type Target = keyof typeof TARGETS;

/** Whether a word is one of {@linkcode TARGETS}. */
export function isTarget(name: string): name is Target {
  return Object.hasOwn(TARGETS, name);
}

/**
 * What follows `deno`.
 *
 * @param options.target null for this machine
 * @param options.exclude folders that are left out of the binary
 */
export function compileArguments(
  { target, exclude }: { readonly target: Target | null; readonly exclude: readonly string[] },
): readonly string[] {
  return [
    "compile",
    "--allow-all",
    ...exclude.flatMap((folder) => ["--exclude", folder]),
    ...(target === null ? [] : ["--target", TARGETS[target]]),
    "--output",
    target === null ? "dist/metako" : `dist/metako-${target}`,
    "main.ts",
  ];
}
