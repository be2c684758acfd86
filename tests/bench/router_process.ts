/**
 * metako's router by itself, without an agent: what it leads to stands in the environment (BENCH).
 *
 * @module
 */
import { startRouter } from "../../src/router/router.ts";
import { loadParser } from "../../src/sql/parser.ts";
import { OPTIONS } from "../router/harness.ts";
import type { Server } from "./contenders.ts";

const { port, primary, standby, verifier, how, way, tls = null } = JSON.parse(
  Deno.env.get("BENCH")!,
);
const servers: Readonly<Record<string, Server>> = { a: primary, b: standby };
const at = (node: string) => ({ node, host: "127.0.0.1", port: servers[node]!.port });
const socketOf = ({ node }: { readonly node: string }) =>
  `${servers[node]!.folder}/.s.PGSQL.${servers[node]!.port}`;
const view = {
  term: 1,
  primary: at("a"),
  because: "",
  yielding: null,
  standbys: [{ ...at("b"), local: true, healthy: true, lagBytes: 0 }],
};
const started = startRouter({
  ...OPTIONS,
  port,
  tls,
  readOnlyPort: null,
  maximumConnections: 2000,
  maximumPendingPerAddress: 2000,
  splitting: how === "split",
  // As a member has them.
  writeTimeoutMs: 10_000,
  connectTimeoutMs: 3000,
  maximumWaiting: 500,
  startupTimeoutMs: 30_000,
}, {
  view: () => view,
  onChange: () => () => {},
  roles: {
    mockSecret: how === "relay" ? null : new Uint8Array(32),
    find: () => Promise.resolve({ ok: true, privileged: false, stored: verifier }),
    forget() {},
  },
  ...(way === "socket" ? { socketOf } : {}),
  parser: how === "split" ? await loadParser() : null,
  now: () => performance.now(),
  random: () => Math.random(),
  log: () => {},
});
if (!started.ok) throw new Error(started.because);
// So that a profile is written.
Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
