/**
 * The dashboard's connection to the node: who is asked, what is sampled, and how to leave it.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { CoordinationPorts } from "../coordination/app.ts";
import type { PeerClient } from "../coordination/client.ts";
import { type HealthChecker, SYSTEM_TIMERS } from "../coordination/health.ts";
import type { NodeStatus } from "../coordination/status.ts";
import { authorityOf } from "../coordination/transport.ts";
import { PAGE_PATH } from "../dashboard/assets.ts";
import { createFeed } from "../dashboard/feed.ts";
import { createLook } from "../dashboard/look.ts";
import { createSamples, SAMPLE_EVERY_MS, sampleOf } from "../dashboard/samples.ts";
import { serveDashboard } from "../dashboard/serve.ts";
import type { RecordKeeper } from "./record_keeper.ts";

/** Entries that each member is asked for; their accounts of one change become one. */
const ASKED_ENTRIES = 100;

/** A dashboard at work. */
export interface Dashboard {
  /** Adds its paths to the API. */
  readonly extend: NonNullable<CoordinationPorts["extend"]>;
  readonly stop: () => void;
}

/** Begins to take samples. */
export function openDashboard(
  options: {
    readonly config: Config;
    readonly version: string;
    readonly status: () => NodeStatus;
    readonly records: Pick<RecordKeeper, "history">;
    readonly client: Pick<PeerClient, "status" | "history">;
    readonly checker: Pick<HealthChecker, "snapshot">;
  },
): Dashboard {
  const { config, client, records, status, checker } = options;
  const self = config.identity.nodeName;
  const others = config.members.map(({ nodeName }) => nodeName).filter((name) => name !== self);
  const names = { node: self, cluster: config.clusterName };
  const feed = createFeed({
    hello: {
      ...names,
      version: options.version,
      pages: pagesOf(config),
      sample_every_ms: SAMPLE_EVERY_MS,
    },
    samples: createSamples(),
    look: createLook({ others, ownStatus: status, client, timers: SYSTEM_TIMERS }),
    async histories() {
      const answers = await Promise.all(others.map((node) => client.history(node, ASKED_ENTRIES)));
      const theirs = answers.flatMap((answer) =>
        answer.ok && answer.verified ? [answer.history] : []
      );
      return [records.history(ASKED_ENTRIES), ...theirs];
    },
    timers: SYSTEM_TIMERS,
  });
  const sample = () => {
    const answering = checker.snapshot().map(({ node, agent, status }) =>
      [node, agent === "ok" ? status : null] as const
    );
    feed.sampled(sampleOf(Date.now(), new Map([[self, status()], ...answering])));
  };
  const timer = setInterval(sample, SAMPLE_EVERY_MS);
  return {
    extend: (app, read) => serveDashboard(app, read, { feed, names }),
    stop() {
      clearInterval(timer);
      feed.stop();
    },
  };
}

/** Where the other members' pages are, by the addresses that members have for each other. */
function pagesOf({ members, security }: Config): Readonly<Record<string, string>> {
  const scheme = security.tlsEnabled ? "https" : "http";
  const others = members.filter(({ self }) => !self);
  return Object.fromEntries(others.map(({ nodeName, apiHost, apiPort }) => [
    nodeName,
    `${scheme}://${authorityOf({ host: apiHost, port: apiPort })}${PAGE_PATH}`,
  ]));
}
