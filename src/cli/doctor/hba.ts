/**
 * What the lines of pg_hba.conf tell the doctor. Pure.
 *
 * @module
 */
import { type Finding, well } from "./finding.ts";

/** A line of pg_hba.conf as `pg_hba_file_rules` has it. */
export interface HbaRule {
  readonly line: number;
  readonly type: string | null;
  readonly databases: readonly string[];
  readonly users: readonly string[];
  readonly address: string | null;
  readonly method: string | null;
  readonly error: string | null;
}

/** Judges the lines. @param localSocket whether the router's sessions may come by the Unix socket */
export function examineHba(rules: readonly HbaRule[], localSocket: boolean): Finding[] {
  if (rules.length === 0) return [];
  const broken = rules.filter(({ error }) => error !== null).map(({ line, error }): Finding => ({
    check: "pg_hba",
    gravity: "bad",
    finding: `Line ${line} of pg_hba.conf is wrong: ${error}.`,
    why: "PostgreSQL keeps the rules of its last good reading, and does not start with it.",
    remedy: "Correct the line and reload.",
  }));
  const open = rules.filter(({ type, method, address }) =>
    type?.startsWith("host") && method === "trust" && !isLoopback(address)
  ).map(({ line, address }): Finding => ({
    check: "pg_hba",
    gravity: "bad",
    finding: `Line ${line} of pg_hba.conf trusts whoever comes from ${address ?? "anywhere"}.`,
    why: "Anybody there is any user, superuser included, without a password.",
    remedy: "Write scram-sha-256 instead of trust, and reload.",
  }));
  const found = [...broken, ...open, ...(localSocket ? examineSocket(rules) : [])];
  return found.length > 0 ? found : [well("pg_hba", "No line of pg_hba.conf is wrong or open.")];
}

function isLoopback(address: string | null): boolean {
  return address !== null && /^(127\.|::1$|localhost$)/.test(address);
}

/** What the router's sessions meet at the socket, and who meets less there than by TCP. */
function examineSocket(rules: readonly HbaRule[]): Finding[] {
  const local = rules.filter(({ type }) => type === "local");
  const general = local.find((rule) => isForAll(rule.databases) && isForAll(rule.users));
  const asks = general?.method === "scram-sha-256" || general?.method === "md5";
  const unused: Finding[] = asks ? [] : [{
    check: "pg_hba",
    gravity: "warning",
    finding: general === undefined
      ? "No local line of pg_hba.conf is for everybody, and router.local_socket is true."
      : `Line ${general.line} of pg_hba.conf, for everybody at the socket, says ${general.method}, ` +
        "and router.local_socket is true.",
    why: "Sessions that the socket does not ask for a password go by TCP, as if it was false.",
    remedy:
      "Write `local all all scram-sha-256` there and reload, or set router.local_socket: false.",
  }];
  const kept = rules.filter((rule) =>
    rule.type?.startsWith("host") && rule.method === "reject" && fitsLoopback(rule.address) &&
    !local.some((other) => other.method === "reject" && isSameFor(other, rule))
  ).map(({ line, databases, users }): Finding => ({
    check: "pg_hba",
    gravity: "warning",
    finding: `Line ${line} of pg_hba.conf keeps ${users.join(", ")} out of ${
      databases.join(", ")
    } by TCP, and no line does so at the socket.`,
    why:
      "With router.local_socket: true the router on this host lets them in, with their password.",
    remedy: "Add the same line with local, or reject them in router.allow.",
  }));
  return [...unused, ...kept];
}

function isForAll(names: readonly string[]): boolean {
  return names.includes("all");
}

function isSameFor(a: HbaRule, b: HbaRule): boolean {
  const same = (left: readonly string[], right: readonly string[]) =>
    isForAll(left) || right.every((name) => left.includes(name));
  return same(a.databases, b.databases) && same(a.users, b.users);
}

/** Whether a line may fit who comes from this host: where that cannot be seen, it is taken to. */
function fitsLoopback(address: string | null): boolean {
  return address === null || isLoopback(address) ||
    /^(all|samehost|samenet|0\.0\.0\.0|::)$/.test(address);
}
