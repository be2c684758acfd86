/**
 * One client's session from its startup packet to its end: may it come in, which server takes it,
 * forward, and close both sides so that each learns as much as can be said.
 *
 * @module
 */
import { fatalBytes } from "../wire/errors.ts";
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import { asksForReplication } from "./access.ts";
import { type Admission, admit } from "./admit.ts";
import { acquire, type Attempt } from "./acquire.ts";
import type { Located } from "./cancel.ts";
import { type Card, newCard } from "./card.ts";
import { choose } from "./choose.ts";
import type { Context } from "./context.ts";
import type { Course } from "./course.ts";
import { openEar } from "./ear.ts";
import type { Introduction } from "./greet.ts";
import type { Pulse } from "./limits.ts";
import { type Purpose, type Route, routeProblem } from "./route.ts";
import { closeAfter, closeQuietly } from "./socket.ts";
import { startSplit } from "./split/course.ts";
import type { Login, SplitHooks } from "./split/state.ts";
import { startStraight } from "./straight.ts";

/** The handle of a running session. */
export interface Session {
  readonly card: Card;
  /** Where it is, or is trying to get; null while it waits. */
  route: Route | null;
  /** The standby that its reads go to; null while it has none. */
  readRoute: Route | null;
  /** Compares its route with the present view. @returns true where that ended the session */
  reconsider(): boolean;
  /** On the primary: close with this when at rest. Null takes it back. */
  drain(complaint: Complaint | null): void;
  /** Where it stands; null before it has a server, and where it is for replication. */
  pulse(): Pulse | null;
  /** As {@linkcode Course.overdue}. */
  overdue(words: string): Located | null;
  /** Ends it wherever it stands. */
  end(complaint: Complaint): void;
}

/** How long a last word may take to be taken; a client that does not read gets none. */
const LAST_WORD_MS = 1000;

/** Serves one client; resolves when nothing of it is under way any more. */
export async function runSession(
  context: Context,
  { client, address, purpose, introduction, onAdmitted }: {
    readonly client: Deno.Conn;
    readonly address: string;
    readonly purpose: Purpose;
    readonly introduction: Introduction;
    /** Called once the client is let in, before it waits for a server. */
    readonly onAdmitted: () => void;
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
  const live: Live = {
    attempt: null,
    course: null,
    verdict: null,
    replicates: asksForReplication(introduction.packet.parameters.get("replication")),
  };
  const card = newCard(introduction, {
    id: ++context.lastSession,
    address,
    purpose,
    sinceMs: ports.now(),
  });
  const session = createSession(context, card, live, abandoned);
  sessions.add(session);
  const ear = openEar(client, introduction.rest);
  const leave = () => abandoned.abort();
  try {
    // Nothing is expected of the client before it is asked for its proof.
    ear.watch(leave);
    const admission = await admit(context, {
      client,
      ear,
      introduction,
      card,
      signal: abandoned.signal,
    });
    if (admission.type === "gone") {
      if (live.verdict !== null) await closeAfter(client, fatalBytes(live.verdict), LAST_WORD_MS);
      return;
    }
    if (admission.type === "refused") {
      return await refuse(context, client, live.verdict ?? admission.complaint);
    }
    onAdmitted();
    ear.watch(leave);
    const acquired = await acquire({
      purpose,
      startup: admission.startup,
      credentials: admission.credentials,
      clientKey: admission.clientKey,
      options,
      ports,
      waitingRoom: context.waitingRoom,
      open: context.open,
      signal: abandoned.signal,
      choose: (excluded) => choose(context, purpose, excluded),
      isRight: (route) =>
        routeProblem(route, ports.view()) === null &&
        (route.to === "standby" || context.held === null),
      onAttempt(next) {
        live.attempt = next;
        session.route = next?.route ?? null;
      },
      onWait: (because) => card.waitsBecause = because,
    });
    switch (acquired.type) {
      case "acquired": {
        const { route, backend } = acquired;
        const early = ear.hand();
        session.route = route;
        const login = splitLogin(context, purpose, introduction, admission);
        const course = login === null
          ? startStraight(context, { client, route, backend, early })
          : startSplit({
            context,
            client,
            login,
            signal: abandoned.signal,
            hooks: splitHooks(context, session, live),
          }, { route, backend, early });
        live.course = course;
        // What happened between the last look and this line found no course to act upon.
        if (live.verdict !== null) course.end(live.verdict);
        session.reconsider();
        if (context.held !== null) session.drain(heldComplaint(context.held));
        return await course.done;
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
    closeQuietly(client);
  }
}

/** What a session has at this moment. */
interface Live {
  attempt: Attempt | null;
  course: Course | null;
  /** It is for replication, which has no limits of time. */
  readonly replicates: boolean;
  /** Why it is being ended from outside. */
  verdict: Complaint | null;
}

function createSession(
  context: Context,
  card: Card,
  live: Live,
  abandoned: AbortController,
): Session {
  const { ports } = context;
  const session: Session = {
    card,
    route: null,
    readRoute: null,
    reconsider() {
      if (live.attempt !== null && routeProblem(live.attempt.route, ports.view()) !== null) {
        live.attempt.abort();
      }
      return live.course?.reconsider() ?? false;
    },
    drain(complaint) {
      live.course?.drain(complaint);
    },
    pulse: () => live.replicates ? null : live.course?.pulse() ?? null,
    overdue: (words) => live.course?.overdue(words) ?? null,
    end(complaint) {
      live.verdict ??= complaint;
      abandoned.abort();
      live.course?.end(complaint);
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

/** What opens servers for a session whose reads may go to a standby; null where they may not. */
function splitLogin(
  { options, classifiers }: Context,
  purpose: Purpose,
  { packet }: Introduction,
  { startup, credentials, user }: Extract<Admission, { type: "admitted" }>,
): Login | null {
  if (!options.splitting || purpose !== "primary" || classifiers === null) return null;
  // With the client's own exchange there is but one server that it opens.
  if (credentials === null || asksForReplication(packet.parameters.get("replication"))) return null;
  return { startup, credentials, database: packet.parameters.get("database") ?? user, classifiers };
}

function splitHooks({ counters }: Context, session: Session, live: Live): SplitHooks {
  return {
    onRoutes(primary, standby) {
      session.route = primary;
      session.readRoute = standby;
    },
    onAttempt(next) {
      live.attempt = next;
      if (next !== null) session.route = next.route;
    },
    onWait: (because) => session.card.waitsBecause = because,
    onBytes(direction, count) {
      if (direction === "to_server") counters.bytesToServer += count;
      else counters.bytesToClient += count;
    },
  };
}
