import assert from "node:assert/strict";
import { parse } from "yaml";

const file = (path: string) => Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));

Deno.test("every alert has a runbook, and every runbook an alert", () => {
  const { groups } = parse(file("configs/alerts.yml")) as {
    groups: readonly { rules: readonly { alert: string }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  const runbooks = [...file("docs/operations/runbooks.md").matchAll(/^## (\S+)$/gm)]
    .map(([, name]) => name);
  assert.deepEqual(runbooks.sort(), alerts.sort());
});
