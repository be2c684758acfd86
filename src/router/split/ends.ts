/**
 * How a session parts with its servers: one that is gone, one that is no longer right, one that is to
 * be left before a switchover. Reads go on, and a session that can do without its primary for a while
 * waits for the next one; only what cannot be carried over ends with the server that has it.
 *
 * @module
 */
import { isAtRest, isBusy } from "../../wire/activity.ts";
import { terminateBytes } from "../../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../../wire/sqlstate.ts";
import { isYielding, routeProblem } from "../route.ts";
import { finishWriting, within, write } from "../socket.ts";
import { whyBound } from "./memory.ts";
import { refreshSettings } from "./mirror.ts";
import { closeSide, isFree, quiet, type Side } from "./side.ts";
import { type Split, tellRoutes, toClient } from "./state.ts";

/** How long a primary that is none any more may take for what it has begun to say. */
const LAST_WORD_MS = 1000;

/** A standby is gone. What the client has not seen an answer to runs again on the primary. */
export function standbyLost(split: Split, side: Side): void {
  const { hold } = side;
  const inTheMiddle = isBusy(side.activity) || side.activity.transaction !== "idle";
  dropStandby(split, side);
  if (hold !== null) {
    // A second try is under way already if its failure was heard.
    if (!hold.failed || split.rerun === null) split.rerun = split.rerunOf(hold, null);
  } else if (inTheMiddle && !split.over) {
    split.end({ type: "server_left" });
  }
}

/** The primary is gone. What the client has not seen an answer to, and may run twice, waits for the next one. */
export function primaryLost(split: Split, side: Side): void {
  if (split.primary === side && mayRepeat(split, side)) return repeatElsewhere(split, side);
  const inTheMiddle = isBusy(side.activity) || side.activity.transaction !== "idle";
  const { node } = side.route.target;
  closeSide(side);
  if (split.primary !== side) return;
  split.primary = null;
  tellRoutes(split);
  if (split.over) return;
  if (inTheMiddle || side.explained) {
    // Kept for the last word: whether something was written that nobody acknowledged.
    split.primary = side;
    return split.end({ type: "server_left" });
  }
  const bound = whyBound(split.memory);
  if (bound === null) return;
  const words = side.farewell;
  const ending = stopped(closedBecause(`${node} went away`, bound));
  if (words === null) return split.end(ending);
  side.explained = true;
  void toClient(split, null, [words]).then(() => split.end(ending));
}

/** True where nobody will notice if all that this primary was asked is asked of the next one. */
export function mayRepeat({ over, memory }: Split, { hold, explained }: Side): boolean {
  return hold !== null && !hold.followed && !explained && !over && whyBound(memory) === null;
}

/** True where the primary is known to be on its way out, so that what it says about that is no news. */
export function isGoing({ context }: Split, { route }: Side): boolean {
  return context.held !== null || routeProblem(route, context.ports.view()) !== null;
}

function repeatElsewhere(split: Split, side: Side): void {
  const { hold } = side;
  closeSide(side);
  split.primary = null;
  tellRoutes(split);
  if (hold !== null) split.rerun = split.rerunOf(hold, null);
}

/** Compares with the present view. @returns true where that ended the session */
export function reconsider(split: Split): boolean {
  const { primary, standby } = split;
  const view = split.context.ports.view();
  if (standby !== null && routeProblem(standby.route, view) !== null) {
    standby.retired = true;
    settle(split, standby);
  }
  const problem = primary === null ? null : routeProblem(primary.route, view);
  if (split.context.held === null) split.drain = null;
  if (primary === null || problem === null) return false;
  if (isYielding(primary.route, view)) {
    split.drain = closedBecause(problem, null);
    settle(split, primary);
    return false;
  }
  if (isFree(primary) && whyBound(split.memory) === null) {
    leavePrimary(split, primary);
    return false;
  }
  if (mayRepeat(split, primary)) {
    repeatElsewhere(split, primary);
    return false;
  }
  if (isAtRest(primary.activity) && whyBoundBeside(split) === null) {
    // Its answer is on its way to the client, or one to a question of the router's own is still to come.
    split.drain = closedBecause(problem, null);
    settle(split, primary);
    void leaveSoon(split, primary);
    return false;
  }
  split.end(stopped(closedBecause(problem, whyBound(split.memory))));
  return true;
}

/** Ends a session that has not left its primary, as {@linkcode settle} has it do, a little later. */
async function leaveSoon(split: Split, primary: Side): Promise<void> {
  await within(quiet(primary), LAST_WORD_MS);
  if (split.over || split.drain === null || split.primary !== primary) return;
  split.end(stopped(boundBy(split.drain, whyBound(split.memory))));
}

/** What is to be done with a side whenever it may have become quiet. */
export function settle(split: Split, side: Side): void {
  if (side.closed || split.over || !isFree(side)) return;
  if (side === split.standby) {
    if (side.retired) {
      void sayGoodbye(side);
      dropStandby(split, side);
    }
    return;
  }
  if (side !== split.primary) return;
  if (side.farewell !== null) return;
  if (split.settingsAhead) return;
  if (split.memory.values === null && whyBoundBeside(split) === null) {
    // So that they are known should this server go before they are needed.
    void refreshSettings(split, side);
    return;
  }
  if (split.drain === null) return;
  const bound = whyBound(split.memory);
  if (bound === null) leavePrimary(split, side);
  else split.end(stopped(boundBy(split.drain, bound)));
}

/** Leaves a primary that is no longer one, or will soon not be, and goes on without it. */
function leavePrimary(split: Split, side: Side): void {
  void sayGoodbye(side);
  closeSide(side);
  split.primary = null;
  tellRoutes(split);
}

/** Forgets a standby. */
export function dropStandby(split: Split, side: Side): void {
  closeSide(side);
  if (split.standby === side) split.standby = null;
  tellRoutes(split);
}

/** What would bind the session even if its settings were known. */
function whyBoundBeside({ memory }: Split): string | null {
  return memory.values === null ? whyBound({ ...memory, values: new Map() }) : whyBound(memory);
}

async function sayGoodbye(side: Side): Promise<void> {
  // The bytes are in the kernel's hands when this returns for the first time.
  const said = write(side.conn, terminateBytes());
  await said;
  await finishWriting(side.conn);
}

function stopped(complaint: Complaint) {
  return { type: "stopped", complaint } as const;
}

function boundBy(complaint: Complaint, bound: string | null): Complaint {
  return bound === null ? complaint : { ...complaint, message: `${complaint.message} (${bound})` };
}

function closedBecause(because: string, bound: string | null): Complaint {
  return {
    sqlstate: SQLSTATE.adminShutdown,
    message: `This session is closed: ${because}` +
      (bound === null ? "" : `, and it cannot go on elsewhere: ${bound}`),
    hint: "Connect again; the router leads to the present primary. What was not answered may or " +
      "may not have taken effect.",
  };
}
