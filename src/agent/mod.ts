/**
 * The agent's face for the command line.
 *
 * @module
 */
export type { FailoverEnd, OperatorClient } from "../coordination/operator_client.ts";
export type { HistoryEntry, OperatorRequest, PrimaryChange } from "../coordination/history.ts";
export { type NodeStatus, nodeStatusSchema } from "../coordination/status.ts";
export { compareNames } from "./names.ts";
export { type DiskSpace, readDiskSpace } from "../postgres/disk.ts";
export { findPostgres } from "../postgres/discover.ts";
export { OLDEST_MAJOR } from "../postgres/version.ts";
export { createOperatorClient } from "./operator.ts";
export { runGuardian } from "./guardian.ts";
export { runAgent } from "./run.ts";
