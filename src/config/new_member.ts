/**
 * The configuration file of a new member, made from the file of one that is there.
 *
 * The text is changed where members differ and kept everywhere else, with its comments, and with
 * secrets that come from the environment: what the cluster shares is in it already.
 *
 * Pure: text in, text out.
 *
 * @module
 */
import { type Document, isMap, isSeq, parseDocument } from "yaml";
import type { Config } from "./config.ts";

/** The new member. */
export interface NewMember {
  readonly node: string;
  /** Where the others reach its agent, and its PostgreSQL. */
  readonly host: string;
  readonly apiPort: number;
  readonly witness: boolean;
}

/** The text, or why this file is of no use for it. */
export type NewMemberFile =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly because: string };

/**
 * Makes the file of `wish` from the file of another member.
 *
 * @param text that file
 * @param config what it says
 */
export function newMemberFile(text: string, config: Config, wish: NewMember): NewMemberFile {
  const { identity, localDb } = config;
  if (localDb === null && !wish.witness) {
    const because = `${identity.nodeName} is a witness, and its file says nothing of PostgreSQL: ` +
      "use the file of a member that has one";
    return { ok: false, because };
  }
  const address = identity.witness ? identity.apiHost : identity.localDbHost;
  if (WILDCARDS.includes(address)) {
    const because = `the file of ${identity.nodeName} does not say where others reach it: ` +
      "use the file of another member";
    return { ok: false, because };
  }
  const doc = parseDocument(text);
  const move = (path: readonly string[]) => {
    const there = doc.getIn(path);
    if (typeof there === "string" && !HERE.includes(there)) doc.setIn(path, wish.host);
  };
  doc.setIn(["identity", "node_name"], wish.node);
  doc.setIn(["identity", "api_port"], wish.apiPort);
  doc.deleteIn(["identity", "priority"]);
  for (const path of [["identity", "api_host"], ["local_db", "host"], ["router", "host"]]) {
    move(path);
  }
  if (wish.witness) becomeWitness(doc);
  else {
    doc.setIn(["identity", "local_db_host"], wish.host);
    doc.setIn(["local_db", "role"], "standby");
    if (doc.hasIn(["local_db", "name"])) doc.setIn(["local_db", "name"], wish.node);
  }
  listMembers(doc, config, wish, address);
  const head =
    `# ${wish.node}, made from the file of ${identity.nodeName}: look at paths and ports.\n`;
  return { ok: true, text: head + doc.toString({ lineWidth: 0 }) };
}

/** Addresses that stand for the host that reads them, whichever it is. */
const WILDCARDS: readonly string[] = ["0.0.0.0", "::"];
const HERE: readonly string[] = [...WILDCARDS, "localhost", "127.0.0.1", "::1"];

function becomeWitness(doc: Document): void {
  doc.setIn(["identity", "witness"], true);
  for (const key of ["local_db_host", "local_db_port"]) doc.deleteIn(["identity", key]);
  for (const key of ["local_db", "replication", "watchdog"]) doc.delete(key);
}

/** The new member is not in its own list, and the one whose file this was is. */
function listMembers(doc: Document, config: Config, wish: NewMember, address: string): void {
  const { identity, localDb } = config;
  const members = doc.get("cluster_members");
  const entry = doc.createNode({
    node_name: identity.nodeName,
    api_host: address,
    api_port: identity.apiPort,
    ...(localDb === null ? { witness: true } : { role: localDb.role }),
  });
  if (!isSeq(members)) return doc.set("cluster_members", doc.createNode([entry]));
  members.items = members.items.filter((item) =>
    !isMap(item) || item.get("node_name") !== wish.node
  );
  members.flow = false;
  members.add(entry);
}
