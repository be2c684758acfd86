/**
 * How PgBouncer is set up where tests and benches put it in front of something.
 *
 * @module
 */

/** Where Debian puts it. */
export const PGBOUNCER = "/usr/sbin/pgbouncer";

/**
 * Writes its two files into `folder`.
 *
 * @param login who may come in, and whom it is to the server
 * @param settings further lines of its section
 * @returns the arguments to run it with
 */
export async function setUpPgbouncer(
  folder: string,
  { port, to, host = "127.0.0.1", login, settings }: {
    readonly port: number;
    /** The server's port. */
    readonly to: number;
    /** The folder of the server's Unix socket; without it, loopback. */
    readonly host?: string;
    readonly login: { readonly user: string; readonly password: string };
    readonly settings: readonly string[];
  },
): Promise<string[]> {
  const users = `${folder}/users.txt`;
  const file = `${folder}/pgbouncer.ini`;
  await Deno.writeTextFile(users, `"${login.user}" "${login.password}"\n`);
  await Deno.writeTextFile(
    file,
    [
      "[databases]",
      `postgres = host=${host} port=${to}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${port}`,
      "unix_socket_dir =",
      "auth_type = scram-sha-256",
      `auth_file = ${users}`,
      ...settings,
      "",
    ].join("\n"),
  );
  // It refuses to run as root, as PostgreSQL does, and must be able to read them as somebody else.
  for (const path of [users, file]) await Deno.chmod(path, 0o644);
  await Deno.chmod(folder, 0o755);
  return ["-q", ...(Deno.uid() === 0 ? ["-u", "postgres"] : []), file];
}
