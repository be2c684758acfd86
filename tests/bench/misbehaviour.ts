/**
 * How clients misbehave, one way at a time, while good ones ask beside them.
 *
 * @module
 */
import { startupBytes } from "../../src/wire/startup.ts";
import { queryBytes } from "../../src/wire/messages.ts";
import {
  beside,
  close,
  type Crowd,
  FLOOD,
  LARGE_ROW,
  largeQuery,
  pause,
  peakKb,
  roundTrip,
  type Waited,
  writeAll,
} from "./crowd.ts";

/** How much of it. */
export interface Size {
  readonly seconds: number;
  /** Clients that connect at once. */
  readonly connects: number;
}

/** What came of it. */
export interface Played {
  readonly waited: Waited;
  /** The most memory that the router held, above what it held before, in KiB. */
  readonly grewKb: number;
  readonly note: string;
}

/** The ways. */
export const BAD_CLIENTS = [
  "20 that never read",
  "50 that send a byte a second",
  "values of 40 MB, over TLS",
  "connections at once",
] as const;

/** One of {@linkcode BAD_CLIENTS}. */
export type BadClient = typeof BAD_CLIENTS[number];

const GOOD_CLIENTS = 4;

/** Good clients alone. */
export function playAlone(crowd: Crowd, { seconds }: Size): Promise<Played> {
  return play(crowd, async () => {
    await pause(seconds * 1000);
    return "";
  });
}

/** Good clients beside bad ones. */
export function playBadClient(crowd: Crowd, name: BadClient, size: Size): Promise<Played> {
  switch (name) {
    case "20 that never read":
      return play(crowd, () => neverRead(crowd, 20, size));
    case "50 that send a byte a second":
      return play(crowd, () => byteByByte(crowd, 50, size));
    case "values of 40 MB, over TLS":
      return play(crowd, () => largeValues(crowd, size));
    case "connections at once":
      return play(crowd, () => connectAtOnce(crowd, size));
  }
}

async function play(crowd: Crowd, misbehave: () => Promise<string>): Promise<Played> {
  const good = await Promise.all(Array.from({ length: GOOD_CLIENTS }, () => crowd.logIn()));
  try {
    for (const conn of good) for (let i = 0; i < 5; i++) await roundTrip(conn, "SELECT 1");
    const beforeKb = await crowd.router.memoryKb() ?? 0;
    const bad = misbehave();
    const peak = peakKb(crowd.router, bad);
    const waited = await beside(good, bad);
    return { waited, grewKb: Math.max(0, await peak - beforeKb), note: await bad };
  } finally {
    for (const conn of good) close(conn);
  }
}

async function neverRead(crowd: Crowd, count: number, { seconds }: Size): Promise<string> {
  const bad = await Promise.all(Array.from({ length: count }, () => crowd.logIn()));
  for (const conn of bad) await writeAll(conn, queryBytes(FLOOD));
  await pause(seconds * 1000);
  for (const conn of bad) close(conn);
  return "";
}

async function byteByByte(crowd: Crowd, count: number, { seconds }: Size): Promise<string> {
  const half = Math.floor(count / 2);
  const inside = await Promise.all(Array.from({ length: half }, () => crowd.logIn()));
  const outside = await Promise.all(
    Array.from(
      { length: count - half },
      () => Deno.connect({ hostname: "127.0.0.1", port: crowd.router.port }),
    ),
  );
  const slowly = async (conn: Deno.Conn, bytes: Uint8Array) => {
    for (let i = 0; i < seconds; i++) {
      await writeAll(conn, bytes.subarray(i, i + 1));
      await pause(1000);
    }
    close(conn);
  };
  await Promise.all([
    ...inside.map((conn) => slowly(conn, queryBytes(`SELECT ${"1".repeat(seconds)}`))),
    ...outside.map((conn) => slowly(conn, startupBytes({ user: "a".repeat(seconds) }))),
  ]);
  return "";
}

async function largeValues(crowd: Crowd, { seconds }: Size): Promise<string> {
  const conn = await crowd.logIn(true);
  const query = largeQuery();
  const until = performance.now() + seconds * 1000;
  let sent = 0;
  let read = 0;
  while (performance.now() < until || read === 0) {
    const answered = roundTrip(conn, "SELECT 1");
    await answered;
    await Promise.all([writeAll(conn, query), drain(conn)]);
    sent++;
    await roundTrip(conn, LARGE_ROW);
    read++;
  }
  close(conn);
  return `${sent} sent, ${read} read`;
}

/** Reads one short answer. */
async function drain(conn: Deno.Conn): Promise<void> {
  await conn.read(new Uint8Array(4096));
}

async function connectAtOnce(crowd: Crowd, { connects }: Size): Promise<string> {
  const startedAtMs = performance.now();
  const outcomes = new Map<string, number>();
  const note = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  await Promise.all(Array.from({ length: connects }, async () => {
    try {
      const conn = await crowd.logIn();
      note(await roundTrip(conn, "SELECT 1") ? "served" : "lost");
      close(conn);
    } catch (error) {
      note(error instanceof Error ? error.message : String(error));
    }
  }));
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  const counts = [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
  return `${connects} in ${seconds} s: ${counts}`;
}

/** What idle clients cost, in KiB each: behind their login, and behind a query as well. */
export async function idleKb(
  crowd: Crowd,
  count: number,
): Promise<{ readonly idleKb: number; readonly activeKb: number }> {
  // So that what is loaded once is loaded.
  const first = await Promise.all(Array.from({ length: 20 }, () => crowd.logIn()));
  for (const conn of first) for (let i = 0; i < 5; i++) await roundTrip(conn, "SELECT 1");
  const beforeKb = await crowd.router.memoryKb() ?? 0;
  const clients: Deno.Conn[] = [];
  while (clients.length < count) {
    clients.push(...await Promise.all(Array.from({ length: 50 }, () => crowd.logIn())));
  }
  const idle = await crowd.router.memoryKb() ?? 0;
  for (const conn of clients) for (let i = 0; i < 3; i++) await roundTrip(conn, "SELECT 1");
  const active = await crowd.router.memoryKb() ?? 0;
  for (const conn of [...first, ...clients]) close(conn);
  return { idleKb: (idle - beforeKb) / count, activeKb: (active - beforeKb) / count };
}
