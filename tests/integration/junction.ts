/**
 * One port for a client library that keeps its session and its cancel requests apart no further: the
 * first connection is led to one port, every later one to another.
 *
 * @module
 */

/** An open junction. */
export interface Junction {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on loopback. */
export function openJunction(firstPort: number, laterPort: number): Junction {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tasks: Promise<void>[] = [];
  const accepting = (async () => {
    let port = firstPort;
    for await (const client of listener) {
      tasks.push(join(client, port));
      port = laterPort;
    }
  })();
  return {
    port: listener.addr.port,
    async close() {
      listener.close();
      await accepting;
      await Promise.all(tasks);
    },
  };
}

async function join(client: Deno.TcpConn, port: number): Promise<void> {
  const server = await Deno.connect({ hostname: "127.0.0.1", port });
  // Whichever end closes ends both.
  await Promise.all([
    client.readable.pipeTo(server.writable).catch(() => {}),
    server.readable.pipeTo(client.writable).catch(() => {}),
  ]);
}
