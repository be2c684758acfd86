import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { renderFindings, well } from "../../../src/cli/doctor/finding.ts";
import { examineCertificate, examineDisk, examineDisks } from "../../../src/cli/doctor/host.ts";

const GIB = 1024 ** 3;

Deno.test("examineDisk() wants a tenth and a gigabyte to be free", () => {
  const gravity = (freeBytes: number, totalBytes: number) =>
    examineDisk("/data", { device: 1, freeBytes, totalBytes }).gravity;
  assert.equal(gravity(10 * GIB, 100 * GIB), "ok");
  assert.equal(gravity(10 * GIB - 1, 100 * GIB), "warning");
  assert.equal(gravity(GIB, 5 * GIB), "ok");
  assert.equal(gravity(GIB - 1, 5 * GIB), "warning");
  assert.equal(gravity(100 * 1024 ** 2, 5 * GIB), "bad");
});

Deno.test("examineDisks() looks at WAL and tablespaces that lie elsewhere, too", async () => {
  const folder = await Deno.makeTempDir({ prefix: "metako-doctor-" });
  try {
    const [dataDir, wal, space] = ["data", "wal", "space"].map((name) => `${folder}/${name}`);
    for (const path of [`${dataDir}/pg_tblspc`, wal!, space!]) {
      await Deno.mkdir(path, { recursive: true });
    }
    await Deno.symlink(wal!, `${dataDir}/pg_wal`);
    await Deno.symlink(space!, `${dataDir}/pg_tblspc/16384`);
    const findings = await examineDisks({
      stateDir: folder,
      localDb: { dataDir } as Parameters<typeof examineDisks>[0]["localDb"],
    });
    const looked = findings.map(({ finding }) => finding.split(":")[0]);
    assert.deepEqual(looked, [folder, dataDir, wal, space]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("examineCertificate() warns 30 days ahead, and calls an expired one bad", () => {
  const url = new URL("../../coordination/fixtures/test_only_cert.pem", import.meta.url);
  const pem = Deno.readTextFileSync(url);
  const until = Date.parse(new X509Certificate(pem).validTo);
  const day = 86_400_000;
  const at = (nowMs: number) => examineCertificate("security.cert_file", pem, nowMs);
  assert.equal(at(until - 30 * day).gravity, "ok");
  assert.equal(at(until - 29 * day).gravity, "warning");
  assert.match(at(until - 29 * day).finding, /^security\.cert_file expires on .*, in 29 days\.$/);
  assert.equal(at(until + 1).gravity, "bad");
  assert.throws(() => examineCertificate("security.cert_file", "no certificate", 0));
});

Deno.test("renderFindings() prints why and what to do below what was found", () => {
  const bad = {
    check: "disk",
    gravity: "bad",
    finding: "/data: 1 MB of 5 GB free.",
    why: "PostgreSQL stops.",
    remedy: "Free some room.",
  } as const;
  assert.equal(
    renderFindings([well("config", "a.yaml has no problem."), bad], { colour: false }),
    [
      "ok       config  a.yaml has no problem.",
      "BAD      disk    /data: 1 MB of 5 GB free.",
      "                 PostgreSQL stops.",
      "                 Free some room.",
      "",
      "1 bad, 0 warnings, 1 well.",
    ].join("\n"),
  );
  assert.match(renderFindings([well("config", "fine.")], { colour: false }), /All is well\.$/);
});
