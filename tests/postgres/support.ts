/**
 * A place that nothing stands at: what the pure parts of the postgres room are given in tests.
 */
import type { PostgresOptions } from "../../src/postgres/options.ts";
import type { Place } from "../../src/postgres/place.ts";
import { rememberTries } from "../../src/postgres/tries.ts";

/** The options of node `a`, whose passwords must show up nowhere. */
export function optionsOf(members: PostgresOptions["members"]): PostgresOptions {
  return {
    nodeName: "a",
    members,
    host: "127.0.0.1",
    port: 5433,
    username: "postgres",
    password: "hidden-1",
    database: "app",
    dataDir: "/data",
    binDir: null,
    osUser: null,
    replicationUser: "repl",
    replicationPassword: "hidden-2",
    stateDir: "/state",
    timeoutMs: 1_000,
    log: () => {},
  };
}

/** A place of PostgreSQL 15 with these options. */
export function placeOf(options: PostgresOptions): Place {
  return {
    options,
    dataDir: "/data",
    binDir: "/bin",
    major: 15,
    owner: null,
    privateDir: "/state/postgres",
    starts: rememberTries("start", options),
  };
}
