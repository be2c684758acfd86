/**
 * Lets the router use a renewed certificate without a restart: the files are looked at now and then.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { Log } from "../core/log.ts";
import type { Router } from "../router/options.ts";
import { readTlsFiles, type TlsFiles } from "./secrets.ts";

const LOOK_EVERY_MS = 10_000;

/**
 * Starts to look; without TLS it does nothing. A pair of files that does not fit together, as in the
 * middle of a renewal, is said once, and the certificate in use stays.
 *
 * @returns a function that ends it
 */
export function watchCertificate(
  { config, router, inUse, log, everyMs = LOOK_EVERY_MS }: {
    readonly config: Config;
    readonly router: Pick<Router, "renewTls">;
    readonly inUse: TlsFiles | null;
    readonly log: Log;
    readonly everyMs?: number;
  },
): () => void {
  if (inUse === null) return () => {};
  let known = `${inUse.cert}\n${inUse.key}`;
  const look = async () => {
    const found = await readTlsFiles(config);
    if (!found.ok || found.tls === null) return;
    const now = `${found.tls.cert}\n${found.tls.key}`;
    if (now === known) return;
    known = now;
    const because = router.renewTls(found.tls);
    if (because === null) log("info", "certificate_renewed", { outcome: "done" });
    else log("warning", "certificate_unfit", { because });
  };
  const timer = setInterval(() => void look(), everyMs);
  return () => clearInterval(timer);
}
