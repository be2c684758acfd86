/**
 * Maintenance: while a node is paused its agent leaves PostgreSQL alone.
 *
 * The core goes on: heartbeats, lease, durability, what `status` says. What it wants done to
 * PostgreSQL is held back at the edge, as if it took very long, and never carried out; when it is no
 * longer fitting, because PostgreSQL works as the primary of this node's own term again, or the
 * pause ends, the core begins anew from what is on disk, which is what every restart of an agent
 * does. When nobody need be fenced either is told in pause_rules.ts.
 *
 * @module
 */
import type { PeerClient } from "../coordination/client.ts";
import type { NodeHealth } from "../coordination/health.ts";
import type { OperatorStep } from "../coordination/progress.ts";
import type { NodeStatus } from "../coordination/status.ts";
import type { Log } from "../core/log.ts";
import { membersOf } from "../core/members.ts";
import type { Answer, Request } from "../core/message.ts";
import type { NodeName } from "../core/record.ts";
import type { ServerAction } from "../core/server.ts";
import type { State } from "../core/state.ts";
import type { ServerDriver } from "./actions.ts";
import { monotonicMs } from "./clock.ts";
import type { Pause, PauseFile } from "./pause_file.ts";
import { isElectoral, isHeld, mayHold, type PeerPause, stillHolds } from "./pause_rules.ts";

/** How often a paused node asks the others, and one that is not looks at what the leader says. */
const ROUND_MS = 500;

const PAUSED = "metako is paused here";

/** See the module. */
export interface PauseKeeper {
  /** Null while metako steers. */
  current(): Pause | null;
  /** Resolves when it is durable; from then on it holds. @throws where it cannot be written */
  begin(wanted: Pick<Pause, "id" | "reason" | "by">): Promise<void>;
  /** Resolves when it is durable that there is none. @throws where the file cannot be removed */
  end(): Promise<void>;
  /** True while the primary here is left alone even where its lease ends. */
  holdsPrimary(): boolean;
  /** What `status` shows. */
  status(): NodeStatus["paused"];
  /** Sentences for `status`. */
  problems(): readonly string[];
  /** A driver that carries out only what the pause lets through. */
  drive(driver: ServerDriver): ServerDriver;
  /** A client that sends nothing which could make another node the leader, while it is paused. */
  hush(client: PeerClient): PeerClient;
  /** What a member is answered that asks for a vote meanwhile; null: the core answers. */
  denial(message: Request): Answer | null;
  /** What an operator is answered who wants a failover meanwhile; null: the core answers. */
  refusal(): AsyncIterable<OperatorStep> | null;
  /** The core has moved: a fence that was held back and may not be any more is carried out. */
  follow(): void;
  stop(): void;
}

/** What {@linkcode keepPause} is given. */
export interface PauseOptions {
  readonly file: PauseFile;
  /** What the file held at the start. */
  readonly pause: Pause | null;
  readonly state: () => State;
  /** A member's status now; null where it does not answer with the cluster's signature. */
  readonly ask: (node: NodeName) => Promise<NodeStatus | null>;
  /** What the health checks know of the others. */
  readonly peers: () => readonly NodeHealth[];
  /** Has the core begin anew from what is on disk. */
  readonly restartCore: () => Promise<void>;
  readonly log: Log;
}

/** Keeps this node's pause. */
export function keepPause(options: PauseOptions): PauseKeeper {
  const { file, log } = options;
  const peers = new Map<NodeName, PeerPause>();
  let pause = options.pause;
  let held: { readonly operation: number; readonly action: ServerAction } | null = null;
  let driven: ServerDriver | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  // One change at a time: what is on disk and what is in force must not pass each other.
  let changing: Promise<void> = Promise.resolve();

  if (pause !== null) {
    log("warning", "paused", { outcome: "noted", because: sentence(pause), by: pause.by });
  }
  const holdsPrimary = () => pause !== null && stillHolds(options.state(), pause, peers);
  const set = (change: (before: Pause | null) => Pause | null) =>
    changing = changing.catch(() => {}).then(async () => {
      const next = change(pause);
      if (next === pause) return;
      await file.write(next);
      pause = next;
    });

  function letGo(): void {
    if (held === null || pause === null || isHeld(held.action, holdsPrimary())) return;
    const { operation, action } = held;
    held = null;
    driven?.run(operation, action);
  }

  async function beginAnew(because: string): Promise<void> {
    held = null;
    log("info", "core_restart", { outcome: "started", because });
    await options.restartCore();
  }

  async function round(): Promise<void> {
    letGo();
    const state = options.state();
    if (pause === null) return await adopt(state);
    await askAll(state, pause.id);
    const now = options.state();
    if (pause === null) return;
    if (!holdsPrimary() && mayHold(now, pause.id, peers)) {
      const { term } = now.durable;
      await set((before) => before === null ? null : { ...before, heldTerm: term });
      log("warning", "pause_holds", {
        outcome: "done",
        term,
        because: "a majority is paused, so nobody can be elected: this primary is not fenced",
      });
    }
    if (held !== null && holdsPrimary() && now.server?.state === "primary") {
      await beginAnew("PostgreSQL works as a primary, and the agent takes it back");
    }
  }

  async function askAll(state: State, id: string): Promise<void> {
    const others = membersOf(state).filter(({ name }) => name !== state.settings.self);
    await Promise.all(others.map(async ({ name }) => {
      const status = await options.ask(name);
      if (status === null) return;
      const found = status.paused?.id ?? null;
      if (peers.get(name)?.id === found) return;
      peers.set(name, { id: found, sinceMs: monotonicMs() });
      if (found === id || pause?.id !== id) return;
      log("warning", "pause_differs", {
        outcome: "noted",
        peer: name,
        because: "it is not paused, and this node is",
      });
    }));
  }

  /** A node that was away when the others were paused hears of it from the leader. */
  async function adopt(state: State): Promise<void> {
    const leader = state.durable.record?.leader.node ?? null;
    if (leader === null || leader === state.settings.self) return;
    const known = options.peers().find(({ node, agent }) => node === leader && agent === "ok");
    const theirs = known?.status?.paused ?? null;
    // An old answer may be of before the end of the pause, so the leader is asked again.
    if (theirs === null || (await options.ask(leader))?.paused?.id !== theirs.id) return;
    await begin(theirs);
  }

  async function begin({ id, reason, by }: Pick<Pause, "id" | "reason" | "by">): Promise<void> {
    await set((before) =>
      before ?? { id, reason, by, since: new Date().toISOString(), heldTerm: null }
    );
    log("warning", "paused", { outcome: "done", because: sentence(pause!), by });
  }

  const tick = () => {
    round().catch((error) => {
      const because = error instanceof Error ? error.message : String(error);
      log("error", "paused", { outcome: "failed", because });
    }).finally(() => {
      if (!stopped) timer = setTimeout(tick, ROUND_MS);
    });
  };
  timer = setTimeout(tick, ROUND_MS);

  return {
    current: () => pause,
    begin,
    async end() {
      await set(() => null);
      peers.clear();
      log("warning", "resumed", { outcome: "done", because: "an operator ended the pause" });
      if (held !== null) await beginAnew("what was held back is decided anew");
    },
    holdsPrimary,
    status: () =>
      pause === null ? null : {
        id: pause.id,
        reason: pause.reason,
        by: pause.by,
        since: pause.since,
        holds_primary: holdsPrimary(),
        held: held?.action.type ?? null,
      },
    problems: () => pause === null ? [] : [sentence(pause)],
    follow: letGo,
    hush: (client) => ({
      ...client,
      send: (to, message) =>
        pause !== null && isElectoral(message)
          ? Promise.resolve({ type: "silent", because: PAUSED })
          : client.send(to, message),
    }),
    denial: (message) =>
      pause !== null && isElectoral(message)
        ? { type: "denied", term: options.state().durable.term, because: PAUSED }
        : null,
    refusal: () => pause === null ? null : refused(sentence(pause)),
    drive: (driver) => ({
      ...driver,
      run(operation, action) {
        driven = driver;
        if (pause === null || !isHeld(action, holdsPrimary())) {
          held = null;
          return driver.run(operation, action);
        }
        held = { operation, action };
        log("warning", "held", {
          outcome: "noted",
          action: action.type,
          because: "metako is paused here, so PostgreSQL is left as it is",
        });
      },
    }),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

async function* refused(step: string): AsyncGenerator<OperatorStep> {
  yield { step, outcome: "refused" };
}

/** The pause in a sentence, the same on every node of one pause. */
export function sentence({ reason, by }: Pick<Pause, "reason" | "by">): string {
  const why = reason === "" ? "" : ` (${reason})`;
  return `metako is paused by ${by}${why}: it starts, stops, promotes and fences nothing. When the ` +
    "maintenance is over: metako resume";
}
