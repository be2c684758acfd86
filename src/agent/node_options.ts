/**
 * What a node is opened with, and what comes of it.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { ClusterKeys } from "../coordination/keys.ts";
import type { Durable } from "../core/effect.ts";
import type { Log } from "../core/log.ts";
import type { LocalServer } from "../postgres/server.ts";
import type { HistoryFile } from "./history_file.ts";
import type { Reloader } from "./reload.ts";
import type { TlsFiles } from "./secrets.ts";
import type { StateFile } from "./state_file.ts";
import type { Watchdog } from "./watchdog.ts";

/** A node that listens and runs. */
export interface RunningNode {
  readonly ok: true;
  /** Resolves with the reason when the node cannot go on. */
  readonly broken: Promise<string>;
  /** Closes every listener and client. PostgreSQL goes on. */
  close(): Promise<void>;
}

/** What `openNode()` is given. */
export interface NodeOptions {
  readonly config: Config;
  readonly reloader: Reloader;
  readonly version: string;
  /** The command that starts metako, for its guardian. */
  readonly self: readonly string[];
  readonly log: Log;
  readonly keys: ClusterKeys;
  readonly tls: TlsFiles | null;
  /** What servers' certificates are checked against, in PEM; null where they are not. */
  readonly serverAuthority: string | null;
  readonly stateFile: StateFile;
  readonly history: HistoryFile;
  readonly durable: Durable;
  /** Null on a witness. */
  readonly server: LocalServer | null;
  /** Null where none is configured, or it could not be opened. */
  readonly watchdog: Watchdog | null;
}
