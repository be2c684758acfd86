import assert from "node:assert/strict";
import { CONFIGURATION_PAGE, configurationPage, settingKeys } from "./configuration.ts";
import { MEANINGS } from "./settings.ts";

Deno.test("every setting is explained in tests/docs/settings.ts", () => {
  const missing = settingKeys().filter((key) => MEANINGS[key] === undefined);
  assert.deepEqual(missing, [], "say there what they mean, then run deno task docs:config");
});

Deno.test("docs/configuration.md is what `deno task docs:config` writes", () => {
  assert.equal(
    Deno.readTextFileSync(CONFIGURATION_PAGE),
    configurationPage(),
    "run deno task docs:config",
  );
});

Deno.test("configurationPage() tells what the program accepts, and what it does without a word", () => {
  const lines = configurationPage().split("\n");
  const line = (name: string) =>
    lines.filter((each) => each.startsWith(`| \`${name}\` |`)).join("\n");
  assert.match(line("heartbeat_interval"), /a duration from 10ms to 5m \| `500ms` \|/);
  assert.match(line("durability"), /one of strict, quorum, async \| `quorum` \|/);
  assert.match(line("maximum_connections"), /a whole number from 1 to 100000 \| `1000` \|/);
});
