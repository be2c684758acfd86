/**
 * Hosts that are network namespaces: each has its own address on a bridge of this machine, and links
 * that can be cut, one way or both, by address or by port, made lossy, or pulled out altogether.
 *
 * Packets are dropped in silence, so that nobody learns why. The clients live on the
 * machine itself, whose address on the bridge is the last one. Needs root, `ip` and `nft`.
 *
 * @module
 */

/**
 * Which of several suites on one machine this is, 0 to 25: they must not take each other's hosts for
 * leftovers.
 */
const PLACE = Math.trunc(Number(Deno.env.get("METAKO_FAULTS_PLACE") ?? 0)) % 26;
/** Names of namespaces and interfaces begin with it, so that leftovers can be told. */
const PREFIX = `mkf${PLACE === 0 ? "" : String.fromCharCode(97 + PLACE)}`;
const BRIDGE = `${PREFIX}-br`;
const SUBNET = `10.213.${77 + PLACE}`;
const LAST = 254;

/** Names the process whose hosts these are: the names above are the same in every run. */
const OWNER_FILE = `/run/metako-faults-${PLACE}.pid`;

/** The machine itself, where the clients are. */
export const CLIENTS_ADDRESS = `${SUBNET}.${LAST}`;

/** One host. */
export interface Host {
  readonly namespace: string;
  readonly address: string;
}

/** Packets that a host drops. */
export interface Drop {
  readonly way: "arriving" | "leaving";
  /** From or to this address alone; null: everybody's but the host's own. */
  readonly peer: string | null;
  /** To or from this TCP port alone; null: everything. */
  readonly port: number | null;
  /** So many packets of a hundred; 100: all. */
  readonly percent: number;
}

/** The hosts' network. */
export interface Network {
  readonly hosts: readonly Host[];
  /** Replaces what a host drops. */
  readonly drop: (host: Host, drops: readonly Drop[]) => Promise<void>;
  /** Pulls the host's cable, or plugs it in. */
  readonly cable: (host: Host, plugged: boolean) => Promise<void>;
  /** Every cable in, nothing dropped. */
  readonly heal: () => Promise<void>;
  /** The processes of a host. */
  readonly pids: (host: Host) => Promise<readonly number[]>;
  /** Ends every process of every host, and removes the namespaces. */
  readonly close: () => Promise<void>;
}

/** Why the suite cannot run here; null where it can. */
export async function networkObstacle(): Promise<string | null> {
  if (Deno.uid() !== 0) return "network namespaces need root";
  for (const [program, pack] of [["ip", "iproute2"], ["nft", "nftables"]] as const) {
    const found = await run(["sh", "-c", `command -v ${program}`]);
    if (found.code !== 0) return `${program} is missing: apt-get install ${pack}`;
  }
  const other = await whoElse();
  if (other !== null) return `another run is under way (process ${other})`;
  const probe = `${PREFIX}-probe`;
  await run(["ip", "netns", "delete", probe]);
  const made = await run(["ip", "netns", "add", probe]);
  await run(["ip", "netns", "delete", probe]);
  return made.code === 0 ? null : `this kernel makes no network namespaces: ${made.text}`;
}

/** Makes a network of that many hosts; what an earlier run left is removed first. */
export async function createNetwork(count: number): Promise<Network> {
  await Deno.writeTextFile(OWNER_FILE, String(Deno.pid));
  await removeLeftovers();
  await must(["ip", "link", "add", BRIDGE, "type", "bridge"]);
  await must(["ip", "address", "add", `${CLIENTS_ADDRESS}/24`, "dev", BRIDGE]);
  await must(["ip", "link", "set", BRIDGE, "up"]);
  await letThrough();
  const hosts = Array.from({ length: count }, (_, index): Host => ({
    namespace: `${PREFIX}${index + 1}`,
    address: `${SUBNET}.${index + 1}`,
  }));
  for (const host of hosts) await plugIn(host);
  const cable = (host: Host, plugged: boolean) =>
    must(["ip", "link", "set", outerEnd(host), plugged ? "up" : "down"]);
  const drop = async (host: Host, drops: readonly Drop[]) => {
    await must([...enter(host), "nft", "-f", "-"], ruleset(host, drops));
  };
  return {
    hosts,
    drop,
    cable,
    pids,
    async heal() {
      for (const host of hosts) {
        await drop(host, []);
        await cable(host, true);
      }
    },
    close: removeLeftovers,
  };
}

/** What a command begins with that is to run on a host. */
export function enter({ namespace }: Host): readonly string[] {
  return ["ip", "netns", "exec", namespace];
}

/**
 * The rules of a host, as `nft -f` reads them; they replace those before. Pure.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const host = { namespace: "mkf1", address: "10.213.77.1" };
 * const peer = "10.213.77.2";
 * const text = ruleset(host, [{ way: "arriving", peer, port: null, percent: 100 }]);
 * assert.match(text, /ip saddr 10\.213\.77\.2 drop/);
 * ```
 */
export function ruleset({ address }: Host, drops: readonly Drop[]): string {
  const rulesOf = (way: Drop["way"], field: "saddr" | "daddr") =>
    drops.filter((drop) => drop.way === way).flatMap(({ peer, port, percent }) => {
      const who = peer === null ? `!= { ${address}, 127.0.0.0/8 }` : peer;
      const chance = percent >= 100 ? "" : `numgen random mod 100 < ${percent} `;
      const ports = port === null ? [""] : [`tcp dport ${port} `, `tcp sport ${port} `];
      return ports.map((match) => `    ip ${field} ${who} ${match}${chance}drop`);
    });
  const chain = (name: string, hook: string, rules: readonly string[]) => [
    `  chain ${name} {`,
    `    type filter hook ${hook} priority 0; policy accept;`,
    ...rules,
    "  }",
  ];
  return [
    "table ip faults",
    "delete table ip faults",
    "table ip faults {",
    ...chain("arriving", "input", rulesOf("arriving", "saddr")),
    ...chain("leaving", "output", rulesOf("leaving", "daddr")),
    "}",
    "",
  ].join("\n");
}

/** The process of another run; null where there is none, or where it has ended. */
async function whoElse(): Promise<number | null> {
  const pid = Number(await Deno.readTextFile(OWNER_FILE).catch(() => "0"));
  if (pid === 0 || pid === Deno.pid) return null;
  const words = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
  return words.includes("faults") ? pid : null;
}

async function plugIn(host: Host): Promise<void> {
  const { namespace, address } = host;
  await must(["ip", "netns", "add", namespace]);
  const outer = outerEnd(host);
  const inner = ["peer", "name", "eth0", "netns", namespace];
  await must(["ip", "link", "add", outer, "type", "veth", ...inner]);
  await must(["ip", "link", "set", outer, "master", BRIDGE]);
  await must(["ip", "link", "set", outer, "up"]);
  const inside = ["ip", "-n", namespace];
  await must([...inside, "link", "set", "lo", "up"]);
  await must([...inside, "address", "add", `${address}/24`, "dev", "eth0"]);
  await must([...inside, "link", "set", "eth0", "up"]);
}

function outerEnd({ namespace }: Host): string {
  return `${namespace}-link`;
}

async function pids({ namespace }: Pick<Host, "namespace">): Promise<readonly number[]> {
  const { text } = await run(["ip", "netns", "pids", namespace]);
  return text.split("\n").map(Number).filter((pid) => pid > 0);
}

async function removeLeftovers(): Promise<void> {
  const listed = await run(["ip", "netns", "list"]);
  for (const line of listed.text.split("\n")) {
    const namespace = line.split(" ")[0] ?? "";
    if (!new RegExp(`^${PREFIX}\\d+$`).test(namespace)) continue;
    for (const pid of await pids({ namespace })) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await run(["ip", "netns", "delete", namespace]);
  }
  // The kernel takes a namespace's links away later; a next network needs their names now.
  const links = await run(["ip", "-o", "link", "show", "type", "veth"]);
  for (const [, link] of links.text.matchAll(new RegExp(`\\s(${PREFIX}\\d+-link)@`, "g"))) {
    await run(["ip", "link", "delete", link!]);
  }
  await run(["ip", "link", "delete", BRIDGE]);
  if (!await firewallFiltersBridges()) return;
  while ((await run(["iptables", "-w", "-D", ...PASS])).code === 0) { /* one for each run */ }
}

/** What a firewall of the machine is told to let through. */
const PASS = ["FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT"];

/** Where Docker runs, the machine drops what bridges forward, unless told otherwise. */
async function letThrough(): Promise<void> {
  if (await firewallFiltersBridges()) await must(["iptables", "-w", "-I", ...PASS]);
}

/** Without the program that speaks to it there is no such firewall. */
async function firewallFiltersBridges(): Promise<boolean> {
  const path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
  if ((await Deno.readTextFile(path).catch(() => "0")).trim() !== "1") return false;
  return (await run(["sh", "-c", "command -v iptables"])).code === 0;
}

/** Runs a command, which has to succeed. */
export async function must(command: readonly string[], input = ""): Promise<void> {
  const { code, text } = await run(command, input);
  if (code !== 0) throw new Error(`${command.join(" ")} failed: ${text}`);
}

/** Runs a command to its end; `text` is everything that it said. */
export async function run(
  [program = "", ...args]: readonly string[],
  input = "",
): Promise<{ readonly code: number; readonly text: string }> {
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, text: `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim() };
}
