/**
 * A certificate for localhost, made with openssl.
 *
 * @module
 */

/** Makes one. @throws where openssl is missing or refuses */
export async function makeCertificate(): Promise<{ readonly cert: string; readonly key: string }> {
  const folder = await Deno.makeTempDir({ prefix: "metako-bench-" });
  const [cert, key] = [`${folder}/tls.crt`, `${folder}/tls.key`];
  try {
    const { success, stderr } = await new Deno.Command("openssl", {
      args: [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
        ...["-sha256", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
        ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ],
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`openssl failed: ${new TextDecoder().decode(stderr)}`);
    return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
