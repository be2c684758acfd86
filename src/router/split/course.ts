/**
 * A session with splitting from its first server to its end.
 *
 * @module
 */
import { isBusy } from "../../wire/activity.ts";
import { pulseOf } from "./pulse.ts";
import { isBetween } from "../../wire/cutter.ts";
import { fatalBytes } from "../../wire/errors.ts";
import { terminateBytes } from "../../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../../wire/sqlstate.ts";
import type { Backend } from "../backend.ts";
import { deliverCancel } from "../cancel.ts";
import type { EarlyInput } from "../ear.ts";
import type { Ending } from "../forward.ts";
import type { Course } from "../course.ts";
import type { Route } from "../route.ts";
import { closeQuietly, finishWriting, within, write } from "../socket.ts";
import { dropStandby, reconsider, settle } from "./ends.ts";
import { rerun } from "./place.ts";
import { adoptPrimary } from "./primary.ts";
import { closeSide, gone, type Side } from "./side.ts";
import { serveClient } from "./split.ts";
import { createSplit, type Split, tell, toClient } from "./state.ts";

/** How long a last word may take to be taken; a client that does not read gets none. */
const LAST_WORD_MS = 1000;

/** Joins the client and its first primary. {@linkcode Course.done} says when all is over. */
export function startSplit(
  input: Omit<Parameters<typeof createSplit>[0], "rerun">,
  { route, backend, early }: {
    readonly route: Route;
    readonly backend: Backend;
    readonly early: EarlyInput;
  },
): Course {
  const split: Split = createSplit({
    ...input,
    rerun: (hold, side) => rerun(split, hold, side),
  });
  for (const [name, value] of backend.parameters) tell(split, name, value);
  const first = adoptPrimary(split, route, backend);
  const key = backend.keys?.client ?? null;
  const located = () => split.live !== null && !split.live.closed ? split.live : split.primary;
  const locate = () => {
    const side = located();
    return side === null || side.key === null ? null : { target: side.route.target, key: side.key };
  };
  if (key !== null) input.context.keys.add(key, locate);
  const serving = (async () => {
    if (await toClient(split, first, [backend.greeting])) await serveClient(split, early);
  })();
  const done = (async () => {
    const ending = await split.ended;
    await conclude(split, ending, serving);
    if (key !== null) input.context.keys.remove(key);
    // A client that does not read may live on for a while: it counts for as long as that lasts.
    closeQuietly(split.client);
    await serving;
  })();
  return {
    reconsider: () => reconsider(split),
    drain(complaint) {
      split.drain = complaint;
      if (complaint !== null && split.primary !== null) settle(split, split.primary);
    },
    pulse: () => pulseOf(split),
    overdue(words) {
      const side = located();
      if (side === null) return null;
      side.overdue = words;
      return locate();
    },
    end: (complaint) => split.end({ type: "stopped", complaint }),
    done,
  };
}

async function conclude(split: Split, ending: Ending, serving: Promise<void>): Promise<void> {
  const { primary } = split;
  switch (ending.type) {
    case "client_left": {
      const leaving = Promise.all([split.primary, split.standby].map((side) => leave(split, side)));
      // Its end is on its way: a read that is broken off costs more than one that comes to it.
      await Promise.race([serving, leaving]);
      closeQuietly(split.client);
      await leaving;
      return;
    }
    case "server_left": {
      const explained = primary?.explained === true || split.live?.explained === true;
      return await lastWord(split, explained ? null : lost(split), serving);
    }
    case "stopped":
      return await lastWord(split, ending.complaint, serving);
    case "violation": {
      const node = split.live?.route.target.node ?? "server";
      split.context.ports.log("warning", "protocol_violation", {
        peer: ending.side === "client" ? "client" : node,
        because: ending.because,
      });
      return await lastWord(split, {
        sqlstate: SQLSTATE.protocolViolation,
        message:
          `This session is closed: the ${ending.side} broke the protocol: ${ending.because}.`,
      }, serving);
    }
  }
}

/** The client went: end its work on this server, and say goodbye there. */
async function leave(split: Split, side: Side | null): Promise<void> {
  if (side === null || side.closed) return;
  const { options } = split.context;
  if (isBusy(side.activity) && side.key !== null) {
    await deliverCancel({ key: side.key, target: side.route.target }, options);
  }
  await within(
    (async () => {
      if (!await write(side.conn, terminateBytes())) return;
      if (isBusy(side.activity)) await finishWriting(side.conn);
      else await gone(side);
    })(),
    LAST_WORD_MS,
  );
  closeSide(side);
}

/** The servers are done with: close them at once, and tell the client why if it can be told. */
async function lastWord(
  split: Split,
  complaint: Complaint | null,
  serving: Promise<void>,
): Promise<void> {
  const whole = split.live === null || isBetween(split.live.cutter);
  const { primary, standby } = split;
  if (standby !== null) dropStandby(split, standby);
  if (primary !== null) closeSide(primary);
  await within(
    (async () => {
      if (complaint !== null && whole) await write(split.client, fatalBytes(complaint));
      await finishWriting(split.client);
      // The intake drops what the client still sends until the client has closed.
      await serving;
    })(),
    LAST_WORD_MS,
  );
  closeQuietly(split.client);
}

function lost({ live, primary, memory }: Split): Complaint {
  const node = (live ?? primary)?.route.target.node ?? "the server";
  return memory.writing
    ? {
      sqlstate: SQLSTATE.outcomeUnknown,
      message: `The connection to ${node} was lost before it answered: whether the transaction ` +
        "was committed is not known.",
      hint: "Connect again, and look before you repeat it.",
    }
    : {
      sqlstate: SQLSTATE.connectionLost,
      message: `The connection to ${node} was lost in the middle of a statement or transaction.`,
      hint: "Connect again and repeat it.",
    };
}
