/**
 * An agent's life: everything is opened before anything is done, then the loop runs until a signal.
 *
 * What can be wrong with a host (a port in use, a state file that cannot be read, a data directory
 * of somebody else) ends the start with one message, before PostgreSQL was touched. On the way out
 * PostgreSQL is left running: restarting an agent must not restart a database.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { Log } from "../core/log.ts";
import { pairCaution } from "../core/pair.ts";
import { type LocalServer, openLocalServer } from "../postgres/server.ts";
import { createLog } from "../telemetry/log.ts";
import { openHistoryFile } from "./history_file.ts";
import { compareNames } from "../coordination/names.ts";
import { openNode } from "./node.ts";
import { findOpenFiles, openFileText } from "./open_files.ts";
import { coreSettings, postgresOptions } from "./plan.ts";
import { type ConfigSource, holdConfig, keepConfig } from "./reload.ts";
import { clusterKeys, readServerAuthority, readTlsFiles } from "./secrets.ts";
import { openStateFile } from "./state_file.ts";
import { openWatchdog } from "./watchdog.ts";

/** What the process gives the agent. */
export interface AgentOptions {
  readonly version: string;
  /** The command that starts metako, for its guardian. */
  readonly self: readonly string[];
  /** Where the configuration comes from, to be read again. */
  readonly source: ConfigSource;
  /** Calls back whenever the configuration is to be read again. @returns a function that ends it */
  readonly onHangup: (callback: () => void) => () => void;
  /** Ends the agent. */
  readonly signal: AbortSignal;
  /** Called once the agent listens. */
  readonly onReady?: () => void;
}

/** The agent could not start, or broke; the last log line says why. */
const FAILED = 1;

/**
 * Runs this node's agent until `signal` is aborted.
 *
 * @returns the exit code: 0 after a signal, 1 where the agent could not start or had to end
 */
export async function runAgent(initial: Config, options: AgentOptions): Promise<number> {
  const effective = holdConfig(initial);
  const { config } = effective;
  const { identity } = config;
  const log = createLog({
    get level() {
      return config.log.level;
    },
    node: identity.nodeName,
  });
  log("info", "starting", {
    version: options.version,
    cluster: config.clusterName,
    members: config.members.map((member) => member.nodeName).sort(compareNames).join(", "),
  });
  const refuse = (because: string) => {
    log("error", "start", { outcome: "failed", because });
    return FAILED;
  };

  const { pair } = coreSettings(config);
  if (pair !== null) log("warning", "pair_mode", { because: pairCaution(pair) });
  const folder = await makeStateDir(config.stateDir);
  if (!folder.ok) return refuse(folder.because);
  const open = await findOpenFiles(config.stateDir);
  for (const file of open) log("warning", "open_file", { because: openFileText(file) });
  const refusing = open.find((file) => file.refusesRun);
  if (refusing !== undefined) return refuse(`Cannot start: ${openFileText(refusing)}`);
  const stateFile = openStateFile({
    stateDir: config.stateDir,
    cluster: config.clusterName,
    node: identity.nodeName,
  });
  const remembered = await stateFile.read();
  if (!remembered.ok) return refuse(remembered.because);
  const tls = await readTlsFiles(config);
  if (!tls.ok) return refuse(tls.because);
  const authority = await readServerAuthority(config);
  if (!authority.ok) return refuse(authority.because);
  if (config.localDb === null && config.security.clusterSecret === null) {
    return refuse(
      "Cannot start a witness without security.cluster_secret: it has no database credentials to " +
        "derive a key from. Set the same secret on all members.",
    );
  }
  const { keys, weakness } = clusterKeys(config);
  if (weakness !== null) log("warning", "weak_secret", { because: weakness });

  const server = await openServer(config, log);
  if (!server.ok) return refuse(server.because);
  const watchdog = await openWatchdogOf(config, server.server, log);
  if (!watchdog.ok) {
    await server.server?.close();
    return refuse(watchdog.because);
  }
  const reloader = keepConfig({ effective, source: options.source, log });
  const node = await openNode({
    config,
    reloader,
    version: options.version,
    self: options.self,
    log,
    keys,
    tls: tls.tls,
    serverAuthority: authority.pem,
    stateFile,
    history: await openHistoryFile({ stateDir: config.stateDir, log }),
    durable: remembered.durable,
    server: server.server,
    watchdog: watchdog.watchdog,
  });
  if (!node.ok) {
    reloader.stop();
    watchdog.watchdog?.close();
    await server.server?.close();
    return refuse(node.because);
  }
  const endHangup = options.onHangup(() => void reloader.reload("SIGHUP"));
  options.onReady?.();
  const broken = await Promise.race([node.broken, aborted(options.signal)]);
  if (broken === null) {
    log("info", "stopping", { because: "a signal asked for it; PostgreSQL is left running" });
  } else {
    log("error", "stopping", { outcome: "failed", because: broken });
  }
  endHangup();
  reloader.stop();
  await node.close();
  // After a break nobody here knows what PostgreSQL does: the device decides.
  if (broken === null) watchdog.watchdog?.close();
  await server.server?.close();
  return broken === null ? 0 : FAILED;
}

/** A server beyond reach is ended by no reset of this host. */
async function openWatchdogOf(config: Config, server: LocalServer | null, log: Log) {
  if (config.watchdog === null || server === null) return { ok: true, watchdog: null } as const;
  if (server.dataDir !== null) return await openWatchdog(config.watchdog, { log });
  const because = "The server is used over SQL alone, so that watchdog.device is not used";
  log("warning", "watchdog", { outcome: "not_possible", because });
  return { ok: true, watchdog: null } as const;
}

async function openServer(config: Config, log: Log) {
  const options = postgresOptions(config, log);
  if (options === null) return { ok: true, server: null } as const;
  return await openLocalServer(options);
}

/** Makes the folder of the agent's own files; others may pass through it, and read nothing. */
async function makeStateDir(
  path: string,
): Promise<{ ok: true } | { ok: false; because: string }> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o711 });
    return { ok: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      because: `Cannot make the state directory ${path}: ${reason}. Create it for the agent's ` +
        "user, or name another one with state_dir.",
    };
  }
}

function aborted(signal: AbortSignal): Promise<null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}
