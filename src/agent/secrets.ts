/**
 * Keys and certificates, as the configuration names them.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import { type DerivedKeys, deriveKeys } from "../coordination/keys.ts";
import { checkCertificates, type Endpoint } from "../coordination/transport.ts";
import type { NodeName } from "../core/record.ts";

/** The keys of the cluster that `config` describes. */
export function clusterKeys(config: Config): DerivedKeys {
  const { localDb, security, clusterName } = config;
  return deriveKeys({
    clusterName,
    clusterSecret: security.clusterSecret,
    previousClusterSecret: security.previousClusterSecret,
    database: { username: localDb?.username ?? "", password: localDb?.password ?? "" },
  });
}

/** What TLS needs, read from disk; null where it is off. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** The authority's certificate, or, without one, this node's own, which all members then share. */
  readonly trusted: string;
}

/** Reads the certificate files. The error text names the setting, the file and what to do. */
export async function readTlsFiles(
  config: Config,
): Promise<{ ok: true; tls: TlsFiles | null } | { ok: false; because: string }> {
  const { tlsEnabled, certFile, keyFile, caFile } = config.security;
  if (!tlsEnabled || certFile === null || keyFile === null) return { ok: true, tls: null };
  try {
    const off = "set security.tls_enabled: false";
    const cert = await readFile("security.cert_file", certFile, off);
    const key = await readFile("security.key_file", keyFile, off);
    const trusted = caFile === null ? cert : await readFile("security.ca_file", caFile, off);
    const fault = checkCertificates(trusted);
    if (fault !== null) {
      const setting = caFile === null ? "cert_file" : "ca_file";
      return { ok: false, because: `Cannot use security.${setting}: ${fault}` };
    }
    return { ok: true, tls: { cert, key, trusted } };
  } catch (error) {
    return { ok: false, because: error instanceof Error ? error.message : String(error) };
  }
}

/** Reads what servers' certificates are checked against; null where they are spoken to in clear. */
export async function readServerAuthority(
  { router }: Config,
): Promise<{ ok: true; pem: string | null } | { ok: false; because: string }> {
  const { backendTls, backendCaFile } = router;
  if (backendTls === "disable" || backendCaFile === null) return { ok: true, pem: null };
  try {
    const remedy = "set router.backend_tls: disable";
    const pem = await readFile("router.backend_ca_file", backendCaFile, remedy);
    const fault = checkCertificates(pem);
    return fault === null
      ? { ok: true, pem }
      : { ok: false, because: `Cannot use router.backend_ca_file ${backendCaFile}: ${fault}` };
  } catch (error) {
    return { ok: false, because: error instanceof Error ? error.message : String(error) };
  }
}

/** @throws Error that names the setting, the file and what to do */
async function readFile(setting: string, path: string, remedy: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Cannot read ${setting} ${path}: ${reason}. Correct the path or its permissions, or ${remedy}.`,
    );
  }
}

/** Where each member's agent is reached. A bind address of this node itself means loopback. */
export function endpoints(config: Config): ReadonlyMap<NodeName, Endpoint> {
  return new Map(config.members.map((member) => [member.nodeName, {
    host: member.self ? localHost(member.apiHost) : member.apiHost,
    port: member.apiPort,
  }]));
}

function localHost(bindHost: string): string {
  if (bindHost === "0.0.0.0") return "127.0.0.1";
  return bindHost === "::" ? "::1" : bindHost;
}
