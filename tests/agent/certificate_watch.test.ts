import assert from "node:assert/strict";
import { watchCertificate } from "../../src/agent/certificate_watch.ts";
import type { TlsFiles } from "../../src/agent/secrets.ts";
import type { Config } from "../../src/config/mod.ts";

Deno.test("watchCertificate() hands on a changed pair once, and says why one is not used", async () => {
  const folder = await Deno.makeTempDir();
  const certFile = `${folder}/cert.pem`;
  const keyFile = `${folder}/key.pem`;
  const made = await new Deno.Command("openssl", {
    args: ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].concat(
      ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
      ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", keyFile, "-out", certFile],
    ),
    stderr: "null",
  }).output();
  assert.equal(made.code, 0);
  const cert = await Deno.readTextFile(certFile);
  const key = await Deno.readTextFile(keyFile);
  const config = {
    security: { tlsEnabled: true, certFile, keyFile, caFile: null },
  } as unknown as Config;
  const inUse: TlsFiles = { cert, key, trusted: cert };
  const given: string[] = [];
  const events: string[] = [];
  let refuse: string | null = null;
  const end = watchCertificate({
    config: { ...config, security: { ...config.security, caFile: "tests/agent/missing" } },
    users: [{ renewTls: () => assert.fail("the authority's file is missing") }],
    inUse,
    log: () => {},
    everyMs: 1,
  });
  const endOther = watchCertificate({
    config,
    users: [{ renewTls: () => null }, {
      renewTls({ key }) {
        given.push(key);
        return refuse;
      },
    }],
    inUse,
    log: (_level, event) => void events.push(event),
    everyMs: 1,
  });
  // As those who renew certificates do: the watcher never sees half a file.
  const replaceKey = async (text: string) => {
    await Deno.writeTextFile(`${keyFile}.new`, text);
    await Deno.rename(`${keyFile}.new`, keyFile);
  };
  const until = async (condition: () => boolean) => {
    for (let i = 0; i < 2000 && !condition(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.ok(condition());
  };
  try {
    await replaceKey("new");
    await until(() => events.includes("certificate_renewed"));
    refuse = "it does not fit";
    await replaceKey("wrong");
    await until(() => events.includes("certificate_unfit"));
    assert.equal(given.filter((key) => key === "new").length, 1);
    assert.equal(given.filter((key) => key === "wrong").length, 1);
  } finally {
    end();
    endOther();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await Deno.remove(folder, { recursive: true });
  }
});
