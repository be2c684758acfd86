/**
 * A TCP forwarder and nothing else: `forwarder.ts PORT TARGET_PORT`.
 *
 * @module
 */
const [port, target] = Deno.args.map(Number);

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    }
  } catch {
    // One of them is gone, and so is the other.
  }
  for (const conn of [from, to]) {
    try {
      conn.close();
    } catch {
      // Closed already.
    }
  }
}

for await (const client of Deno.listen({ hostname: "127.0.0.1", port: port! })) {
  client.setNoDelay(true);
  Deno.connect({ hostname: "127.0.0.1", port: target! }).then((server) => {
    server.setNoDelay(true);
    void copy(client, server);
    void copy(server, client);
  }, () => client.close());
}
