/**
 * A host to follow the documentation on, command by command: a shell that has its own network, process
 * numbers, `/etc`, `/usr/local/bin`, `/run/postgresql` and `/var/lib/postgresql`, so that what a page
 * says can be typed to the letter and leaves nothing on the machine.
 *
 * Needs root, Linux and PostgreSQL.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What came of a command. */
export interface Outcome {
  readonly code: number;
  /** Standard output and error, as a terminal would show them. */
  readonly output: string;
}

/** The host. */
export interface Place {
  /**
   * Types text into the shell, and waits until it is done.
   *
   * @throws where it takes longer than `limitMs`
   */
  readonly type: (text: string, limitMs?: number) => Promise<Outcome>;
  /** Ends everything that runs on the host, and removes it. */
  readonly close: () => Promise<void>;
}

const LIMIT_MS = 60_000;
/** Stands between two outcomes. */
const MARK = "\u0001";

/** Why there can be no such place here; null where there can. */
export async function placeObstacle(): Promise<string | null> {
  if (Deno.build.os !== "linux") return "it needs Linux";
  if (Deno.uid() !== 0) return "it needs root";
  const folder = await Deno.makeTempDir({ prefix: "metako-docs-" });
  try {
    const { success, stderr } = await new Deno.Command("unshare", {
      args: ["--mount", "--net", "--pid", "--fork", "--mount-proc", "bash", "-c", SETUP],
      env: { PLACE: folder },
      stdout: "null",
      stderr: "piped",
    }).output();
    return success ? null : new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await Deno.remove(folder);
  }
}

/** Its folders are on a file system of their own: not every one may lie under an overlay. */
const SETUP = `
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$PLACE"
mkdir "$PLACE/home" "$PLACE/postgresql" "$PLACE/run"
chown postgres "$PLACE/postgresql" "$PLACE/run"
for folder in /etc /usr/local/bin; do
  mkdir -p "$PLACE/upper$folder" "$PLACE/work$folder"
  options="lowerdir=$folder,upperdir=$PLACE/upper$folder,workdir=$PLACE/work$folder"
  mount -t overlay -o "$options" overlay "$folder"
done
mount --bind "$PLACE/postgresql" /var/lib/postgresql
mount --bind "$PLACE/run" /run/postgresql
ip link set lo up
cd "$PLACE/home"
set +e
`;

/** Opens one whose shell is in an empty folder. `metako` is there as a file, as step 1 wants it. */
export async function openPlace(): Promise<Place> {
  const folder = await Deno.makeTempDir({ prefix: "metako-docs-" });
  const shell = new Deno.Command("unshare", {
    args: ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash"],
    env: { PLACE: folder, NO_COLOR: "1", LC_ALL: "C" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = shell.stdin.getWriter();
  const reader = shell.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let read = "";
  const send = (text: string) => writer.write(new TextEncoder().encode(text));
  const close = async () => {
    await writer.close().catch(() => {});
    // The first process of the host: with it go all others.
    shell.kill("SIGKILL");
    await shell.status;
    await reader.cancel().catch(() => {});
    await Deno.remove(folder, { recursive: true });
  };
  const type = async (text: string, limitMs = LIMIT_MS): Promise<Outcome> => {
    await send(`{\n${text}\n} < /dev/null 2>&1\nprintf '${MARK}%d${MARK}' $?\n`);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      shell.kill("SIGKILL");
    }, limitMs);
    const pattern = new RegExp(`^([^]*?)${MARK}(\\d+)${MARK}`);
    try {
      for (;;) {
        const [whole, output, code] = pattern.exec(read) ?? [];
        if (whole !== undefined) {
          read = read.slice(whole.length);
          return { code: Number(code), output: output! };
        }
        const { value, done } = await reader.read();
        if (done) {
          const why = late ? `it took longer than ${limitMs} ms` : "the shell ended";
          throw new Error(`Cannot go on after: ${text}\n${why}. So far it said: ${read}`);
        }
        read += value;
      }
    } finally {
      clearTimeout(timer);
    }
  };
  const place: Place = { type, close };
  await type(SETUP);
  await type(
    `cat > metako <<'END'\n${launcher()}\nEND\ncp ${join(ROOT, "configs/metako.service")} .`,
  );
  return place;
}

/** Stands for the binary: its processes bear the same command line, and run the source. */
function launcher(): string {
  const main = join(ROOT, "main.ts");
  return [
    "#!/usr/bin/env bash",
    `exec -a "metako $*" ${Deno.execPath()} run --quiet --no-prompt -A ${main} "$@"`,
  ].join("\n");
}
