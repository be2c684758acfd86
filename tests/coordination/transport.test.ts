import assert from "node:assert/strict";
import {
  authorityOf,
  checkCertificates,
  createTransport,
} from "../../src/coordination/transport.ts";
import { AUTHORITY, closedPort, TLS } from "./socket_support.ts";

Deno.test("checkCertificates() accepts one certificate, or several in one text", () => {
  assert.equal(checkCertificates(TLS.cert), null);
  assert.equal(checkCertificates(`${TLS.cert}\n${AUTHORITY.cert}`), null);
});

Deno.test("checkCertificates() names a text without a certificate, and a broken one", () => {
  for (const pem of ["", "garbage", TLS.key]) {
    assert.equal(checkCertificates(pem), "it holds no certificate in PEM");
  }
  const broken = TLS.cert.replace(/\nMI.{20}/, "\nMIAAAAAAAAAAAAAAAAAAAA");
  assert.notEqual(broken, TLS.cert);
  assert.equal(checkCertificates(broken), "it holds a certificate that is broken");
});

Deno.test("authorityOf() puts an IPv6 address in brackets", () => {
  assert.equal(authorityOf({ host: "db1.example", port: 8080 }), "db1.example:8080");
  assert.equal(authorityOf({ host: "::1", port: 8080 }), "[::1]:8080");
});

Deno.test("call() reaches a member at an IPv6 address", async () => {
  const server = Deno.serve(
    { hostname: "::1", port: 0, onListen: () => {} },
    (request) => new Response(new URL(request.url).pathname),
  );
  const transport = createTransport({ tls: false });
  const called = await transport.call(
    { host: "::1", port: server.addr.port },
    { method: "GET", path: "/status", headers: {}, body: null },
    new AbortController().signal,
  );
  assert.ok(called.type === "response");
  assert.equal(await called.response.text(), "/status");
  transport.close();
  await server.shutdown();
});

Deno.test("call() says silent when it was given up before it could be refused", async () => {
  const transport = createTransport({ tls: false });
  const controller = new AbortController();
  controller.abort();
  const called = await transport.call(
    { host: "127.0.0.1", port: closedPort() },
    { method: "GET", path: "/", headers: {}, body: null },
    controller.signal,
  );
  assert.equal(called.type, "silent");
  transport.close();
});
