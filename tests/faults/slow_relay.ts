/**
 * Carries IP packets between hosts, each of them late. A program of its own, so that neither clients
 * nor their clocks wait for it:
 *
 *     deno run -A slow_relay.ts DELAY_MS DEVICE=ADDRESS…
 *
 * It makes a TUN device for each address, says "ready", and then hands every packet that it reads
 * from one of them to the device of the packet's destination. It ends, and its devices with it, when
 * its standard input does.
 *
 * @module
 */

/** From linux/if_tun.h and fcntl.h: packets without a head, one device for one descriptor. */
const TUNSETIFF = 0x400454can;
const IFF_TUN_NO_PI = 0x1001;
const O_RDWR = 2;

const IFREQ_BYTES = 40;
const FLAGS_OFFSET = 16;
const MOST_BYTES = 65_536;
const IPV4_DESTINATION = 16;
const IPV4_HEADER_BYTES = 20;

/** A second's worth at 4000 packets each; what comes beyond is lost, as in a real queue. */
const MOST_UNDER_WAY = 4000;

const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
}).symbols;

const [delay = "", ...links] = Deno.args;
const delayMs = Number(delay);
const devices = new Map<string, number>();
for (const link of links) {
  const [name = "", address = ""] = link.split("=");
  devices.set(address, openDevice(name));
}
let underWay = 0;
for (const device of devices.values()) void carry(device);
console.log("ready");
for await (const _ of Deno.stdin.readable) { /* until it ends */ }
Deno.exit(0);

function openDevice(name: string): number {
  const device = libc.open(new TextEncoder().encode("/dev/net/tun\0"), O_RDWR);
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(new TextEncoder().encode(name));
  new DataView(request.buffer).setUint16(FLAGS_OFFSET, IFF_TUN_NO_PI, true);
  if (device >= 0 && libc.ioctl(device, TUNSETIFF, request) === 0) return device;
  throw new Error(`Cannot make the TUN device ${name}: it takes root and /dev/net/tun.`);
}

async function carry(from: number): Promise<void> {
  const buffer = new Uint8Array(MOST_BYTES);
  while (true) {
    const length = Number(await libc.read(from, buffer, BigInt(MOST_BYTES)));
    if (length < IPV4_HEADER_BYTES || underWay >= MOST_UNDER_WAY) continue;
    const packet = buffer.slice(0, length);
    const address = packet.subarray(IPV4_DESTINATION, IPV4_DESTINATION + 4).join(".");
    const to = devices.get(address);
    if (to === undefined) continue;
    underWay++;
    setTimeout(() => {
      underWay--;
      libc.write(to, packet, BigInt(length));
    }, delayMs);
  }
}
