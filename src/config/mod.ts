/**
 * The room's face: text in, configuration or problems out.
 *
 * @module
 */
export type * from "./config.ts";
export { effectiveConfig } from "./effective.ts";
export { type NewMember, newMemberFile } from "./new_member.ts";
export { parseConfig, type ParseOptions, type ParseResult } from "./parse.ts";
export { type ChangedSetting, changedSettings, withLive } from "./reload.ts";
export { formatProblem, type Place, type Problem, type Severity } from "./problem.ts";
