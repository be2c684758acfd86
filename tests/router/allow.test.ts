import assert from "node:assert/strict";
import { createAllowList } from "../../src/router/allow.ts";
import type { AllowEntry } from "../../src/router/options.ts";

const ANYBODY: AllowEntry = {
  action: "allow",
  networks: null,
  databases: null,
  users: null,
  privileged: false,
};

function admits(
  entries: readonly AllowEntry[],
  address: string,
  { user = "app", database = "shop", loopback = false, privileged = false } = {},
): boolean {
  return createAllowList(entries).admits({ address, loopback, user, database }, privileged);
}

Deno.test("createAllowList() lets the first entry that fits decide", () => {
  const lan: AllowEntry = { ...ANYBODY, networks: [{ address: "10.0.0.0", prefixBits: 8 }] };
  const printer: AllowEntry = {
    ...ANYBODY,
    action: "reject",
    networks: [{ address: "10.0.0.9", prefixBits: 32 }],
  };
  assert.equal(admits([printer, lan], "10.0.0.9"), false);
  assert.equal(admits([printer, lan], "10.0.0.8"), true);
  assert.equal(admits([lan, printer], "10.0.0.9"), true);
  assert.equal(admits([printer, lan], "11.0.0.8"), false, "none fits");
  assert.equal(admits([], "10.0.0.8"), false);
});

Deno.test("createAllowList() passes over entries that are not for superusers, and no rejection", () => {
  const admin: AllowEntry = { ...ANYBODY, users: ["admin"], privileged: true };
  const privileged = true;
  assert.equal(admits([ANYBODY, admin], "10.0.0.1", { user: "admin", privileged }), true);
  assert.equal(admits([ANYBODY, admin], "10.0.0.1", { user: "root", privileged }), false);
  const keepOut: AllowEntry = { ...ANYBODY, action: "reject", users: ["admin"] };
  assert.equal(admits([keepOut, admin], "10.0.0.1", { user: "admin", privileged }), false);
});

Deno.test("createAllowList() compares addresses bit by bit, whatever their form", () => {
  const of = (address: string, prefixBits: number): AllowEntry[] => [
    { ...ANYBODY, networks: [{ address, prefixBits }] },
  ];
  assert.equal(admits(of("192.168.4.0", 22), "192.168.7.255"), true);
  assert.equal(admits(of("192.168.4.0", 22), "192.168.8.0"), false);
  assert.equal(admits(of("192.168.4.0", 22), "::ffff:192.168.5.1"), true);
  assert.equal(admits(of("0.0.0.0", 0), "203.0.113.9"), true);
  assert.equal(admits(of("0.0.0.0", 0), "2001:db8::1"), false, "another family");
  assert.equal(admits(of("2001:db8::", 33), "2001:db8:7fff::1"), true);
  assert.equal(admits(of("2001:db8::", 33), "2001:db8:8000::1"), false);
  assert.equal(admits(of("fe80::", 10), "fe80::1%eth0"), true);
  assert.equal(admits(of("::", 0), ""), false, "an unknown address");
});

Deno.test("createAllowList() takes loopback for the router's own host alone", () => {
  const local: AllowEntry[] = [{ ...ANYBODY, networks: ["loopback"] }];
  assert.equal(admits(local, "127.0.0.1", { loopback: true }), true);
  assert.equal(admits(local, "127.0.0.1"), false);
});

Deno.test("createAllowList() knows where superusers may come from", () => {
  const from = (entries: readonly AllowEntry[]) => createAllowList(entries).privilegedFromLoopback;
  const local: AllowEntry = { ...ANYBODY, networks: ["loopback"], privileged: true };
  assert.equal(from([local, ANYBODY]), true);
  assert.equal(from([local, { ...ANYBODY, privileged: true }]), false);
});
