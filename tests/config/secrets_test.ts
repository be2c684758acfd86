import assert from "node:assert/strict";
import { effectiveConfig, formatProblem } from "../../src/config/mod.ts";
import { config, parse, problems, VALID, warnings } from "./support.ts";

const fromEnv = VALID.replace("hunter2", "${PGPASSWORD}");
const fromFile = VALID.replace("password: hunter2", "password_file: /run/secrets/pg");

Deno.test("parseConfig() takes a secret from the environment", () => {
  assert.equal(config(fromEnv, { env: { PGPASSWORD: "s3 cret" } }).localDb?.password, "s3 cret");
  const part = VALID.replace("hunter2", '"a-${PART}-b"');
  assert.equal(config(part, { env: { PART: "${X}" } }).localDb?.password, "a-${X}-b");
});

Deno.test("parseConfig() takes numbers and switches from the environment", () => {
  const text = VALID + "router:\n  port: ${PORT}\n  allow_trusted_backend: ${TRUST}\n";
  const { router } = config(text, { env: { PORT: "7000", TRUST: "true" } });
  assert.equal(router.port, 7000);
  assert.equal(router.allowTrustedBackend, true);
});

Deno.test("parseConfig() keeps a dollar sign and a brace that are written with two", () => {
  assert.equal(config(VALID.replace("hunter2", () => "$${X}")).localDb?.password, "${X}");
});

Deno.test("parseConfig() reports a variable that is not set, and nothing that follows from it", () => {
  assert.deepEqual(problems(fromEnv), [
    "etc/node.yaml:5:3: local_db.password needs the environment variable PGPASSWORD, which is " +
    "not set. Set PGPASSWORD, or write $${ for a plain ${.",
  ]);
});

Deno.test("parseConfig() reports what cannot name a variable, without showing it", () => {
  const [problem] = problems(VALID.replace("hunter2", '"${hunter 2}"'));
  assert.match(problem!, /cannot name a variable\. /);
  assert.ok(!problem!.includes("hunter"));
});

Deno.test("parseConfig() shows the reference, not the variable's value, of a bad value", () => {
  const [problem] = problems(VALID + "router:\n  port: ${PORT}\n", { env: { PORT: "hunter2" } });
  assert.match(problem!, /router.port must be a whole number from 1 to 65535, is "\$\{PORT\}"\./);
});

Deno.test("parseConfig() reads a secret's file without its last newline", () => {
  const read = (content: string) =>
    config(fromFile, { files: { "/run/secrets/pg": content } }).localDb?.password;
  assert.equal(read("s3cret\n"), "s3cret");
  assert.equal(read("s3cret\r\n"), "s3cret");
  assert.equal(read(" s3cret "), " s3cret ");
});

const BAD_FILES: readonly (readonly [string, string | null, RegExp])[] = [
  [
    "that does not exist",
    null,
    /must name a file that can be read \(\/run\/secrets\/pg: NotFound\)/,
  ],
  ["that is empty", "\n", /must name a file with at least 1 character/],
  ["of several lines", "eins\nzwei\n", /must name a file with one line/],
];

for (const [what, content, expected] of BAD_FILES) {
  Deno.test(`parseConfig() refuses a secret's file ${what}`, () => {
    const found = problems(fromFile, {
      files: content === null ? {} : { "/run/secrets/pg": content },
    });
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, expected);
    assert.ok(!found[0]!.includes("eins"));
  });
}

Deno.test("parseConfig() refuses a short cluster secret from a file", () => {
  const text = VALID.replace("cluster_secret: correct-horse-battery", "cluster_secret_file: /s");
  assert.match(
    problems(text, { files: { "/s": "short" } })[0]!,
    /cluster_secret_file must name a file with at least 16 characters/,
  );
  assert.equal(
    config(text, { files: { "/s": "long-enough-it-is\n" } }).security.clusterSecret,
    "long-enough-it-is",
  );
});

Deno.test("parseConfig() refuses a secret that is given twice", () => {
  const text = fromFile.replace("password_file", "password: hunter2\n  password_file");
  const found = problems(text, { files: { "/run/secrets/pg": "x" } });
  assert.equal(found.length, 1);
  assert.match(found[0]!, /:6:3: local_db.password_file must not stand beside password/);
});

Deno.test("parseConfig() warns of a secret's file that every user can reach", () => {
  const warned = (mode: number) =>
    warnings(fromFile, {
      files: { "/run/secrets/pg": "x" },
      modes: { "/run/secrets/pg": mode },
    }).map(formatProblem);
  assert.deepEqual(warned(0o100640), []);
  assert.match(warned(0o100644)[0]!, /every user of this host can reach.*chmod 600/);
});

Deno.test("parseConfig() refuses a password that YAML reads as a number, without showing it", () => {
  const found = problems(VALID.replace("hunter2", "012345"));
  assert.equal(found.length, 1);
  assert.match(found[0]!, /local_db.password must be text, is \*{8}\. Put quotes around it\./);
});

Deno.test("neither problems, warnings nor the effective configuration hold a secret", () => {
  const secrets = ["pw-local-7f", "pw-replica-7f", "cluster-secret-7f-16", "previous-7f"];
  const text = `identity: {node_name: node1}
local_db: {role: primary, password: ${secrets[0]}}
replication: {password: ${secrets[1]}}
security: {cluster_secret: ${secrets[2]}, previous_cluster_secret: ${secrets[3]}}
`;
  const good = parse(text);
  assert.ok(good.ok);
  const bad = parse(`${text.replace("password:", "pasword:")}router: ${secrets[0]}\n`);
  assert.ok(!bad.ok);
  const printed = [
    effectiveConfig(good.config),
    ...good.warnings.map(formatProblem),
    ...bad.problems.map(formatProblem),
    ...bad.warnings.map(formatProblem),
    JSON.stringify(bad),
  ].join("\n");
  for (const secret of secrets) assert.ok(!printed.includes(secret), secret);
});
