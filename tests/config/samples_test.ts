import assert from "node:assert/strict";
import { formatProblem, parseConfig } from "../../src/config/mod.ts";
import { config } from "./support.ts";

const FOLDER = new URL("../../configs/", import.meta.url);

const ENVIRONMENT: Readonly<Record<string, string>> = {
  METAKO_DB_PASSWORD: "database-password",
  METAKO_REPLICATION_PASSWORD: "replication-password",
  METAKO_CLUSTER_SECRET: "sixteen-characters-or-more",
};

function yamlFiles(folder: URL): URL[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    if (entry.isDirectory) return yamlFiles(new URL(`${entry.name}/`, folder));
    return /\.ya?ml$/.test(entry.name) ? [new URL(entry.name, folder)] : [];
  });
}

/** Files for other programs. */
const FOREIGN = /\/(compose\.ya?ml|alerts\.yml)$/;

const SAMPLES = yamlFiles(FOLDER).filter((url) => !FOREIGN.test(url.pathname));

for (const url of SAMPLES) {
  const name = url.pathname.slice(FOLDER.pathname.length);
  Deno.test(`parseConfig() loads configs/${name}`, () => {
    const result = parseConfig(Deno.readTextFileSync(url), {
      file: name,
      env: (variable) => ENVIRONMENT[variable],
      readFile: () => "content",
    });
    assert.ok(result.ok, result.ok ? "" : result.problems.map(formatProblem).join("\n"));
    if (name !== "config.yaml") assert.deepEqual(result.warnings, []);
  });
}

Deno.test("the samples for three nodes describe one and the same cluster", () => {
  const members = [1, 2, 3].map((node) => {
    const text = Deno.readTextFileSync(new URL(`three-nodes/node${node}.yaml`, FOLDER));
    const { members, clusterName } = config(text, { env: ENVIRONMENT });
    assert.equal(members[0]?.nodeName, `node${node}`);
    return [
      clusterName,
      ...members.map(({ nodeName, role, apiPort }) => `${nodeName} ${role} ${apiPort}`).sort(),
    ];
  });
  assert.deepEqual(members[0], [
    "shop",
    "node1 primary 8080",
    "node2 standby 8080",
    "node3 standby 8080",
  ]);
  assert.deepEqual(members[1], members[0]);
  assert.deepEqual(members[2], members[0]);
});
