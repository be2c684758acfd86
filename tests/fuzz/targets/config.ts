/**
 * The configuration's parser: whatever a file holds, it gives a configuration, or problems that name
 * a place and a remedy; and no text of it shows a secret, also where the secret's key is misspelt.
 *
 * @module
 */
import { effectiveConfig, formatProblem, parseConfig } from "../../../src/config/mod.ts";
import type { Dice } from "../../simulation/dice.ts";
import { mutateText, noise } from "../mutate.ts";
import { expect, type Target } from "../target.ts";

const ROOT = new URL("../../../", import.meta.url);
const SAMPLES = [
  "configs/config.yaml",
  "configs/witness.yaml",
  "configs/three-nodes/node1.yaml",
].map((path) => Deno.readTextFileSync(new URL(path, ROOT)));

/** Each secret of {@linkcode SECRETIVE}; nothing else in it looks like them. */
const SECRETS = ["Zq1-database", "Zq2-replication", "Zq3-cluster-secret", "Zq4-previous-one"];

const SECRETIVE = `identity:
  node_name: node1
local_db:
  role: primary
  password: ${SECRETS[0]}
replication:
  password: ${SECRETS[1]}
cluster_members:
  - node_name: node2
    api_host: host2
    role: standby
  - node_name: node3
    api_host: host3
    role: standby
security:
  cluster_secret: ${SECRETS[2]}
  previous_cluster_secret: ${SECRETS[3]}
`;

/** The target. */
export const configTarget: Target = {
  name: "config",
  play(dice) {
    switch (dice.whole(0, 5)) {
      case 0:
        return judge(new TextDecoder().decode(noise(dice, dice.whole(0, 400))));
      case 1:
        return judge(nested(dice));
      case 2:
        return judge(misspelt(dice), SECRETS);
      default:
        return judge(mutateText(dice, dice.pick([...SAMPLES, SECRETIVE])));
    }
  },
};

function judge(text: string, secrets: readonly string[] = []): string {
  const result = parseConfig(text, {
    file: "etc/node.yaml",
    env: (name) => name.startsWith("METAKO_") ? "from the environment" : undefined,
    readFile: (path) => {
      throw new Deno.errors.NotFound(path);
    },
    mode: () => 0o600,
  });
  const problems = result.ok ? result.warnings : [...result.problems, ...result.warnings];
  const lines = text.split("\n").length;
  for (const problem of problems) {
    const shown = formatProblem(problem);
    expect(
      problem.message !== "" && problem.remedy !== "",
      () => `a problem says nothing: ${shown}`,
    );
    expect(problem.line >= 1 && problem.line <= lines, () => `there is no such line: ${shown}`);
    expect(shown.length < 3000, () => `a problem of ${shown.length} characters: ${shown}`);
    for (const secret of secrets) {
      expect(!shown.includes(secret), () => `a problem shows a secret: ${shown}`);
    }
  }
  if (!result.ok) {
    expect(result.problems.length > 0, () => "it was refused without a reason");
    return "refused";
  }
  const effective = JSON.stringify(effectiveConfig(result.config));
  for (const secret of secrets) {
    expect(!effective.includes(secret), () => `the effective configuration shows ${secret}`);
  }
  return "accepted";
}

/** The secretive file with one of its keys misspelt, so that its value is somewhere else. */
function misspelt(dice: Dice): string {
  const lines = SECRETIVE.split("\n");
  const keyed = lines.flatMap((line, index) => /^ *\w+: Zq/.test(line) ? [index] : []);
  const at = dice.pick(keyed);
  const [, indent, key, value] = /^( *)(\w+): (.*)$/.exec(lines[at]!)!;
  const letter = dice.whole(0, key!.length - 1);
  const wrong = dice.pick([
    key!.slice(0, letter) + key!.slice(letter + 1),
    key!.slice(0, letter) + dice.pick([..."abcxyz_"]) + key!.slice(letter),
    key!.toUpperCase(),
    dice.pick(["user_password", "secret", "passwd", "token"]),
  ]);
  const shape = dice.pick([
    `${wrong}: ${value}`,
    `${wrong}: [${value}]`,
    `${wrong}: {value: ${value}}`,
    `${key}: [${value}]`,
    `${key}: {value: ${value}}`,
    `${key}: "${value}\\u0000"`,
  ]);
  return lines.with(at, `${indent}${shape}`).join("\n");
}

/** Brackets, anchors and depths that make a parser work hard. */
function nested(dice: Dice): string {
  const depth = dice.whole(1, 3000);
  return dice.pick([
    "[".repeat(depth),
    "{a: ".repeat(depth),
    `${"- ".repeat(depth)}x`,
    `a: &a [x, x]\n${
      Array.from({ length: dice.whole(1, 30) }, (_, i) => `b${i}: &b${i} [*a, *a, *a]`).join("\n")
    }`,
    Array.from({ length: dice.whole(1, 60) }, (_, i) => `${" ".repeat(i)}k${i}:`).join("\n"),
    `a: &a {b: *a}`,
    `? ${"[".repeat(depth)}\n: x`,
    `a: ${'"'.repeat(depth)}`,
    `a: |${"9".repeat(depth)}\n  x`,
    `${"&a ".repeat(depth)}x`,
    `%YAML ${depth}\n---\na: b`,
  ]);
}
