/**
 * What good clients notice of bad ones, and what an idle one costs:
 * `deno task bench:clients [--seconds N] [--idle N] [--connects N]`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { BAD_CLIENTS, idleKb, playAlone, playBadClient } from "./misbehaviour.ts";
import { startCrowd } from "./crowd.ts";
import { makeCertificate } from "./certificate.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    idle: { type: "string", default: "1000" },
    connects: { type: "string", default: "2000" },
  },
});
const size = { seconds: Number(values.seconds), connects: Number(values.connects) };

for (const how of ["split", "primary"] as const) {
  console.log(how === "split" ? "\nwith splitting" : "\nprimary only");
  const tls = await makeCertificate();
  const idle = await startCrowd(tls, how);
  try {
    const { idleKb: kb, activeKb } = await idleKb(idle, Number(values.idle));
    console.log(
      `${values.idle} idle clients: ${kb.toFixed(0)} KB each after their login, ` +
        `${activeKb.toFixed(0)} KB each after a query`,
    );
  } finally {
    await idle.stop();
  }
  const crowd = await startCrowd(tls, how);
  try {
    print("nobody else", await playAlone(crowd, size));
    for (const name of BAD_CLIENTS) print(name, await playBadClient(crowd, name, size));
  } finally {
    await crowd.stop();
  }
}

function print(name: string, played: Awaited<ReturnType<typeof playAlone>>): void {
  const { waited: { answers, medianMs, p99Ms, longestMs }, grewKb, note } = played;
  const ms = (value: number) => value.toFixed(1).padStart(7);
  console.log(
    `${name.padEnd(34)} ${String(answers).padStart(6)} answers, median ${ms(medianMs)} ms, ` +
      `99 % ${ms(p99Ms)} ms, longest ${ms(longestMs)} ms, ` +
      `memory +${(grewKb / 1024).toFixed(0)} MB  ${note}`,
  );
}
