import assert from "node:assert/strict";
import { renderReport, runLine } from "./report.ts";
import { parseResults, type Result, resultLine } from "./results.ts";
import { scenario } from "./scenario.ts";

const RESULT: Result = {
  at: "2026-11-26T18:00:00.000Z",
  commit: "b27c77d",
  cores: 2,
  load: 1.5,
  scenario: "cut",
  writeOutageMs: 3000,
  readOutageMs: 20,
  acknowledged: 100,
  lost: 0,
  overlapping: 0,
  terms: 1,
  wholeMs: 2000,
  faults: [],
};
const CUT = scenario({ name: "cut", what: "a cut", wantedMs: 4500, play: async () => {} });

Deno.test("parseResults() reads what resultLine() wrote, and names the line that it cannot read", () => {
  const failed = { ...RESULT, wholeMs: null, faults: ["two\nlines"] };
  const text = `${resultLine(RESULT)}\n${resultLine(failed)}\n`;
  assert.deepEqual(parseResults(text), [RESULT, failed]);
  assert.throws(() => parseResults(`${text}${resultLine(RESULT).slice(0, -9)}`), /line 3 is no/);
});

Deno.test("renderReport() adds up the runs of a scenario, and says how busy the machine was", () => {
  const runs = [1000, 3000, 4000].map((writeOutageMs, index) => ({
    ...RESULT,
    writeOutageMs,
    load: index,
    lost: index === 2 ? 7 : 0,
  }));
  const text = renderReport([CUT], runs, [{ name: "delay", because: "no netem" }]);
  const [line] = text.split("\n").filter((each) => each.startsWith("| `cut`"));
  assert.equal(
    line,
    "| `cut` | 3 | 3.00 (1.00–4.00) | ≤ 4.5 | 0.02 | 2.0 | 300 | 7 | 0 | 1 | pass |",
  );
  assert.match(text, /^3 runs, 0 failed; 2026-11-26, commit b27c77d;$/m);
  assert.match(text, /^2 cores, on which 1\.0 processes\n\(0\.0 to 2\.0\) ran or waited/m);
  assert.match(text, /^Of 300 acknowledged rows\n7 were lost, and\n0 acknowledged by .*\.$/m);
  assert.match(text, /^- `delay` is not played here: no netem\.$/m);
  assert.match(text, /^- `cut`: a cut$/m);
});

Deno.test("renderReport() says what failed, and what may lose by its rule", () => {
  const failed = { ...RESULT, wholeMs: null, faults: ["no other node took over\nat length"] };
  const text = renderReport([{ ...CUT, mayLose: "both act alone" }], [failed], []);
  assert.match(text, /^Of 0 acknowledged rows\n0 were lost, and\n.*,\nwhere no rule/m);
  assert.match(text, /^\| `cut` .* never .* 1 failed \|$/m);
  assert.match(text, /^- `cut`: no other node took over$/m);
  assert.match(runLine(failed, 2), /^FAIL {2}cut .* #2 {2}writes 3\.00 s .* 0 lost.* not whole$/);
  assert.match(text, /^- `cut` may lose rows by its rule: both act alone\.$/m);
});
