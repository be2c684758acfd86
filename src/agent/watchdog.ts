/**
 * The host's watchdog device, `/dev/watchdog`: it resets the host when nobody writes to it in time.
 *
 * It is the last resort, for when neither the agent nor the guardian can end a PostgreSQL that must
 * not run any more: they hang, or a process does not die. It is written to while that is not so, from
 * the agent's own event loop, so that an agent that hangs stops writing too. On an orderly end the
 * device is told to stand down (a `V`, its "magic close"), since an agent may be restarted beside a
 * primary. (Linux, Documentation/watchdog/watchdog-api.rst; docs/operations/fencing.md)
 *
 * @module
 */
import { basename, join } from "node:path";
import type { GuardOrder } from "../core/guard.ts";
import type { Log } from "../core/log.ts";
import { messageOf } from "../postgres/outcome.ts";
import { monotonicMs } from "./clock.ts";

/** What the configuration says. */
export interface WatchdogSettings {
  readonly device: string;
  /** True: without it the agent does not start. */
  readonly required: boolean;
}

/** What decides whether the device is written to. */
export interface WatchdogFacts {
  /** The core's last order to whoever guards PostgreSQL; null before the first. */
  readonly order: GuardOrder | null;
  /** The end of the last order that had one, on the monotonic clock. */
  readonly heldUntilMs: number | null;
  /** True where no primary can be running: it was seen stopped, absent or as a standby. */
  readonly closed: boolean;
  readonly fenceFailed: boolean;
  readonly nowMs: number;
}

/** An open device. */
export interface Watchdog {
  /** To be called after every change of the core's state. */
  follow(order: GuardOrder): void;
  /** Begins to look at what `sight` says of the server. */
  watch(sight: () => Pick<WatchdogFacts, "closed" | "fenceFailed">): void;
  /** One sentence where the device is not kept alive as it should; null where it is. */
  problem(): string | null;
  /** Tells the device to stand down. */
  close(): void;
}

/** The device is written to this often, or four times within its time where that is shorter. */
const EVERY_MS = 1_000;

const ALIVE = new Uint8Array([0]);
const MAGIC_CLOSE = new TextEncoder().encode("V");

/**
 * Whether the device is kept alive.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const order = { kind: "hold", untilMs: 5_000, confirmed: true } as const;
 * const facts = { order, heldUntilMs: 5_000, closed: false, fenceFailed: false };
 * assert.equal(staysAlive({ ...facts, nowMs: 4_999 }), true);
 * assert.equal(staysAlive({ ...facts, nowMs: 5_000 }), false);
 * assert.equal(staysAlive({ ...facts, nowMs: 5_000, closed: true }), true);
 * ```
 */
export function staysAlive(facts: WatchdogFacts): boolean {
  const { order, heldUntilMs, closed, fenceFailed, nowMs } = facts;
  if (closed || order?.kind === "release") return true;
  // A server that runs and was never led from here is another matter, unless it had to be ended.
  return heldUntilMs === null ? !fenceFailed : nowMs < heldUntilMs;
}

/** Opens the device, which starts its clock. */
export async function openWatchdog(
  { device, required }: WatchdogSettings,
  { log, sysfs = "/sys/class/watchdog", nowMs = monotonicMs }: {
    readonly log: Log;
    readonly sysfs?: string;
    readonly nowMs?: () => number;
  },
): Promise<
  { readonly ok: true; readonly watchdog: Watchdog | null } | {
    readonly ok: false;
    readonly because: string;
  }
> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(device, { write: true });
  } catch (error) {
    const because = `Cannot open the watchdog ${device}: ${messageOf(error)}. Load a driver ` +
      "(softdog, if the host has none), give the agent's user the right to write to it, or " +
      "remove watchdog.device";
    if (required) return { ok: false, because };
    log("warning", "watchdog", { outcome: "failed", because });
    return { ok: true, watchdog: null };
  }
  const timeoutMs = await timeoutOf(device, sysfs);
  const everyMs = Math.min(EVERY_MS, (timeoutMs ?? Infinity) / 4);
  log("info", "watchdog", {
    outcome: "done",
    because: timeoutMs === null
      ? `${device} is open; how soon it resets the host cannot be told`
      : `${device} is open; it resets the host after ${timeoutMs / 1000} s of silence`,
  });

  let order: GuardOrder | null = null;
  let heldUntilMs: number | null = null;
  let sight = () => ({ closed: false, fenceFailed: false });
  let problem: string | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  function note(found: string | null): void {
    if (found !== null && problem === null) {
      log("error", "watchdog", { outcome: "failed", because: found });
    }
    if (found === null && problem !== null) log("warning", "watchdog", { outcome: "done" });
    problem = found;
  }

  function keep(): void {
    if (closed) return;
    if (!staysAlive({ order, heldUntilMs, ...sight(), nowMs: nowMs() })) {
      note(
        `PostgreSQL has to be ended here, and ${device} is not kept alive until it is: this host ` +
          "will be reset",
      );
    } else {
      note(write(ALIVE));
    }
    timer = setTimeout(keep, everyMs);
  }

  function write(bytes: Uint8Array): string | null {
    try {
      file.writeSync(bytes);
      return null;
    } catch (error) {
      return `Cannot keep the watchdog ${device} alive: ${
        messageOf(error)
      }. It may reset this host`;
    }
  }

  keep();
  return {
    ok: true,
    watchdog: {
      follow(next) {
        order = next;
        if (next.kind === "hold") heldUntilMs = next.untilMs;
        if (next.kind === "release") heldUntilMs = null;
      },
      watch: (given) => void (sight = given),
      problem: () => problem,
      close() {
        if (closed) return;
        closed = true;
        clearTimeout(timer);
        note(write(MAGIC_CLOSE));
        file.close();
      },
    },
  };
}

/** After how much silence the device acts; null where the system does not say. */
async function timeoutOf(device: string, sysfs: string): Promise<number | null> {
  const name = basename(device);
  const number = /\d$/.test(name) ? name : `${name}0`;
  const text = await Deno.readTextFile(join(sysfs, number, "timeout")).catch(() => "");
  const seconds = Number.parseInt(text, 10);
  return seconds > 0 ? seconds * 1000 : null;
}
