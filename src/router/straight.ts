/**
 * A session that is forwarded as it comes, to one server for as long as it lasts.
 *
 * @module
 */
import { isAtRest, isBusy } from "../wire/activity.ts";
import { fatalBytes } from "../wire/errors.ts";
import { atBoundary } from "../wire/framing.ts";
import { terminateBytes } from "../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import type { Backend } from "./backend.ts";
import { deliverCancel } from "./cancel.ts";
import type { Context } from "./context.ts";
import type { Course } from "./course.ts";
import type { EarlyInput } from "./ear.ts";
import { drainLink, type Ending, type Link, startForwarding } from "./forward.ts";
import { isYielding, type Route, routeProblem } from "./route.ts";
import { closeQuietly, finishWriting, read, within, write } from "./socket.ts";

/** How long a last word may take to be taken; a client that does not read gets none. */
const LAST_WORD_MS = 1000;
const SINK_BYTES = 8192;

/** Joins a client and a server. */
export function startStraight(
  context: Context,
  { client, route, backend, early }: {
    readonly client: Deno.Conn;
    readonly route: Route;
    readonly backend: Backend;
    readonly early: EarlyInput;
  },
): Course {
  const { ports, counters, keys } = context;
  const link = startForwarding(client, backend, early, {
    onKeys: ({ client: key, server }) =>
      keys.add(key, () => ({ key: server, target: route.target })),
    onBytes(direction, count) {
      if (direction === "to_server") counters.bytesToServer += count;
      else counters.bytesToClient += count;
    },
  });
  const end = (complaint: Complaint) => {
    link.end({ type: "stopped", complaint });
    closeQuietly(link.server);
  };
  return {
    reconsider() {
      const view = ports.view();
      const problem = routeProblem(route, view);
      const yields = isYielding(route, view);
      if (problem !== null && !yields) end(routeWentAway(problem));
      else if (route.to === "primary" && context.held === null) {
        drainLink(link, problem === null ? null : routeWentAway(problem));
      }
      return problem !== null && !yields;
    },
    drain(complaint) {
      if (route.to === "primary") drainLink(link, complaint);
    },
    pulse() {
      const { phase, activity, answered } = link;
      if (phase !== "ready") return { phase: "routing", answered };
      if (isBusy(activity)) return { phase: "working", answered };
      return { phase: isAtRest(activity) ? "idle" : "idle_in_transaction", answered };
    },
    overdue: () => link.keys === null ? null : { key: link.keys.server, target: route.target },
    end,
    done: (async () => {
      await conclude(context, link, route, await link.ended);
      if (link.keys !== null) keys.remove(link.keys.client);
      closeQuietly(client);
      // The session is over, but a socket whose peer does not read may live on for a while: it counts
      // against the connections that the router has open for as long as that lasts.
      await link.toServerDone;
      await link.toClientDone;
    })(),
  };
}

async function conclude(
  context: Context,
  link: Link,
  route: Route,
  ending: Ending,
): Promise<void> {
  switch (ending.type) {
    case "client_left":
      return await leaveServer(context, link, route);
    case "server_left":
      return await lastWord(
        link,
        link.explained || link.activity.terminated ? null : {
          sqlstate: SQLSTATE.connectionLost,
          message:
            `The connection to ${route.target.node} was lost. Whether the last statement took ` +
            "effect is not known if it was not answered.",
          hint: "Connect again, and look before you repeat what was not answered.",
        },
      );
    case "stopped":
      return await lastWord(link, ending.complaint);
    case "violation":
      context.ports.log("warning", "protocol_violation", {
        peer: ending.side === "client" ? "client" : route.target.node,
        because: ending.because,
      });
      return await lastWord(link, {
        sqlstate: SQLSTATE.protocolViolation,
        message:
          `This session is closed: the ${ending.side} broke the protocol: ${ending.because}.`,
      });
  }
}

/** The client went: end its work on the server, and say goodbye there. */
async function leaveServer(context: Context, link: Link, route: Route): Promise<void> {
  const { activity, server, keys } = link;
  closeQuietly(link.client);
  const leftWork = isBusy(activity) && !activity.terminated;
  if (leftWork && keys !== null) {
    await deliverCancel({ key: keys.server, target: route.target }, context.options);
  }
  const goodbye = async () => {
    if (!activity.terminated && !link.writingToServer && atBoundary(link.clientFraming)) {
      await write(server, terminateBytes());
    }
    await finishWriting(server);
    await link.toClientDone;
    const sink = new Uint8Array(SINK_BYTES);
    while (await read(server, sink) !== null);
  };
  await within(goodbye(), LAST_WORD_MS);
  closeQuietly(server);
}

/** The server is done with: close it at once, and tell the client why if it can be told. */
async function lastWord(link: Link, complaint: Complaint | null): Promise<void> {
  closeQuietly(link.server);
  const goodbye = async () => {
    await link.toClientDone;
    if (complaint !== null && atBoundary(link.serverFraming)) {
      await write(link.client, fatalBytes(complaint));
    }
    await finishWriting(link.client);
    // The other loop drops the client's input until the client has closed.
    await link.toServerDone;
  };
  await within(goodbye(), LAST_WORD_MS);
  closeQuietly(link.client);
}

function routeWentAway(because: string): Complaint {
  return {
    sqlstate: SQLSTATE.adminShutdown,
    message: `This session is closed: ${because}`,
    hint:
      "Connect again; the router leads to the present primary. What was not answered may or may " +
      "not have taken effect.",
  };
}
