import assert from "node:assert/strict";
import { configCheckCommand } from "../../src/cli/config_check.ts";
import { failoverCommand } from "../../src/cli/failover.ts";
import { runCommand } from "../../src/cli/run.ts";
import { statusCommand } from "../../src/cli/status.ts";
import { findFreePorts } from "../../src/cli/demo/ports.ts";
import { planDemo, renderNodeConfig } from "../../src/cli/demo/plan.ts";
import { recordingTerminal } from "./fixtures.ts";

/** A configuration of three nodes of which none runs, in a file of its own. */
async function withConfig(
  work: (file: string, secret: string) => Promise<void>,
  change: (text: string) => string = (text) => text,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const secret = "tell-nobody-of-this-secret-0123456789";
    const plan = planDemo({
      folder,
      nodeCount: 3,
      witnessCount: 0,
      settings: {},
      ports: findFreePorts("127.0.0.1", 9)!,
      binDir: "/usr/lib/postgresql/15/bin",
      osUser: null,
      secrets: { superuser: secret, replication: secret, application: "", cluster: secret },
    });
    const file = `${folder}/config.yaml`;
    await Deno.writeTextFile(file, change(renderNodeConfig(plan, plan.nodes[0]!)), {
      mode: 0o600,
    });
    await work(file, secret);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("configCheckCommand() prints the effective configuration without its secrets", () =>
  withConfig((file, secret) => {
    const terminal = recordingTerminal();
    assert.equal(configCheckCommand(file, terminal), 0);
    assert.deepEqual(terminal.err, [`${file} is valid.`]);
    assert.ok(terminal.out[0]!.includes("node3"));
    assert.ok(!terminal.out[0]!.includes(secret));
    return Promise.resolve();
  }));

Deno.test("runCommand() does not start from a file that everybody can change", () =>
  withConfig(async (file) => {
    await Deno.chmod(file, 0o602);
    const terminal = recordingTerminal();
    const code = await runCommand({ config: file }, { terminal, version: "0", self: [] });
    assert.equal(code, 78);
    assert.match(terminal.err[0]!, /can change this file, .* Run: chmod o-w /);
  }));

Deno.test("configCheckCommand() warns where everybody can read secrets that are written out", () =>
  withConfig(async (file, secret) => {
    await Deno.chmod(file, 0o644);
    const terminal = recordingTerminal();
    assert.equal(configCheckCommand(file, terminal), 0);
    assert.match(
      terminal.err[0]!,
      /config\.yaml:\d+:3: a secret is written out here, .* chmod 600/,
    );
    assert.ok(!terminal.err.join().includes(secret));

    const elsewhere = (await Deno.readTextFile(file))
      .replaceAll(
        /(password|cluster_secret): .*/g,
        '$1: "${METAKO_TEST_SECRET}" # password: not here',
      );
    await Deno.writeTextFile(file, elsewhere);
    Deno.env.set("METAKO_TEST_SECRET", secret);
    try {
      const quiet = recordingTerminal();
      assert.equal(configCheckCommand(file, quiet), 0);
      assert.deepEqual(quiet.err, [`${file} is valid.`]);
    } finally {
      Deno.env.delete("METAKO_TEST_SECRET");
    }
  }));

Deno.test("configCheckCommand() warns of a password file that everybody can read", () =>
  withConfig(
    async (file, secret) => {
      await Deno.writeTextFile(`${file}.password`, secret, { mode: 0o644 });
      const terminal = recordingTerminal();
      assert.equal(configCheckCommand(file, terminal), 0);
      assert.match(terminal.err[0]!, /local_db\.password_file .*every user.*chmod 600/);
    },
    (text) => text.replace(/password: .*/, "password_file: config.yaml.password"),
  ));

Deno.test("configCheckCommand() prints every problem with its place", () =>
  withConfig(
    (file) => {
      const terminal = recordingTerminal();
      assert.equal(configCheckCommand(file, terminal), 78);
      assert.deepEqual(terminal.out, []);
      const places = terminal.err.filter((line) => line.startsWith(`${file}:`));
      assert.ok(places.length >= 2, terminal.err.join("\n"));
      assert.equal(terminal.err.at(-1), `${file} cannot be used.`);
      return Promise.resolve();
    },
    (text) => text.replace("role: primary", "role: boss") + "colour: red\n",
  ));

Deno.test("configCheckCommand() warns of a missing certificate, and runCommand() refuses it", () =>
  withConfig(
    async (file) => {
      const checked = recordingTerminal();
      assert.equal(configCheckCommand(file, checked), 0);
      assert.match(checked.err.join("\n"), /\/nonexistent\/cert\.pem/);
      assert.match(checked.err.at(-1)!, /metako run refuses it/);
      const ran = recordingTerminal();
      assert.equal(
        await runCommand({ config: file }, { terminal: ran, version: "0", self: [] }),
        78,
      );
      assert.match(ran.err.join("\n"), /\/nonexistent\/cert\.pem/);
    },
    (text) =>
      text.replace(
        "security:\n",
        "security:\n  tls_enabled: true\n  cert_file: /nonexistent/cert.pem\n" +
          "  key_file: /nonexistent/key.pem\n",
      ),
  ));

Deno.test("statusCommand() gives 4 and a row for each node where none answers", () =>
  withConfig(async (file) => {
    const terminal = recordingTerminal();
    const options = { config: file, json: false, watch: false, node: null };
    assert.equal(await statusCommand(options, terminal), 4);
    for (const node of ["node1", "node2", "node3"]) {
      assert.match(terminal.out[0]!, new RegExp(`^${node} .*unreachable`, "m"));
    }
    const json = recordingTerminal();
    assert.equal(await statusCommand({ ...options, json: true, node: "node2" }, json), 4);
    const view = JSON.parse(json.out[0]!);
    assert.equal(view.reachable, 0);
    assert.equal(view.primary, null);
    assert.equal(view.has_majority, false);
    assert.deepEqual(view.nodes.map((node: { node: string }) => node.node), ["node2"]);
    assert.equal(typeof view.nodes[0].because, "string");
  }));

Deno.test("statusCommand() gives 2 where the node is no member", () =>
  withConfig(async (file) => {
    const terminal = recordingTerminal();
    const options = { config: file, json: false, watch: false, node: "node9" };
    assert.equal(await statusCommand(options, terminal), 2);
    assert.match(terminal.err[0]!, /The members are node1, node2, node3\./);
  }));

Deno.test("failoverCommand() gives 2 for a node that cannot be primary, 4 where none answers", () =>
  withConfig(async (file) => {
    const stranger = recordingTerminal();
    assert.equal(await failoverCommand({ config: file, to: "node9", force: "none" }, stranger), 2);
    assert.match(stranger.err[0]!, /no member of the cluster\. Name one of node1, node2, node3\.$/);
    const silent = recordingTerminal();
    assert.equal(await failoverCommand({ config: file, to: "node2", force: "none" }, silent), 4);
    assert.match(silent.err[0]!, /^Cannot fail over to node2: No node answered/);
  }));
