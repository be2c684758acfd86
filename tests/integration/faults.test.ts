/**
 * A short form of `deno task faults`: one scenario on hosts that are network namespaces, where this
 * machine can make them.
 */
import assert from "node:assert/strict";
import { networkObstacle } from "../faults/network.ts";

const FAULTS = new URL("../faults/main.ts", import.meta.url).href;
const obstacle = await networkObstacle();
if (obstacle !== null) console.log(`The fault suite is left out: ${obstacle}.`);

Deno.test({
  name: "a primary that is cut off is fenced and followed, and no acknowledged row is lost",
  ignore: obstacle !== null,
  async fn() {
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", FAULTS, "primary-cut"],
      signal: AbortSignal.timeout(240_000),
    }).output();
    const text = new TextDecoder().decode(output.stdout);
    assert.equal(output.code, 0, `${text}\n${new TextDecoder().decode(output.stderr)}`);
    assert.match(text, /^pass {2}primary-cut .* 0 lost, 0 at once/m);
    assert.match(text, /^1 runs passed, 0 failed$/m);
  },
});
