/**
 * A changed configuration file: what is in it is checked first, and taken as a whole or not at all.
 *
 * What can change while the agent runs is in effect at once; what cannot is named, in the log and in
 * `status`, until the agent is restarted or the file says what it said before. A file that cannot be
 * used changes nothing.
 *
 * @module
 */
import { type ChangedSetting, changedSettings, type Config, withLive } from "../config/mod.ts";
import type { Log } from "../core/log.ts";

/** What reading the file gave. */
export type ConfigReading =
  | { readonly ok: true; readonly config: Config }
  /** One line each: place, what is wrong, remedy. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Where the configuration comes from. */
export interface ConfigSource {
  readonly file: string;
  /** Reads and checks it anew. Must not throw. */
  readonly read: () => ConfigReading;
  /** Its text, to see that it changed; null where it cannot be read. */
  readonly text: () => string | null;
}

/** What a reload did. */
export type Reloaded =
  | {
    readonly ok: true;
    /** In effect from now on. */
    readonly applied: readonly ChangedSetting[];
    /** In the file, and not in effect before a restart of the agent. */
    readonly pending: readonly ChangedSetting[];
  }
  | { readonly ok: false; readonly problems: readonly string[] };

/** See the module. */
export interface Reloader {
  /** `asked` is who wants it, for the log: a signal, an operator, a change of the file. */
  reload(asked: string): Reloaded;
  /** Has `listener` hear of each reload, and how it ended. */
  follow(listener: (asked: string, reloaded: Reloaded) => void): void;
  /** Sentences for `status`. */
  problems(): readonly string[];
  stop(): void;
}

/** The configuration in effect: an object whose live settings change under its readers. */
export interface EffectiveConfig {
  readonly config: Config;
  replace(next: Config): void;
}

/** How often the file is looked at. A text counts once it is the same twice: it is saved, then. */
const LOOK_EVERY_MS = 3000;

/** Who asks where an operator does: what becomes of it is told to them. */
export const BY_OPERATOR = "an operator";

/** Holds `initial`. Whoever reads a section when it is needed sees what is in effect then. */
export function holdConfig(initial: Config): EffectiveConfig {
  let current = initial;
  const sections = Object.keys(initial) as (keyof Config)[];
  const config = Object.defineProperties(
    {},
    Object.fromEntries(
      sections.map((section) => [section, { enumerable: true, get: () => current[section] }]),
    ),
  ) as Config;
  return { config, replace: (next) => current = next };
}

/** Watches the file, and reloads it when it changed or somebody asks. */
export function keepConfig(
  { effective, source, log, everyMs = LOOK_EVERY_MS }: {
    readonly effective: EffectiveConfig;
    readonly source: ConfigSource;
    readonly log: Log;
    readonly everyMs?: number;
  },
): Reloader {
  let taken = source.text();
  let seen = taken;
  let pending: readonly ChangedSetting[] = [];
  let refused: string | null = null;
  let listener: (asked: string, reloaded: Reloaded) => void = () => {};

  function reload(asked: string): Reloaded {
    const reloaded = readAnew(asked);
    listener(asked, reloaded);
    return reloaded;
  }

  function readAnew(asked: string): Reloaded {
    seen = taken = source.text();
    const reading = source.read();
    if (!reading.ok) {
      const { problems } = reading;
      refused = problems[0] ?? "it cannot be used";
      log("error", "reload", { outcome: "failed", asked, because: problems.join(" | ") });
      return { ok: false, problems };
    }
    refused = null;
    const changed = changedSettings(effective.config, reading.config);
    const applied = changed.filter(({ takes }) => takes === "live");
    pending = changed.filter(({ takes }) => takes === "restart");
    log(pending.length === 0 ? "info" : "warning", "reload", {
      outcome: "done",
      asked,
      applied: applied.map(describeChange).join(", "),
      needs_restart: pending.map(({ setting }) => setting).join(", "),
    });
    // Afterwards, or a log that becomes quieter would not say so.
    effective.replace(withLive({ ...effective.config }, reading.config));
    return { ok: true, applied, pending };
  }

  const timer = setInterval(() => {
    const now = source.text();
    if (now !== null && now === seen && now !== taken) reload("a change of the file");
    seen = now;
  }, everyMs);

  return {
    reload,
    follow: (wanted) => void (listener = wanted),
    problems: () => [
      ...(refused === null ? [] : [
        `the configuration file cannot be used, and the one before stays in effect: ${refused}`,
      ]),
      ...(pending.length === 0 ? [] : [
        `${source.file} has changed, and the agent has to be restarted for ${
          pending.map(({ setting }) => setting).join(", ")
        }`,
      ]),
    ],
    stop: () => clearInterval(timer),
  };
}

/** How a reload went, in a sentence. */
export function describeReload(reloaded: Reloaded): string {
  if (!reloaded.ok) return `the file cannot be used: ${reloaded.problems.join(" | ")}`;
  const { applied, pending } = reloaded;
  const parts = [
    ...applied.map(describeChange),
    ...(pending.length === 0
      ? []
      : [`after a restart of the agent: ${pending.map(({ setting }) => setting).join(", ")}`]),
  ];
  return parts.length === 0 ? "nothing has changed" : parts.join("; ");
}

/** `log.level: info → debug`. */
export function describeChange({ setting, from, to }: ChangedSetting): string {
  return `${setting}: ${from} → ${to}`;
}
