/**
 * Rules about what the router demands of clients and servers.
 *
 * @module
 */
import type { Finding } from "./problem.ts";
import { risky, type Rule, type RuleFacts, wrong } from "./rule.ts";

const BACKEND_TLS = "router.backend_tls";
const BACKEND_CA = "router.backend_ca_file";

/** Every rule about the router. */
export const ROUTER_RULES: readonly Rule[] = [
  {
    id: "clients_can_encrypt",
    reads: ["router.tls", "security.tls_enabled"],
    check: ({ config }) =>
      config.router.tls === "allow" || config.security.tlsEnabled ? [] : [wrong(
        "router.tls",
        "must be allow where security.tls_enabled is false, as there is no certificate",
        "Set security.tls_enabled: true with cert_file and key_file, or router.tls: allow.",
        config.router.tls,
      )],
  },
  { id: "somebody_comes_in", reads: ["router.allow"], check: allowEntries },
  {
    id: "servers_can_be_checked",
    reads: [BACKEND_TLS, BACKEND_CA, "security.ca_file"],
    check: serverAuthority,
  },
  {
    id: "scram_fits_both_ends",
    reads: [BACKEND_TLS, "router.authentication"],
    check: ({ config: { router } }) =>
      router.backendTls === "disable" || router.authentication === "verify" ? [] : [risky(
        BACKEND_TLS,
        "keeps out clients that use TLS and SCRAM where router.authentication is relay, unless they " +
          "set channel_binding=disable: the server binds them to a certificate they do not see",
        "Set router.authentication: verify, or router.backend_tls: disable.",
      )],
  },
];

/** A list in which nobody is allowed shuts the router; a rejection knows no privileges. */
function allowEntries({ config, values }: RuleFacts): Finding[] {
  const pointless = (values.router?.allow ?? []).flatMap((entry, index) =>
    entry?.action === "reject" && entry.privileged !== undefined
      ? [wrong(
        `router.allow[${index}].privileged`,
        "must not stand beside action: reject, which keeps everybody out",
        "Remove it.",
      )]
      : []
  );
  return config.router.allow.some(({ action }) => action === "allow") ? pointless : [wrong(
    "router.allow",
    "must have an entry with action: allow, since nobody could come in",
    "Add one, or remove the whole list: ordinary roles may then come from everywhere.",
  )];
}

/** The runtime encrypts nothing to a server whose certificate it cannot check. */
function serverAuthority({ config, canRead }: RuleFacts): Finding[] {
  const { backendTls, backendCaFile } = config.router;
  if (backendTls === "disable") return [];
  if (backendCaFile === null) {
    return [wrong(
      BACKEND_CA,
      "must be set where router.backend_tls is not disable, as servers' certificates are checked",
      "Add it with the path of a PEM file that holds their authority, or themselves.",
    )];
  }
  return canRead(backendCaFile) ? [] : [{
    path: BACKEND_CA,
    message: "names a file that cannot be read, and the agent does not start without it",
    remedy: "Create it, let the agent's user read it, or set router.backend_tls: disable.",
    severity: "warning",
    value: backendCaFile,
    refusesRun: true,
  }];
}
