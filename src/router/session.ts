/**
 * One client's session from its startup packet to its end: may it come in, which server takes it,
 * forward, and close both sides so that each learns as much as can be said.
 *
 * @module
 */
import { atBoundary } from "../wire/framing.ts";
import { fatalBytes } from "../wire/errors.ts";
import { isBusy } from "../wire/activity.ts";
import { terminateBytes } from "../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import { admit } from "./admit.ts";
import { acquire, type Attempt } from "./acquire.ts";
import type { Backend } from "./backend.ts";
import { deliverCancel } from "./cancel.ts";
import { type Context, sessionsByNode } from "./context.ts";
import { drainLink, type EarlyInput, type Ending, type Link, startForwarding } from "./forward.ts";
import type { Introduction } from "./greet.ts";
import { chooseRoute, type Purpose, type Route, routeProblem } from "./route.ts";
import { closeAfter, closeQuietly, finishWriting, read, within, write } from "./socket.ts";

/** The handle of a running session. */
export interface Session {
  readonly purpose: Purpose;
  /** Where it is, or is trying to get; null while it waits. */
  route: Route | null;
  /** Compares its route with the present view. @returns true where that ended the session */
  reconsider(): boolean;
  /** On the primary: close with this when at rest. Null takes it back. */
  drain(complaint: Complaint | null): void;
  /** Ends it wherever it stands. */
  end(complaint: Complaint): void;
}

const EARLY_BUFFER_BYTES = 8192;
/** How long a last word may take to be taken; a client that does not read gets none. */
const LAST_WORD_MS = 1000;

/** Serves one client; resolves when nothing of it is under way any more. */
export async function runSession(
  context: Context,
  { client, address, purpose, introduction }: {
    readonly client: Deno.Conn;
    readonly address: string;
    readonly purpose: Purpose;
    readonly introduction: Introduction;
  },
): Promise<void> {
  const { options, ports, sessions } = context;
  if (sessions.size >= options.maximumConnections) {
    return await refuse(context, client, {
      sqlstate: SQLSTATE.tooManyConnections,
      message: "Cannot start a session: sorry, too many clients already " +
        `(router.maximum_connections is ${options.maximumConnections}).`,
      hint: "Close idle sessions, use a connection pool, or raise the limit.",
    });
  }
  const abandoned = new AbortController();
  const live: Live = { attempt: null, link: null, verdict: null };
  const session = createSession(context, purpose, live, abandoned);
  sessions.add(session);
  try {
    const admission = await admit(context, {
      client,
      introduction,
      address,
      purpose,
      signal: abandoned.signal,
    });
    if (admission.type === "gone") {
      if (live.verdict !== null) await closeAfter(client, fatalBytes(live.verdict), LAST_WORD_MS);
      return;
    }
    if (admission.type === "refused") {
      return await refuse(context, client, live.verdict ?? admission.complaint);
    }
    const early = listenEarly(client, admission.rest, abandoned);
    const acquired = await acquire({
      purpose,
      startup: admission.startup,
      credentials: admission.credentials,
      clientKey: admission.clientKey,
      options,
      ports,
      waitingRoom: context.waitingRoom,
      signal: abandoned.signal,
      choose: (excluded) => choose(context, purpose, excluded),
      isRight: (route) =>
        routeProblem(route, ports.view()) === null &&
        (route.to === "standby" || context.held === null),
      onAttempt(next) {
        live.attempt = next;
        session.route = next?.route ?? null;
      },
    });
    switch (acquired.type) {
      case "acquired": {
        const link = join(context, client, acquired.route, acquired.backend, early);
        session.route = acquired.route;
        live.link = link;
        // What happened between the last look and this line found no link to act upon.
        if (live.verdict !== null) session.end(live.verdict);
        session.reconsider();
        if (context.held !== null) session.drain(heldComplaint(context.held));
        return await conclude(context, link, acquired.route, await link.ended);
      }
      case "refused":
        if (acquired.sqlstate?.startsWith("28")) ports.roles.forget(admission.user);
        ports.log("info", "session_refused", { peer: address, sqlstate: acquired.sqlstate });
        return await closeAfter(client, acquired.words, LAST_WORD_MS);
      case "unfit":
        ports.roles.forget(admission.user);
        return await refuse(context, client, acquired.complaint);
      case "failed":
        return await refuse(context, client, acquired.complaint);
      case "abandoned":
        return live.verdict === null
          ? closeQuietly(client)
          : await closeAfter(client, fatalBytes(live.verdict), LAST_WORD_MS);
    }
  } finally {
    sessions.delete(session);
    const keys = live.link?.keys ?? null;
    if (keys !== null) context.keys.remove(keys.client);
    closeQuietly(client);
    // The session is over, but a socket whose peer does not read may live on for a while: it counts
    // against the connections that the router has open for as long as that lasts.
    await live.link?.toServerDone;
    await live.link?.toClientDone;
  }
}

/** What a session has at this moment. */
interface Live {
  attempt: Attempt | null;
  link: Link | null;
  /** Why it is being ended from outside. */
  verdict: Complaint | null;
}

function createSession(
  context: Context,
  purpose: Purpose,
  live: Live,
  abandoned: AbortController,
): Session {
  const { ports } = context;
  const session: Session = {
    purpose,
    route: null,
    reconsider() {
      if (live.attempt !== null && routeProblem(live.attempt.route, ports.view()) !== null) {
        live.attempt.abort();
      }
      if (live.link === null || session.route === null) return false;
      const problem = routeProblem(session.route, ports.view());
      if (problem !== null) session.end(routeWentAway(problem));
      return problem !== null;
    },
    drain(complaint) {
      if (live.link !== null && session.route?.to === "primary") drainLink(live.link, complaint);
    },
    end(complaint) {
      live.verdict ??= complaint;
      abandoned.abort();
      live.link?.end({ type: "stopped", complaint });
      if (live.link !== null) closeQuietly(live.link.server);
    },
  };
  return session;
}

/** What a session reads that is drained, or that waits, because of a planned switchover. */
export function heldComplaint(because: string): Complaint {
  return {
    sqlstate: SQLSTATE.adminShutdown,
    message: `This session is closed: ${because}`,
    hint: "Connect again; the router leads to the new primary.",
  };
}

/** Tells the client that the router does not serve it, and closes. */
export async function refuse(
  context: Context,
  client: Deno.Conn,
  complaint: Complaint,
): Promise<void> {
  context.counters.refused++;
  context.ports.log("warning", "session_refused", {
    sqlstate: complaint.sqlstate,
    because: complaint.message,
  });
  await closeAfter(client, fatalBytes(complaint), LAST_WORD_MS);
}

/** Begins to read, so that a client that leaves while it waits is noticed. */
function listenEarly(
  client: Deno.Conn,
  rest: Uint8Array,
  abandoned: AbortController,
): EarlyInput {
  const buffer = new Uint8Array(EARLY_BUFFER_BYTES);
  const pending = read(client, buffer);
  pending.then((count) => {
    if (count === null) abandoned.abort();
  });
  return { rest, pending, buffer };
}

function choose(
  context: Context,
  purpose: Purpose,
  excluded: ReadonlySet<string>,
): ReturnType<typeof chooseRoute> {
  const { options, ports } = context;
  return chooseRoute({
    view: ports.view(),
    purpose,
    held: context.held,
    excluded,
    balance: {
      algorithm: options.algorithm,
      localNodePreference: options.localNodePreference,
      connections: sessionsByNode(context),
      turn: context.turn++,
      random: ports.random(),
    },
  });
}

function join(
  context: Context,
  client: Deno.Conn,
  route: Route,
  backend: Backend,
  early: EarlyInput,
): Link {
  return startForwarding(client, backend, early, {
    onKeys: ({ client, server }) =>
      context.keys.add(client, () => ({ key: server, target: route.target })),
    onBytes(direction, count) {
      if (direction === "to_server") context.counters.bytesToServer += count;
      else context.counters.bytesToClient += count;
    },
  });
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
    const sink = new Uint8Array(EARLY_BUFFER_BYTES);
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
