import assert from "node:assert/strict";
import { type NewMember, newMemberFile } from "../../src/config/new_member.ts";
import { config, parse, VALID } from "./support.ts";

const NODE4: NewMember = { node: "node4", host: "host4", apiPort: 8081, witness: false };
const FILE = `# The first of three.
${
  VALID.replace(
    "node_name: node1",
    "node_name: node1\n  local_db_host: host1 # by name\n  priority: 9",
  )
}
router: { host: host1 }
`;

function made(text: string, wish: NewMember) {
  const file = newMemberFile(text, config(text), wish);
  assert.ok(file.ok, file.ok ? "" : file.because);
  const parsed = parse(file.text);
  assert.ok(parsed.ok, file.text);
  return { text: file.text, config: parsed.config };
}

Deno.test("newMemberFile() changes what members differ in, and keeps the rest with its comments", () => {
  const { text, config: found } = made(FILE, NODE4);
  assert.match(text, /^# node4, made from the file of node1/);
  assert.match(text, /# The first of three\./);
  assert.match(text, /local_db_host: host4 # by name/);
  const { identity, localDb, members, router, security } = found;
  assert.deepEqual(
    [identity.nodeName, identity.localDbHost, identity.apiPort, identity.priority],
    ["node4", "host4", 8081, config(VALID).identity.priority],
  );
  assert.deepEqual([localDb?.role, localDb?.password], ["standby", "hunter2"]);
  assert.equal(router.host, "host4");
  assert.equal(security.clusterSecret, "correct-horse-battery");
  assert.deepEqual(members.map(({ nodeName }) => nodeName).sort(), [
    "node1",
    "node2",
    "node3",
    "node4",
  ]);
  assert.equal(members.find(({ nodeName }) => nodeName === "node1")?.apiHost, "host1");
});

Deno.test("newMemberFile() leaves the new member out of its own list", () => {
  const listed = FILE.replace(
    "security:",
    "  - { node_name: node4, api_host: host4, role: standby }\nsecurity:",
  );
  assert.equal(made(listed, NODE4).config.members.length, 4);
});

Deno.test("newMemberFile() makes a witness of a data member's file, and not the other way round", () => {
  const { text, config: found } = made(FILE, { ...NODE4, witness: true });
  assert.deepEqual([found.identity.witness, found.localDb], [true, null]);
  const back = newMemberFile(text, found, { ...NODE4, node: "node5" });
  assert.match(back.ok ? "" : back.because, /^node4 is a witness/);
});

Deno.test("newMemberFile() refuses a file that does not say where its node is reached", () => {
  const text = FILE.replace("local_db_host: host1", "local_db_host: 0.0.0.0");
  const parsed = parse(text);
  if (!parsed.ok) return assert.match(JSON.stringify(parsed), /local_db_host/);
  const file = newMemberFile(text, parsed.config, NODE4);
  assert.match(file.ok ? "" : file.because, /does not say where others reach it/);
});
