import assert from "node:assert/strict";
import { type GuardianOrder, guardServer } from "../../src/agent/guardian.ts";
import { findGuardians } from "../../src/agent/guardian_keeper.ts";

/** A process that a data directory's postmaster.pid names; it ends at the first signal. */
interface Fake {
  readonly dataDir: string;
  readonly alive: () => boolean;
  /** Another process takes the place of the one that has ended. */
  readonly startAgain: () => Promise<void>;
  readonly order: (order: GuardianOrder | string) => void;
  /** The agent is gone. */
  readonly orphan: () => void;
  readonly held: number[];
  /** True once the guardian has ended by itself. */
  readonly over: () => boolean;
}

async function guarded(test: (fake: Fake) => Promise<void>): Promise<void> {
  const dataDir = await Deno.realPath(await Deno.makeTempDir({ prefix: "metako-guardian-" }));
  let child: Deno.ChildProcess;
  let alive = false;
  let ended: Promise<unknown> = Promise.resolve();
  const start = async () => {
    child = new Deno.Command("sleep", { args: ["60"], cwd: dataDir }).spawn();
    alive = true;
    ended = child.status.then(() => alive = false);
    await Deno.writeTextFile(`${dataDir}/postmaster.pid`, `${child.pid}\n${dataDir}\n0\n`);
  };
  await start();
  const held: number[] = [];
  const pipe = new TransformStream<Uint8Array, Uint8Array>();
  const writer = pipe.writable.getWriter();
  const encoder = new TextEncoder();
  let closed = false;
  let over = false;
  const close = () => {
    if (!closed) void writer.close().catch(() => {});
    closed = true;
  };
  const guarding = guardServer({
    dataDir,
    orders: pipe.readable,
    tell: (report) => void ("held" in report && held.push(report.held)),
    log: () => {},
  }).then(() => over = true);
  try {
    await test({
      dataDir,
      alive: () => alive,
      startAgain: start,
      order: (order) => {
        const text = typeof order === "string" ? order : JSON.stringify(order);
        void writer.write(encoder.encode(`${text}\n`)).catch(() => {});
      },
      orphan: close,
      held,
      over: () => over,
    });
  } finally {
    if (alive) child!.kill("SIGKILL");
    close();
    await Promise.all([ended, guarding]);
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Resolves when the server is gone; a test that waits in vain fails by its own limit. */
async function gone({ alive }: Fake): Promise<void> {
  for (let i = 0; i < 1500 && alive(); i++) await pause(20);
  assert.equal(alive(), false, "the guardian has not ended the server within 30 s");
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const hold = (forMs: number, number = 1): GuardianOrder => ({
  order: "hold",
  number,
  forMs,
  sentAtMs: Date.now(),
});

Deno.test("guardServer() ends a primary when its time is over, and not before", async () => {
  await guarded(async (fake) => {
    const { order, alive, held } = fake;
    order(hold(2000));
    await pause(300);
    assert.deepEqual([alive(), held], [true, [1]]);
    await gone(fake);
  });
});

Deno.test("guardServer() is put off by every order that renews the last one", async () => {
  await guarded(async (fake) => {
    for (let number = 1; number <= 6; number++) {
      fake.order(hold(1500, number));
      await pause(300);
    }
    assert.equal(fake.alive(), true);
    await gone(fake);
  });
});

Deno.test("guardServer() counts the time that an order was under way", async () => {
  await guarded(async (fake) => {
    // Far longer than gone() waits, were it not over already.
    fake.order({ order: "hold", number: 1, forMs: 300_000, sentAtMs: Date.now() - 300_000 });
    await gone(fake);
  });
});

Deno.test("guardServer() leaves a standby alone, until something promotes it", async () => {
  await guarded(async (fake) => {
    const { dataDir, order, alive } = fake;
    await Deno.writeTextFile(`${dataDir}/standby.signal`, "");
    order(hold(100));
    await pause(500);
    assert.equal(alive(), true);
    await Deno.remove(`${dataDir}/standby.signal`);
    await gone(fake);
  });
});

Deno.test("guardServer() ends at a goodbye and leaves the server as it is", async () => {
  await guarded(async ({ order, alive, over }) => {
    order(hold(300));
    order({ order: "goodbye" });
    await pause(600);
    assert.deepEqual([over(), alive()], [true, true]);
  });
});

Deno.test("guardServer() outlives its agent, acts in time, and then ends", async () => {
  await guarded(async (fake) => {
    const { order, orphan, alive, over } = fake;
    order(hold(2000));
    await pause(50);
    orphan();
    await pause(300);
    assert.deepEqual([over(), alive()], [false, true]);
    await gone(fake);
    for (let i = 0; i < 1500 && !over(); i++) await pause(20);
    assert.equal(over(), true);
  });
});

Deno.test("guardServer() ends what a dead agent's start still brings up after the first", async () => {
  await guarded(async (fake) => {
    const { order, orphan, alive, startAgain } = fake;
    order(hold(300));
    await pause(50);
    orphan();
    await gone(fake);
    await startAgain();
    assert.equal(alive(), true);
    await gone(fake);
  });
});

Deno.test("guardServer() does nothing to a server without an order, nor on a line that is none", async () => {
  await guarded(async ({ order, alive, held }) => {
    for (const line of ["", "{", '{"order":"hold"}', '{"order":"kill"}', "\u0000"]) order(line);
    await pause(300);
    assert.deepEqual([alive(), held], [true, []]);
  });
});

Deno.test("findGuardians() finds the guardians of one data directory, whoever started them", async () => {
  const start = (folder: string) =>
    new Deno.Command("sh", {
      args: ["-c", "read line", "metako", "guardian", "--data-dir", folder],
      stdin: "piped",
    }).spawn();
  const mine = start("/nowhere/a data directory");
  const other = start("/nowhere/else");
  try {
    await pause(100);
    const found = await findGuardians("/nowhere/a data directory");
    assert.deepEqual(found.map(({ pid }) => pid), [mine.pid]);
  } finally {
    for (const child of [mine, other]) {
      await child.stdin.close();
      await child.status;
    }
  }
});
