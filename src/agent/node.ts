/**
 * One node, wired: the core's loop in the middle, and every room connected to it by functions.
 *
 * @module
 */
import { createCoordinationApp } from "../coordination/app.ts";
import type { Event } from "../core/event.ts";
import { guardOrder } from "../core/guard.ts";
import { pairCaution } from "../core/pair.ts";
import { initialState } from "../core/initial.ts";
import type { ServerObservation } from "../core/server.ts";
import { describe } from "../core/view.ts";
import type { Router, RouteView } from "../router/options.ts";
import { cancelHere } from "./cancels.ts";
import { statementParser } from "./statement_parser.ts";
import { watchCertificate } from "./certificate_watch.ts";
import { openApiListener } from "./api_listener.ts";
import { driveServer, type ServerDriver } from "./actions.ts";
import { keepCare, standingOf } from "./care.ts";
import { monotonicMs, watchForSuspension } from "./clock.ts";
import { openDashboard } from "./dashboard.ts";
import { createDocuments } from "./documents.ts";
import { openDoor } from "./door.ts";
import { type EffectPorts, startEffect } from "./effects.ts";
import { createConversations, createExchanges } from "./exchanges.ts";
import { keepGuardian } from "./guardian_keeper.ts";
import { keepMemory } from "./memory_keeper.ts";
import type { NodeOptions, RunningNode } from "./node_options.ts";
import { serveOpenApi } from "./openapi.ts";
import { createHooks } from "./hooks.ts";
import { keepPause } from "./pause.ts";
import { checkPeers, connectPeers, verifiedStatus } from "./peers.ts";
import { openPauseFile } from "./pause_file.ts";
import { coreSettings, liveSettings } from "./plan.ts";
import { keepRecords } from "./record_keeper.ts";
import { relieved } from "./relief.ts";
import { startRestartableLoop } from "./restartable_loop.ts";
import { BY_OPERATOR } from "./reload.ts";
import { startReports } from "./reports.ts";
import { reachableAmong, routeView, withReachableContact } from "./route_view.ts";
import { trackRoutes } from "./routes.ts";
import { sessionPorts } from "./sessions.ts";
import { createScrape } from "./scrape.ts";
import { endpoints } from "./secrets.ts";
import { watchSelf } from "./self_watch.ts";
import { identityOf, knownStandbys } from "./snapshot.ts";
import { failOver, steer, wishOf } from "./steering.ts";

/** A member's answer may take as long as the asking side waits, and not longer. */
const ANSWER_SHARE = 0.9;

/** Opens every listener, then starts the loop. Nothing is done to PostgreSQL before both listen. */
export async function openNode(
  options: NodeOptions,
): Promise<RunningNode | { readonly ok: false; readonly because: string }> {
  const { config, reloader, log, keys, tls, server } = options;
  const { identity, coordination } = config;
  const settings = coreSettings(config);
  const pauseFile = openPauseFile(config.stateDir);
  const remembered = await pauseFile.read();
  if (!remembered.ok) return remembered;
  const addresses = endpoints(config);
  const reachable = reachableAmong(addresses);
  const exchanges = createExchanges(2 * coordination.communicationTimeoutMs);
  const conversations = createConversations();
  const stopping = new AbortController();
  const broken = Promise.withResolvers<string>();
  let driver: ServerDriver | null = null;
  let router: Router | null = null;

  const client = connectPeers(config, { keys, tls, addresses });
  const hooks = createHooks({ config, log });
  const records = keepRecords({
    self: identity.nodeName,
    term: options.durable.term,
    file: options.history,
    primaryChanged: hooks.primaryChanged,
    log,
  });
  const ask = verifiedStatus(client);
  const pause = keepPause({
    file: pauseFile,
    pause: remembered.pause,
    state: () => loop.state(),
    ask,
    peers: () => checker.snapshot(),
    restartCore: () => loop.restart(),
    log,
  });
  const submit = (event: Event) => loop.submit(event);
  const effectPorts: EffectPorts = {
    client: pause.hush(client),
    exchanges,
    conversations,
    addresses,
    driver: () => driver,
    submit,
    reachable,
    probeTimeoutMs: Math.min(
      coordination.communicationTimeoutMs,
      coordination.heartbeatIntervalMs,
    ),
    worksAsPrimary: (contact, timeoutMs) =>
      server?.worksAsPrimary(contact, timeoutMs) ?? Promise.resolve(false),
    witnesses: coordination.pair.witnessAddresses,
    records,
    log,
  };
  // Without a data directory in reach nobody can end the server's processes, a guardian neither.
  const dataDir = server?.dataDir ?? null;
  const guardian = dataDir === null ? null : keepGuardian({
    dataDir,
    self: options.self,
    stateDir: config.stateDir,
    node: identity.nodeName,
    log,
  });
  const loop = startRestartableLoop(
    options.durable,
    // Anew where the core begins anew: a reload may have changed them.
    (durable) => {
      const now = coreSettings(config);
      return initialState({ settings: now, durable, nowMs: monotonicMs(), seed: randomSeed() });
    },
    {
      nowMs: monotonicMs,
      persist: (durable) => options.stateFile.write(durable),
      start: (effect) => startEffect(effect, effectPorts),
      changed(state) {
        const nowMs = monotonicMs();
        const view = describe(state, nowMs);
        routes.refresh(view.route?.validUntilMs ?? view.leaseUntilMs);
        records.changed(state, view, nowMs);
        hooks.changed(state, view);
        pause.follow();
        const order = pause.holdsPrimary() ? { kind: "release" } as const : guardOrder(state);
        guardian?.follow(order);
        options.watchdog?.follow(order);
        care.follow(state.server?.state ?? null);
        own.changed();
      },
      unwritten: (error, state) => memory.unwritten(error, state),
      written: () => memory.written(),
      broken: (error) => void breakDown(error),
    },
  );
  const checker = checkPeers(config, { fetchStatus: client.status, log });
  const routes = trackRoutes(currentRoutes);
  const care = keepCare({
    server,
    standing: () => standingOf(loop.state()),
    peers: checker.snapshot,
    log,
  });

  const own = watchSelf({
    stateDir: config.stateDir,
    server,
    state: loop.state,
    driver: () => driver,
    memory: () => memory.obstacle(),
    paused: () => pause.current() !== null,
    log,
  });
  const memory = keepMemory({
    path: options.stateFile.path,
    driver: () => driver,
    changed: own.changed,
    spared: pause.holdsPrimary,
    log,
  });
  const { disks } = own;
  const documents = createDocuments({
    identity: identityOf(config, {
      version: options.version,
      problems: [
        ...(settings.pair === null ? [] : [pairCaution(settings.pair)]),
        ...(server?.limitations ?? []),
      ],
    }),
    state: () => loop.state(),
    pause,
    reloader,
    running: () => driver?.running() ?? null,
    care,
    peers: checker.snapshot,
    router: () => router,
    disks,
    condition: own.condition,
    watchdog: options.watchdog,
  });

  const dashboard = openDashboard({
    config,
    version: options.version,
    status: documents.status,
    records,
    client,
    checker,
  });
  const app = createCoordinationApp({
    self: identity.nodeName,
    keys,
    isMember: (name) => addresses.has(name),
    request(from, message) {
      const denial = pause.denial(message);
      if (denial !== null) return Promise.resolve(denial);
      const { exchange, answer } = exchanges.open();
      loop.submit({
        type: "request",
        nowMs: monotonicMs(),
        exchange,
        from,
        message: withReachableContact(reachable, from, message),
      });
      return answer;
    },
    answerTimeoutMs: ANSWER_SHARE * coordination.communicationTimeoutMs,
    ...documents,
    history: records.history,
    cancel: cancelHere(() => router),
    ...sessionPorts(identity.nodeName, () => router),
    metrics: createScrape({
      documents,
      state: () => loop.state(),
      peers: checker.snapshot,
      router: () => router,
      server,
      records,
      disks,
    }),
    failover: (wish) =>
      failOver(wish, {
        pause,
        conversations,
        records,
        state: () => loop.state(),
        writeOut: (limitMs) => server?.writeOut(limitMs) ?? Promise.resolve(),
        submit,
      }),
    operate: (operation, asked) =>
      records.operated(
        steer(operation, { state: () => loop.state(), driver: () => driver, pause, ask, reloader }),
        { ...asked, ...wishOf(operation) },
      ),
    readers: { openTo: config.security.pagesOpenTo, token: config.security.readToken },
    extend(app, read) {
      dashboard.extend(app, read);
      serveOpenApi(app, options.version);
    },
    nowMs: monotonicMs,
    log,
  });

  const serving = openApiListener({ config, tls, app, signal: stopping.signal });
  if (!serving.ok) return await giveUp(serving.because);
  const parser = await statementParser(config, log);
  reloader.follow((asked, reloaded) => {
    if (asked !== BY_OPERATOR) records.reloaded(asked, reloaded);
    submit({ type: "configured", nowMs: monotonicMs(), settings: liveSettings(config) });
  });
  const door = openDoor(options, { routes, client, parser });
  if (!door.ok) return await giveUp(door.because);
  router = door.router;

  for (const limitation of server?.limitations ?? []) {
    log("warning", "limitation", { because: limitation });
  }
  log("info", "listening", {
    api: `${serving.host}:${serving.port}`,
    router: `${router.address.host}:${router.address.port}`,
  });
  const { heartbeatIntervalMs } = coordination;
  const amend = (found: ServerObservation) =>
    relieved(found, { state: loop.state(), full: disks.full(), peers: checker.snapshot() });
  driver = pause.drive(
    hooks.drive(driveServer(server, { heartbeatIntervalMs, submit, amend, log }), submit),
  );
  options.watchdog?.watch(() => driver?.standing() ?? { closed: false, fenceFailed: false });
  const endWatch = watchForSuspension((gapMs) => {
    loop.submit({ type: "suspended", nowMs: monotonicMs(), gapMs });
  });
  const endCertificateWatch = watchCertificate({
    config,
    users: [door.router, serving, { renewTls: ({ trusted }) => client.trust([trusted]) }],
    inUse: tls,
    log,
  });
  const endReports = startReports({ status: documents.status, peers: checker.snapshot, log });

  return {
    ok: true,
    broken: broken.promise,
    async close() {
      pause.stop();
      endReports();
      endCertificateWatch();
      endWatch();
      dashboard.stop();
      own.stop();
      routes.stop();
      checker.stop();
      care.stop();
      await loop.stop();
      guardian?.stop();
      await driver?.stop();
      await door.close();
      stopping.abort();
      await serving.finished;
      client.close();
    },
  };

  async function giveUp(because: string) {
    pause.stop();
    checker.stop();
    dashboard.stop();
    own.stop();
    care.stop();
    await loop.stop();
    stopping.abort();
    client.close();
    return { ok: false as const, because };
  }

  function currentRoutes(): RouteView {
    const state = loop.state();
    const nowMs = monotonicMs();
    return routeView({
      self: identity.nodeName,
      nowMs,
      view: describe(state, nowMs),
      local: { host: config.localDb?.host ?? "", port: config.localDb?.port ?? 0 },
      standbys: knownStandbys(state, checker.snapshot(), reachable),
    });
  }

  /** The core broke one of its own rules: nothing may be promised any more, and nothing written. */
  async function breakDown(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    if (driver?.observation()?.state === "primary") await driver.end();
    broken.resolve(`The agent cannot go on: ${reason}. Start it again, and report this.`);
  }
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
