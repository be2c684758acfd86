/**
 * The agent's face for the command line.
 *
 * @module
 */
export type { FailoverEnd, OperatorClient } from "../coordination/operator_client.ts";
export type { SessionDocument } from "../coordination/session_routes.ts";
export type { HistoryEntry, OperatorRequest, PrimaryChange } from "../coordination/history.ts";
export { type NodeStatus, nodeStatusSchema } from "../coordination/status.ts";
export { claimsPrimary, mergeStatuses, unbelieved } from "../coordination/merge.ts";
export type { ClusterView, NodeAnswer, Verdict } from "../coordination/merge.ts";
export { type MergedEntry, mergeHistories } from "../coordination/merge_history.ts";
export { compareNames } from "../coordination/names.ts";
export { statusDocument } from "../coordination/status_document.ts";
export { printable } from "../coordination/printable.ts";
export { type DiskSpace, readDiskSpace } from "../postgres/disk.ts";
export { slotName } from "../postgres/slot_name.ts";
export { listTablespaces } from "../postgres/tablespaces.ts";
export { findPostgres } from "../postgres/discover.ts";
export { OLDEST_MAJOR } from "../postgres/version.ts";
export { findOpenFiles, openFileText } from "./open_files.ts";
export { createOperatorClient } from "./operator.ts";
export type { ConfigReading } from "./reload.ts";
export { runAgent } from "./run.ts";
