/**
 * The interactive demo without a terminal, used by hand: it comes up, `status` and `psql`'s address
 * work, its primary is killed as the screen advises, another takes over, and Ctrl-C cleans up.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { listProcesses } from "../../src/cli/demo/processes.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;
const METAKO = ["run", "--quiet", "-A", MAIN];
const START_LIMIT_MS = 120_000;
const FAILOVER_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 60_000;

/** Reads a stream in the background and waits for text in it. */
function reader(stream: ReadableStream<Uint8Array>) {
  let text = "";
  const done = (async () => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) text += chunk;
  })();
  return {
    done,
    text: () => text,
    waitFor: async (pattern: RegExp, limitMs: number) => {
      const startMs = performance.now();
      for (;;) {
        const match = pattern.exec(text);
        if (match !== null) return match;
        if (performance.now() - startMs > limitMs) assert.fail(`No ${pattern} in:\n${text}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
}

async function metako(...args: string[]) {
  const output = await new Deno.Command(Deno.execPath(), { args: [...METAKO, ...args] }).output();
  const [out, err] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: output.code, out: out!, err: err! };
}

Deno.test("demo follows its cluster through a crash, and SIGINT leaves nothing behind", async () => {
  const temporary = await Deno.makeTempDir({ prefix: "metako-follow-" });
  await Deno.chmod(temporary, 0o755);
  const demo = new Deno.Command(Deno.execPath(), {
    args: [...METAKO, "demo"],
    env: { TMPDIR: temporary },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const out = reader(demo.stdout);
  const err = reader(demo.stderr);
  try {
    const [, password, port] = await out.waitFor(
      /PGPASSWORD=(\S+) psql -h 127\.0\.0\.1 -p (\d+) -U demo_app -d demo/,
      START_LIMIT_MS,
    );
    const folder = /metako demo in (\S+)/.exec(out.text())![1]!;
    const config = `${folder}/node2/config.yaml`;

    const status = await metako("status", "--json", "--config", config);
    assert.equal(status.code, 0, status.out + status.err);
    const before = JSON.parse(status.out);
    assert.equal(before.reachable, 3);
    assert.deepEqual(before.problems, []);
    const plain = await metako("status", "--config", config, "--node", "node3");
    assert.equal(plain.code, 0);
    assert.match(plain.out, /^node3 {2}standby {2}streaming/m);

    const sql = postgres({
      host: "127.0.0.1",
      port: Number(port),
      database: "demo",
      username: "demo_app",
      password: password!,
      max: 1,
    });
    await sql`CREATE TABLE tried (answer int)`;
    await sql`INSERT INTO tried VALUES (42)`;
    await sql.end({ timeout: 1 });

    const kill = new RegExp(`  ${before.primary}: kill -9 (\\d+) (\\d+)`).exec(out.text())!;
    for (const pid of kill.slice(1)) Deno.kill(Number(pid), "SIGKILL");
    const startMs = performance.now();
    let after = before;
    while (after.primary === before.primary || after.primary === null) {
      assert.ok(performance.now() - startMs < FAILOVER_LIMIT_MS, JSON.stringify(after));
      after = JSON.parse((await metako("status", "--json", "--config", config)).out);
    }
    assert.equal(after.reachable, 2);
    const dead = after.nodes.find((node: { node: string }) => node.node === before.primary);
    assert.equal(dead.reachable, false);
    await out.waitFor(new RegExp(`  ${before.primary}: \\(dead\\)`), FAILOVER_LIMIT_MS);

    demo.kill("SIGINT");
    const killer = setTimeout(() => demo.kill("SIGKILL"), STOP_LIMIT_MS);
    const ended = await demo.status;
    clearTimeout(killer);
    await Promise.all([out.done, err.done]);
    assert.equal(ended.code, 0, out.text() + err.text());
    assert.deepEqual([...Deno.readDirSync(temporary)], []);
  } finally {
    try {
      demo.kill("SIGTERM");
      await demo.status;
    } catch {
      // It has ended.
    }
    await Promise.all([out.done, err.done]);
    const left = listProcesses().filter((process) =>
      process.cwd?.startsWith(temporary) || process.args.some((arg) => arg.includes(temporary))
    );
    for (const process of left) Deno.kill(process.pid, "SIGKILL");
    await Deno.remove(temporary, { recursive: true });
    assert.deepEqual(left, []);
  }
});
