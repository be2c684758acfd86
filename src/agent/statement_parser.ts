/**
 * Loads the parser that the router reads statements with.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { Log } from "../core/log.ts";
import { loadParser, type Parser } from "../sql/parser.ts";

/** Null where reads are not to be split off, or the parser cannot be loaded: then nothing is split. */
export async function statementParser({ router }: Config, log: Log): Promise<Parser | null> {
  if (!router.splitting) return null;
  try {
    return await loadParser();
  } catch (error) {
    log("warning", "splitting_off", {
      because: "PostgreSQL's parser could not be loaded, so every statement goes to the primary: " +
        (error instanceof Error ? error.message : String(error)),
    });
    return null;
  }
}
