import assert from "node:assert/strict";
import { openTlsDesk } from "../../src/router/tls.ts";
import { AUTHORITY, TLS } from "../coordination/socket_support.ts";

Deno.test("openTlsDesk() names a certificate or key that does not load, and shows neither", () => {
  for (
    const tls of [
      { cert: "garbage", key: TLS.key },
      { cert: TLS.cert, key: "garbage" },
      { cert: TLS.cert, key: TLS.cert },
      { cert: TLS.cert, key: AUTHORITY.key },
      { cert: "", key: TLS.key },
    ]
  ) {
    const opened = openTlsDesk(tls);
    assert.ok(!opened.ok);
    assert.match(opened.because, /security\.cert_file.*security\.key_file/);
    assert.doesNotMatch(opened.because, /BEGIN|garbage/);
  }
});
