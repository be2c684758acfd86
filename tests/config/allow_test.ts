import assert from "node:assert/strict";
import { effectiveConfig } from "../../src/config/mod.ts";
import { parseNetwork } from "../../src/config/network.ts";
import { config, problems, VALID } from "./support.ts";

Deno.test("parseNetwork() reads both families, and single addresses", () => {
  const table: readonly (readonly [string, readonly [string, number] | null])[] = [
    ["10.0.0.0/8", ["10.0.0.0", 8]],
    ["0.0.0.0/0", ["0.0.0.0", 0]],
    ["192.168.4.0/22", ["192.168.4.0", 22]],
    ["192.168.1.7", ["192.168.1.7", 32]],
    ["2001:db8::/32", ["2001:db8::", 32]],
    ["::/0", ["::", 0]],
    ["::1", ["::1", 128]],
    ["1:2:3:4:5:6:7:8", ["1:2:3:4:5:6:7:8", 128]],
    ["1:2:3:4:5:6:7::", ["1:2:3:4:5:6:7::", 128]],
    ["10.0.0.1/8", null],
    ["192.168.5.0/22", null],
    ["2001:db8::1/64", null],
    ["10.0.0.0/33", null],
    ["::/129", null],
    ["10.0.0/8", null],
    ["10.0.0.256", null],
    ["010.0.0.1", null],
    ["10.0.0.0/", null],
    ["1:2:3:4:5:6:7", null],
    ["1:2:3:4:5:6:7:8:9", null],
    ["1:2:3:4:5:6:7:8::", null],
    ["1::2::3", null],
    ["12345::", null],
    [":::", null],
    ["::ffff:10.0.0.1", null],
    ["db1", null],
    ["", null],
  ];
  for (const [text, expected] of table) {
    const network = expected && { address: expected[0], prefixBits: expected[1] };
    assert.deepEqual(parseNetwork(text), network, text);
  }
});

Deno.test("parseConfig() reads router.allow, entry by entry", () => {
  const { allow } = config(`${VALID}router:
  allow:
    - networks: [loopback, "10.0.0.0/8"]
      users: ["postgres"]
      privileged: true
    - action: reject
      databases: ["payroll"]
    - {}
`).router;
  const everything = { networks: null, databases: null, users: null, privileged: false };
  assert.deepEqual(allow, [
    {
      ...everything,
      action: "allow",
      networks: ["loopback", { address: "10.0.0.0", prefixBits: 8 }],
      users: ["postgres"],
      privileged: true,
    },
    { ...everything, action: "reject", databases: ["payroll"] },
    { ...everything, action: "allow" },
  ]);
});

Deno.test("parseConfig() names the item of router.allow that is wrong, and its place", () => {
  const table: readonly (readonly [lines: string, expected: RegExp])[] = [
    ["- networks: []", /:18:7: router\.allow\[0\]\.networks must be a list that is not empty/],
    ["- networks: 10.0.0.0/8", /:18:7: router\.allow\[0\]\.networks must be a list/],
    [
      "- {}\n    - networks: [loopback, 10.1.0.0/8]",
      /:19:28: router\.allow\[1\]\.networks\[1\] must be a network .*, is 10\.1\.0\.0\/8\./,
    ],
    ["- users: [app, 5]", /:18:20: router\.allow\[0\]\.users\[1\] must be a name/],
    ["-", /:18:6: router\.allow\[0\] must be a mapping of keys/],
    ["- network: 10.0.0.0/8", /:18:7: .*is not a known key. Did you mean networks\?/],
    [
      "- {}\n    - action: reject\n      privileged: true",
      /:20:7: router\.allow\[1\]\.privileged must not stand beside action: reject/,
    ],
  ];
  for (const [lines, expected] of table) {
    const found = problems(`${VALID}router:\n  port: 6432\n  allow:\n    ${lines}\n`);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, expected);
  }
});

Deno.test("effectiveConfig() shows the default of router.allow, which may be written so", () => {
  const shown = effectiveConfig(config(VALID));
  assert.match(shown, /allow:\n {4}- action: allow\n {6}networks:\n {8}- loopback\n/);
});
