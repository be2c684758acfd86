/**
 * What pgbench notices when the primary goes: `deno task bench:outlive [--seconds N] [--clients N]
 * [--only TEXT]`.
 *
 * Three nodes on this host; a switchover, a killed PostgreSQL and a killed host, under TPC-B and under
 * reads. Exit code 1 where a session was lost that should not be, or an acknowledged row is missing.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openStage, type Play, type Played, PLAYS } from "./outlive_plays.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "16" },
    only: { type: "string", default: "" },
  },
});
const size = { seconds: Number(values.seconds), clients: Number(values.clients) };
const chosen = PLAYS.filter(({ going, load }) => `${going}, ${load}`.includes(values.only));

let good = true;
const stage = await openStage();
try {
  for (const play of chosen) {
    const played = await stage.play(play, size);
    print(play, played);
    // Reads are never lost; a switchover lets what has begun come to its end.
    const survives = play.load === "reads" || play.going === "switchover";
    good &&= played.missing.length === 0 && (!survives || played.ended.length === 0);
  }
} finally {
  await stage.stop();
}
Deno.exit(good ? 0 : 1);

function print({ going, load }: Play, played: Played): void {
  const { acknowledged, missing, longestMs, ended } = played;
  const rate = Math.round(acknowledged / size.seconds);
  console.log(
    `${going}, ${load}: ${acknowledged} acknowledged (${rate} per second), ` +
      `${missing.length} missing, longest ${Math.round(longestMs)} ms, ` +
      `${size.clients - ended.length} of ${size.clients} sessions went on`,
  );
  for (const [words, count] of Map.groupBy(ended, (words) => words)) {
    console.log(`  ${count.length} read: ${words}`);
  }
}
