/**
 * Uses renewed certificates without a restart: the files are looked at now and then.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { Log } from "../core/log.ts";
import { readTlsFiles, type TlsFiles } from "./secrets.ts";

const LOOK_EVERY_MS = 10_000;

/**
 * Starts to look; without TLS it does nothing. A pair of files that does not fit together, as in the
 * middle of a renewal, is said once, and the certificate in use stays.
 *
 * @returns a function that ends it
 */
export function watchCertificate(
  { config, users, inUse, log, everyMs = LOOK_EVERY_MS }: {
    readonly config: Config;
    /** The listeners, and whoever verifies other members; each says why it cannot use them. */
    readonly users: readonly { readonly renewTls: (tls: TlsFiles) => string | null }[];
    readonly inUse: TlsFiles | null;
    readonly log: Log;
    readonly everyMs?: number;
  },
): () => void {
  if (inUse === null) return () => {};
  let known = textOf(inUse);
  const look = async () => {
    const found = await readTlsFiles(config);
    if (!found.ok || found.tls === null) return;
    const { tls } = found;
    const now = textOf(tls);
    if (now === known) return;
    known = now;
    const because = users.map((user) => user.renewTls(tls)).find((reason) => reason !== null);
    if (because === undefined) log("info", "certificate_renewed", { outcome: "done" });
    else log("warning", "certificate_unfit", { because });
  };
  const timer = setInterval(() => void look(), everyMs);
  return () => clearInterval(timer);
}

function textOf({ cert, key, trusted }: TlsFiles): string {
  return [cert, key, trusted].join("\n");
}
