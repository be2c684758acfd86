/**
 * The watchdog on plain files: what is written is what a device would be told. No device is opened,
 * and no host is reset.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openWatchdog, staysAlive, type Watchdog } from "../../src/agent/watchdog.ts";

const HOLD = { kind: "hold", untilMs: 5_000, confirmed: true } as const;

/** A file instead of a device, with a timeout of 20 ms, so that it is written to every 5 ms. */
async function withDevice(
  test: (given: {
    readonly watchdog: Watchdog;
    readonly clock: { nowMs: number };
    readonly written: () => string;
    readonly said: unknown[];
  }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const device = `${folder}/watchdog`;
  try {
    await Deno.writeTextFile(device, "");
    await Deno.mkdir(`${folder}/sys/watchdog0`, { recursive: true });
    await Deno.writeTextFile(`${folder}/sys/watchdog0/timeout`, "1\n");
    const clock = { nowMs: 0 };
    const said: unknown[] = [];
    const opened = await openWatchdog({ device, required: true }, {
      log: (level, event, fields) => void said.push([level, event, fields?.outcome]),
      sysfs: `${folder}/sys`,
      nowMs: () => clock.nowMs,
    });
    assert.ok(opened.ok && opened.watchdog !== null);
    try {
      const written = () => Deno.readTextFileSync(device);
      await test({ watchdog: opened.watchdog, clock, written, said });
    } finally {
      opened.watchdog.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

Deno.test("openWatchdog() writes while the order lasts, and not a byte when it is over", async () => {
  await withDevice(async ({ watchdog, clock, written, said }) => {
    watchdog.follow(HOLD);
    await until(() => written().length >= 3);
    clock.nowMs = HOLD.untilMs;
    await until(() => watchdog.problem() !== null);
    const length = written().length;
    assert.match(watchdog.problem() ?? "", /this host will be reset$/);
    // Renewed: it is alive again.
    watchdog.follow({ ...HOLD, untilMs: 9_000 });
    await until(() => watchdog.problem() === null);
    assert.equal(written().length, length + 1);
    assert.deepEqual(said, [
      ["info", "watchdog", "done"],
      ["error", "watchdog", "failed"],
      ["warning", "watchdog", "done"],
    ]);
  });
});

Deno.test("openWatchdog() goes on writing once the server was ended", async () => {
  await withDevice(async ({ watchdog, clock, written }) => {
    watchdog.follow(HOLD);
    clock.nowMs = HOLD.untilMs;
    await until(() => watchdog.problem() !== null);
    const length = written().length;
    watchdog.watch(() => ({ closed: true, fenceFailed: false }));
    await until(() => written().length > length);
  });
});

Deno.test("close() stands the device down with a V, once", async () => {
  await withDevice(async ({ watchdog, written }) => {
    watchdog.close();
    watchdog.close();
    assert.match(written(), /^\0+V$/);
    await Promise.resolve();
  });
});

Deno.test("openWatchdog() refuses the start where it is required and cannot be opened", async () => {
  const said: unknown[] = [];
  const log = (level: string, event: string) => void said.push([level, event]);
  const device = "/no/such/watchdog";
  const refused = await openWatchdog({ device, required: true }, { log });
  assert.ok(!refused.ok);
  assert.match(refused.because, /^Cannot open the watchdog \/no\/such\/watchdog: .*softdog/);
  const without = await openWatchdog({ device, required: false }, { log });
  assert.deepEqual(without, { ok: true, watchdog: null });
  assert.deepEqual(said, [["warning", "watchdog"]]);
});

Deno.test("staysAlive() is false exactly where a primary may run longer than it may", () => {
  const orders = [null, { kind: "keep" }, { kind: "release" }, HOLD] as const;
  for (const order of orders) {
    for (const heldUntilMs of [null, 5_000]) {
      for (const closed of [false, true]) {
        for (const fenceFailed of [false, true]) {
          for (const nowMs of [4_999, 5_000]) {
            const alive = staysAlive({ order, heldUntilMs, closed, fenceFailed, nowMs });
            const over = heldUntilMs === null ? fenceFailed : nowMs >= heldUntilMs;
            assert.equal(alive, closed || order?.kind === "release" || !over);
          }
        }
      }
    }
  }
});
