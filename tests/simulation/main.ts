import { play } from "./play.ts";
import { scenarioOf } from "./scenario.ts";
const from = Number(Deno.args[0] ?? 1), to = Number(Deno.args[1] ?? from);
const t0 = performance.now();
let sim = 0, bad = 0, steps = 0;
for (let seed = from; seed <= to; seed++) {
  const lines: string[] = [];
  const tr = Deno.args[2] === "-t";
  const o = play(scenarioOf(seed), tr ? (l) => lines.push(`${(l.atMs/1000).toFixed(3).padStart(9)} ${(l.node ?? "").padEnd(3)} ${l.kind.padEnd(9)} ${l.text}`) : null);
  sim += o.simulatedMs; steps += o.tally.steps;
  if (o.violation) { bad++; console.log(seed, o.scenario.members.map(m=>m.name).join(","), Math.round(o.violation.atMs), o.violation.checker, o.violation.what); }
  if (tr) console.log(lines.slice(-Number(Deno.args[3] ?? 100)).join("\n"));
}
console.log(`${to-from+1} runs, ${bad} bad, ${(performance.now()-t0).toFixed(0)} ms, ${(sim/1000).toFixed(0)} s simulated, ${steps} steps`);
