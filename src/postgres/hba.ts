/**
 * The members' lines in pg_hba.conf, in two marked blocks that metako rewrites and nothing else.
 *
 * The first block stands on top, so that no other line can cut replication off; it speaks of the
 * replication role alone. The second stands at the end and lets routers of other members in for
 * everybody, after whatever the operator forbids. Always scram-sha-256, never trust.
 *
 * PostgreSQL accepts a host name only if the client's address resolves to it and back, which
 * containers rarely manage, so names are written with the addresses they resolve to as well. A name
 * that does not resolve at the moment, such as that of a container which is down, keeps its last ones.
 *
 * @module
 */
import { isIP } from "node:net";
import { join } from "node:path";
import { readIfThere, writeDurably } from "./files.ts";
import { done, failed, messageOf, type Step } from "./outcome.ts";
import { type Place, serverFile } from "./place.ts";
import { addressesOf, NAME } from "./resolve.ts";

const TOP = { begin: "# metako: replication, begin", end: "# metako: replication, end" };
const BOTTOM = { begin: "# metako: routers, begin", end: "# metako: routers, end" };
const LOOPBACK = ["127.0.0.1/32", "::1/128"];

/** Brings the blocks up to date. True where the file changed and wants a reload. */
export async function writeAccess(place: Place): Promise<Step<boolean>> {
  const path = join(place.dataDir, "pg_hba.conf");
  try {
    const before = await readIfThere(path) ?? "";
    const { members, witnessAddresses = [], replicationUser } = place.options;
    const streaming = await rangesOf(members.flatMap(({ addresses }) => addresses));
    const routing = await rangesOf(witnessAddresses);
    const after = renderAccess(before, replicationUser, {
      members: streaming,
      witnesses: routing.filter((from) => !streaming.includes(from)),
    });
    if (after === before) return done(false);
    await writeDurably(path, after, serverFile(place));
    return done(true);
  } catch (error) {
    return failed(`Cannot write ${path}: ${messageOf(error)}`);
  }
}

/**
 * Puts the blocks into a file, replacing older ones.
 *
 * @param addresses what pg_hba.conf takes as an address: CIDR ranges or host names; witnesses' routers
 * connect too, and nothing streams there
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const addresses = { members: ["10.0.0.2/32"], witnesses: [] };
 * const once = renderAccess("local all all peer\n", "repl", addresses);
 * assert.match(once, /host replication,all "repl" 10\.0\.0\.2\/32 scram-sha-256/);
 * assert.equal(renderAccess(once, "repl", addresses), once);
 * ```
 */
export function renderAccess(
  text: string,
  replicationUser: string,
  { members, witnesses }: {
    readonly members: readonly string[];
    readonly witnesses: readonly string[];
  },
): string {
  const user = `"${replicationUser.replaceAll('"', '""')}"`;
  const method = "scram-sha-256";
  const replication = members.map((from) => `host replication,all ${user} ${from} ${method}`);
  const routers = [...members, ...witnesses].map((from) => `host all all ${from} ${method}`);
  const rest = without(without(text.split("\n"), TOP), BOTTOM);
  while (rest.at(-1) === "") rest.pop();
  return [
    TOP.begin,
    ...replication,
    TOP.end,
    ...rest,
    BOTTOM.begin,
    ...routers,
    BOTTOM.end,
    "",
  ].join("\n");
}

function without(lines: readonly string[], block: typeof TOP): string[] {
  const begin = lines.indexOf(block.begin);
  const end = lines.indexOf(block.end);
  if (begin < 0 || end < begin) return [...lines];
  return [...lines.slice(0, begin), ...lines.slice(end + 1)];
}

async function rangesOf(addresses: readonly string[]): Promise<string[]> {
  const found = await Promise.all(addresses.map(ranges));
  return [...new Set([...LOOPBACK, ...found.flat()])];
}

async function ranges(address: string): Promise<string[]> {
  if (isIP(address) !== 0) return [range(address)];
  if (!NAME.test(address) || address === "localhost") return [];
  return [address, ...(await addressesOf(address)).map(range)];
}

function range(address: string): string {
  return `${address}/${isIP(address) === 6 ? 128 : 32}`;
}
