/**
 * The SQLSTATEs that a router itself says (PostgreSQL manual, appendix "Error Codes").
 *
 * @module
 */

/** Named for what happened to the client. */
export const SQLSTATE = {
  /** The router is being shut down, or the primary of a session went on purpose. */
  adminShutdown: "57P01",
  /** There is no server that could take the session yet; trying again makes sense. */
  cannotConnectNow: "57P03",
  tooManyConnections: "53300",
  connectionRejected: "08004",
  /** The server went away without a word. */
  connectionLost: "08006",
  /** The server went away, and whether a transaction was committed is not known. */
  outcomeUnknown: "08007",
  protocolViolation: "08P01",
  /** Who the client says it is may not come in this way. */
  invalidAuthorization: "28000",
  /** The proof of the password is wrong. */
  invalidPassword: "28P01",
  featureNotSupported: "0A000",
  /** A prepared statement of that name is there already. */
  nameTaken: "42P05",
  /** The client let its session rest for too long. */
  idleSessionTimeout: "57P05",
  idleInTransactionTimeout: "25P03",
  /** The query took too long, or somebody cancelled it. */
  queryCancelled: "57014",
} as const;

/** One of {@linkcode SQLSTATE}. */
export type SqlState = typeof SQLSTATE[keyof typeof SQLSTATE];

/** What goes wrong for a client, in the terms that it will read. */
export interface Complaint {
  readonly sqlstate: SqlState;
  /** What could not be done, and why; one sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}
