/**
 * `deno task fuzz`: garbage at everything that reads what others wrote.
 *
 *     deno task fuzz [--minutes 1] [--seed 1] [--only router,http] [--cases 1]
 *
 * Without --seed the cases begin anywhere. A failure names its target and seed, and
 * `--seed S --only TARGET --cases 1` plays that case again. The exit code is 1 where one failed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { LISTENING, play, PURE } from "./play.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    cases: { type: "string" },
    only: { type: "string", default: "" },
  },
});

const only = values.only.split(",").filter((name) => name !== "");
const stranger = only.find((name) => ![...PURE, ...LISTENING].includes(name));
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint16Array(1))[0]! * 10_000);
const minutes = Number(values.minutes);
const cases = values.cases === undefined ? Infinity : Number(values.cases);
if (stranger !== undefined || !Number.isSafeInteger(seed) || !(minutes > 0) || !(cases > 0)) {
  console.error(
    `Cannot fuzz: --only takes some of ${[...PURE, ...LISTENING].join(",")}; --seed, --minutes ` +
      "and --cases take numbers.",
  );
  Deno.exit(3);
}

const endsAtMs = performance.now() + minutes * 60_000;
console.log(`Seeds from ${seed} on, for ${minutes} min.`);
const { counts, failures, victim } = await play({
  seed,
  only,
  cases,
  goesOn: () => performance.now() < endsAtMs,
});
for (const [target, outcomes] of counts) {
  const total = [...outcomes.values()].reduce((sum, times) => sum + times, 0);
  const parts = [...outcomes].sort(([, a], [, b]) => b - a).map(([name, times]) =>
    `${name} ${times}`
  );
  console.log(`${target.padEnd(10)} ${String(total).padStart(8)}  ${parts.join(", ")}`);
}
if (victim !== null) {
  const { before, after } = victim;
  const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
  console.log(
    `Victim: RSS ${megabytes(before.rssBytes)} after the first turn, ${
      megabytes(after.rssBytes)
    } at the end; heap ${megabytes(before.heapBytes)} and ${
      megabytes(after.heapBytes)
    }; descriptors ${before.descriptors} and ${after.descriptors}.`,
  );
}
for (const { target, seed, because } of failures) {
  console.log(`FAILED ${target}, seed ${seed} (--seed ${seed} --only ${target} --cases 1)`);
  console.log(`  ${because}`);
}
Deno.exit(failures.length === 0 ? 0 : 1);
