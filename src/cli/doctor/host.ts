/**
 * What this host tells the doctor: disks, certificates, ports of the others, PostgreSQL's programs.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import {
  type DiskSpace,
  findOpenFiles,
  findPostgres,
  listTablespaces,
  type NodeStatus,
  readDiskSpace,
} from "../../agent/mod.ts";
import type { Config } from "../../config/mod.ts";
import { formatBytes } from "../table.ts";
import { type Finding, well } from "./finding.ts";

/** Below this share, or below this many bytes, a disk is nearly full. */
const FREE_SHARE = 0.1;
const FREE_BYTES = 1024 ** 3;
/** Where PostgreSQL may stop at any time. */
const LITTLE_BYTES = 128 * 1024 ** 2;

const DAY_MS = 86_400_000;
const EXPIRY_WARNING_DAYS = 30;

const CONNECT_TIMEOUT_MS = 2000;

/** Judges a disk. */
export function examineDisk(folder: string, { totalBytes, freeBytes }: DiskSpace): Finding {
  const finding = `${folder}: ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free.`;
  if (freeBytes >= FREE_BYTES && freeBytes >= FREE_SHARE * totalBytes) return well("disk", finding);
  return {
    check: "disk",
    gravity: freeBytes < LITTLE_BYTES ? "bad" : "warning",
    finding,
    why: "PostgreSQL stops when WAL finds no room, and the agent when its state does not.",
    remedy: "Free some room: look for old logs, and for slots that keep WAL (metako_slot_…).",
  };
}

/** Judges a certificate in PEM, at `nowMs` since 1970. @throws where it is none */
export function examineCertificate(setting: string, pem: string, nowMs: number): Finding {
  const until = Date.parse(new X509Certificate(pem).validTo);
  const days = Math.floor((until - nowMs) / DAY_MS);
  const date = new Date(until).toISOString().slice(0, 10);
  if (days >= EXPIRY_WARNING_DAYS) {
    return well("certificates", `${setting} is valid until ${date}.`);
  }
  return {
    check: "certificates",
    gravity: days < 0 ? "bad" : "warning",
    finding: days < 0
      ? `${setting} expired on ${date}.`
      : `${setting} expires on ${date}, in ${days} days.`,
    why: "Members refuse each other from then on, and nobody is elected.",
    remedy: "Renew it on every member, and restart the agents one at a time.",
  };
}

/** Looks at this host. `statuses` are those of the members that answered. */
export async function examineHost(
  config: Config,
  statuses: readonly NodeStatus[],
): Promise<Finding[]> {
  const found = await Promise.all([
    programs(config),
    examineDisks(config),
    ...certificates(config),
    openFiles(config),
    ...statuses.map((status) => ports(config, status)),
  ]);
  return found.flat();
}

async function programs({ localDb }: Config): Promise<Finding[]> {
  if (localDb === null) return [];
  const found = await findPostgres(localDb.binDir);
  if (found.ok) {
    return [well("programs", `PostgreSQL ${found.value.major} is in ${found.value.binDir}.`)];
  }
  return [{
    check: "programs",
    gravity: localDb.dataDir === null ? "warning" : "bad",
    finding: `${found.because}.`,
    why: "Without them nothing can be started, promoted or cloned.",
    remedy: "",
  }];
}

/** Only what can be looked at from here: on the node's own host, by the agent's user. */
async function openFiles({ stateDir }: Config): Promise<Finding[]> {
  const found = await findOpenFiles(stateDir);
  if (found.length === 0) return [well("files", `${stateDir} is closed to other users.`)];
  return found.map(({ path, mode, finding, why, remedy, refusesRun }) => ({
    check: "files",
    gravity: refusesRun ? "bad" : "warning",
    finding: `${path} has mode ${mode.toString(8)}: ${finding}.`,
    why,
    remedy,
  }));
}

/** What the agent and PostgreSQL write to, WAL and tablespaces elsewhere included. */
export async function examineDisks(
  { localDb, stateDir }: Pick<Config, "localDb" | "stateDir">,
): Promise<Finding[]> {
  const dataDir = localDb?.dataDir ?? null;
  const folders = dataDir === null ? [stateDir] : [
    stateDir,
    dataDir,
    ...await Deno.readLink(join(dataDir, "pg_wal")).then((path) => [path], () => []),
    ...(await listTablespaces(dataDir)).map(({ path }) => path),
  ];
  return (await Promise.all([...new Set(folders)].map(disk))).flat();
}

async function disk(folder: string): Promise<Finding[]> {
  const space = await readDiskSpace(folder);
  if (space !== null) return [examineDisk(folder, space)];
  return [{
    check: "disk",
    gravity: "warning",
    finding: `${folder} cannot be looked at from here.`,
    why: "It does not exist yet, or this user may not see it.",
    remedy: "Run the doctor on the node's own host, as the agent's user.",
  }];
}

function certificates({ security }: Config): Promise<Finding[]>[] {
  if (!security.tlsEnabled) return [];
  const files = [["cert_file", security.certFile], ["ca_file", security.caFile]] as const;
  return files.map(async ([setting, path]) => {
    if (path === null) return [];
    try {
      return [examineCertificate(`security.${setting}`, await Deno.readTextFile(path), Date.now())];
    } catch (error) {
      return [{
        check: "certificates",
        gravity: "bad" as const,
        finding: `security.${setting} ${path} cannot be read: ${
          error instanceof Error ? error.message : error
        }.`,
        why: "The agent does not start without it.",
        remedy: "Name a PEM file that this user may read.",
      }];
    }
  });
}

/** Whether the ports that a member says it has can be reached from this host. */
async function ports(config: Config, status: NodeStatus): Promise<Finding[]> {
  const member = config.members.find(({ nodeName }) => nodeName === status.node);
  if (member === undefined) return [];
  const host = member.self ? "127.0.0.1" : member.apiHost;
  const { contact, role } = status;
  const wanted: [string, number | null][] = [
    ["router", contact.router_port],
    ["read-only router", contact.read_only_port],
    ...(role === "witness" || status.state !== "primary" && status.state !== "standby"
      ? []
      : [["PostgreSQL", contact.database_port] as [string, number]]),
  ];
  const closed: Finding[] = [];
  for (const [what, port] of wanted) {
    if (port === null || await isOpen(host, port)) continue;
    closed.push({
      check: "ports",
      gravity: what === "PostgreSQL" ? "bad" : "warning",
      finding: `${what} of ${status.node} cannot be reached from here at ${host}:${port}.`,
      why: what === "PostgreSQL"
        ? "Standbys stream from there, and routers lead clients there."
        : "Clients on this host cannot use that router.",
      remedy: "Look at the firewall between the hosts, and at listen_addresses and router.host.",
    });
  }
  return closed.length > 0
    ? closed
    : [well("ports", `The ports of ${status.node} can be reached.`)];
}

async function isOpen(hostname: string, port: number): Promise<boolean> {
  const connecting = Deno.connect({ hostname, port });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), CONNECT_TIMEOUT_MS);
  });
  // A connection that comes too late is closed all the same.
  const opened = connecting.then((connection) => (connection.close(), true), () => false);
  try {
    return await Promise.race([opened, late]) ?? false;
  } finally {
    clearTimeout(timer);
  }
}
