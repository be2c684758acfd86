/**
 * A stand-in for PostgreSQL's image where none can be pulled: Debian's own packages in a tree that
 * debootstrap made, with the few things of the official image that metako's Dockerfile relies on.
 */
import { join } from "node:path";
import { run } from "./docker.ts";

const RELEASE = "bookworm";
const MAJOR = 15;

/** Makes the image under that name; takes minutes, root, and Debian's mirror. */
export async function makeBase(image: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "metako-base-" });
  try {
    const tree = join(folder, "tree");
    const archive = join(folder, "tree.tar");
    const packages = `ca-certificates,postgresql-${MAJOR}`;
    await must(["debootstrap", "--variant=minbase", `--include=${packages}`, RELEASE, tree]);
    await must(["tar", "-C", tree, "-cf", archive, "."]);
    const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    await must([
      "docker",
      "import",
      "--change",
      `ENV PATH=${path}:/usr/lib/postgresql/${MAJOR}/bin`,
      archive,
      image,
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function must(command: readonly string[]): Promise<void> {
  const end = await run(command, {});
  if (!end.success) throw new Error(`${command.join(" ")}: ${end.stderr || end.stdout}`);
}
