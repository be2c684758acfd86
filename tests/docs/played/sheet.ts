/**
 * How each command that the documentation tells people to type is tried.
 *
 * A command that stands in no row fails a test, so that whoever writes one decides how it is tried.
 *
 * @module
 */

/** What a played command has to come to. */
export interface Wanted {
  /** Exit codes; 0 where nothing is said. */
  readonly exit?: readonly number[];
  /** What it has to print. */
  readonly shows?: RegExp;
}

/** A row. */
export type Row =
  /** A part of the quick start on one host, played in its own order. */
  | { readonly how: "quick start" }
  /** A line of the installation, typed on a host that has nothing yet, in this folder. */
  | { readonly how: "install"; readonly folder: string }
  /** Typed on the quick start's cluster while it runs. */
  | Wanted & {
    readonly how: "look";
    /** This node has to be the primary before. */
    readonly primary?: string;
    /** The question that it asks is answered with this. */
    readonly answer?: string;
    /** It changes the cluster, which has to become whole again. */
    readonly changes?: true;
  }
  /** Typed in the folder of the source. */
  | Wanted & { readonly how: "source" }
  | { readonly how: "left"; readonly because: string };

const DOCKER = "needs a Docker daemon: deno task compose:test plays the page";
const SYSTEMD = "needs systemd as the first process; tests/delivery/service.test.ts reads the unit";
const PACKAGES = "installs packages on this machine";
const LONG = "takes minutes, and is played by other tests";
const GATE: Row = { how: "left", because: "deno task ok runs it, and so this test" };
const QUICK: Row = { how: "quick start" };
const HAS_PRIMARY = /Primary: node\d, term \d+; 3 of 3 nodes answered/;

/** In the order in which they are played. */
export const SHEET: Readonly<Record<string, Row>> = {
  // Installation.
  "install -m 755 metako /usr/local/bin/metako": { how: "install", folder: "." },
  "metako config init --cluster shop --dir shop --data-dir /var/lib/postgresql/15/shop --node node1=192.168.1.101 --node node2=192.168.1.102 --node node3=192.168.1.103":
    { how: "install", folder: "three" },
  "install -d -m 750 -o root -g postgres /etc/metako": { how: "install", folder: "three/shop" },
  "install -m 600 -o postgres -g postgres node1.yaml /etc/metako/metako.yaml": {
    how: "install",
    folder: "three/shop",
  },
  "install -m 644 metako.service /etc/systemd/system/metako.service": {
    how: "install",
    folder: ".",
  },

  // On one host.
  "metako config init --cluster shop --dir shop --one-host /var/lib/postgresql/shop --node node1=127.0.0.1 --node node2=127.0.0.1 --node node3=127.0.0.1":
    QUICK,
  "for node in node1 node2 node3; do\nmetako run --config shop/$node.yaml > shop/$node.log 2>&1 &\ndone":
    QUICK,
  "metako status --config shop/node1.yaml --watch": QUICK,
  "kill -9 $(pgrep -f '^metako run --config shop/node1') $(head -1 /var/lib/postgresql/shop/node1/data/postmaster.pid)":
    QUICK,
  "metako status --config shop/node2.yaml": QUICK,
  "metako logs shop/node2.log": QUICK,
  "metako run --config shop/node1.yaml >> shop/node1.log 2>&1 &": QUICK,
  "metako status --config shop/node1.yaml": QUICK,
  "pkill -f '^metako run --config shop/'": QUICK,
  'for node in node3 node2 node1; do\nsu postgres -c "/usr/lib/postgresql/15/bin/pg_ctl -D /var/lib/postgresql/shop/$node/data -m fast stop"\ndone':
    QUICK,

  // On its cluster, whose first configuration is at both places that the pages name.
  "metako status --config /etc/metako/metako.yaml": { how: "look", shows: HAS_PRIMARY },
  "metako status --config node1.yaml": { how: "look", shows: HAS_PRIMARY },
  "metako doctor --config /etc/metako/metako.yaml": {
    how: "look",
    shows: /^(?:0 bad, |All is well\.)/m,
  },
  "metako config check node1.yaml": { how: "look", shows: /cluster_name: shop/ },
  "metako reload --config node1.yaml": { how: "look", shows: /node3/ },
  'metako pause --config node1.yaml --reason "new switch"': { how: "look", shows: /paused/i },
  "metako resume --config node1.yaml": { how: "look", changes: true },
  "metako switchover --config /etc/metako/metako.yaml": {
    how: "look",
    primary: "node1",
    changes: true,
  },
  "metako history --config /etc/metako/metako.yaml": { how: "look", shows: /planned/ },
  "metako restart node2 --config node1.yaml": {
    how: "look",
    primary: "node1",
    answer: "y",
    changes: true,
  },
  "metako restart node2 --config /etc/metako/metako.yaml": {
    how: "left",
    because: "is the same as with --config node1.yaml",
  },
  "metako restart node1 --switchover --config node1.yaml": {
    how: "look",
    primary: "node1",
    answer: "y",
    changes: true,
  },
  "metako restart node1 --in-place --config node1.yaml": {
    how: "look",
    primary: "node1",
    answer: "y",
    changes: true,
  },
  "metako reinit node3 --config node1.yaml": {
    how: "look",
    primary: "node1",
    answer: "y",
    changes: true,
  },
  "psql -h 127.0.0.1 -p 6432 -U postgres -d shop": QUICK,

  // In the source.
  "deno task faults --list": { how: "source", shows: /host-killed/ },
  "deno task sim --seed 42 --trace": { how: "source", shows: /\n/ },
  "deno test --no-prompt tests/core/lease.test.ts": { how: "source", shows: /0 failed/ },
  "deno test -A tests/router/waiting.test.ts": { how: "source", shows: /0 failed/ },

  // What cannot be typed here.
  "deno fmt --check": GATE,
  "deno lint": GATE,
  "deno check main.ts src tests": GATE,
  "deno task test:rules": GATE,
  "deno task ok": { how: "left", because: "it is what runs this test" },
  "deno install": { how: "left", because: "it changes the folder that this test runs in" },
  "deno task demo --check": {
    how: "left",
    because: "tests/integration/demo_check.test.ts plays it",
  },
  "deno task sim --seeds 200 --jobs 2": { how: "left", because: LONG },
  "deno task sim:mutants --jobs 2": { how: "left", because: LONG },
  "deno task faults host-killed": { how: "left", because: LONG },
  "npm install --global deno@2.9.6": { how: "left", because: PACKAGES },
  "apt-get install -y postgresql npm iproute2 nftables faketime haproxy": {
    how: "left",
    because: PACKAGES,
  },
  "psql 'host=192.168.1.101,192.168.1.102,192.168.1.103 port=6432 user=app dbname=shop connect_timeout=3'":
    { how: "left", because: "needs three hosts; the test connects to three ports instead" },
  "kill -TERM $(pgrep -f 'metako run')": {
    how: "left",
    because: "the quick start ends its cluster in the same way",
  },
  "pg_ctl -D DATA_DIR -m fast stop": {
    how: "left",
    because: "the quick start ends its cluster in the same way",
  },
  "apt-get install -y postgresql npm": { how: "left", because: PACKAGES },
  "apt-get install -y postgresql": { how: "left", because: PACKAGES },
  "apt-get install --only-upgrade postgresql-15": { how: "left", because: PACKAGES },
  "npx -y deno@2.9.6 task demo": {
    how: "left",
    because: "tests/integration/demo_check.test.ts and demo_follow.test.ts play it",
  },
  "npx -y deno@2.9.6 task ok": { how: "left", because: "it is what runs this test" },
  "deno task fuzz --minutes 10": { how: "left", because: LONG },
  "deno task fuzz --seed 100037 --only router --cases 1": { how: "left", because: LONG },
  "systemctl disable --now postgresql": { how: "left", because: SYSTEMD },
  "systemctl enable --now metako": { how: "left", because: SYSTEMD },
  "systemctl status metako": { how: "left", because: SYSTEMD },
  "systemctl restart metako": { how: "left", because: SYSTEMD },
  "journalctl -u metako -o cat -f | metako logs": { how: "left", because: SYSTEMD },
  "journalctl -u metako -o cat | metako logs": { how: "left", because: SYSTEMD },
  "docker compose up --build --detach": { how: "left", because: DOCKER },
  "docker compose logs --follow client": { how: "left", because: DOCKER },
  "docker compose kill node1": { how: "left", because: DOCKER },
  "docker compose start node1": { how: "left", because: DOCKER },
  "docker compose pause node2": { how: "left", because: DOCKER },
  "docker compose unpause node2": { how: "left", because: DOCKER },
  "docker compose stop node3": { how: "left", because: DOCKER },
  "docker compose exec node3 metako status --config /etc/metako/node.yaml": {
    how: "left",
    because: DOCKER,
  },
  "docker compose exec node3 metako history --config /etc/metako/node.yaml": {
    how: "left",
    because: DOCKER,
  },
  "docker compose down --volumes": { how: "left", because: DOCKER },
  "psql -h 127.0.0.1 -p 6432 -U app -d shop": { how: "left", because: DOCKER },
  "docker build -f configs/docker/Dockerfile -t metako .": { how: "left", because: DOCKER },
  "docker build -f configs/docker/Dockerfile -t metako --target prebuilt .": {
    how: "left",
    because: DOCKER,
  },
};

/**
 * The commands of README's table, as they are typed on the quick start's cluster; a string says why one
 * is not.
 */
export const TABLE: Readonly<Record<string, string | { readonly type: string } & Wanted>> = {
  "metako run": "the quick start runs it",
  "metako status": { type: "metako status --config node1.yaml --json", shows: /"primary"/ },
  "metako history": { type: "metako history --config node1.yaml", shows: /^when +term +primary/ },
  "metako switchover": "a page's command is played",
  "metako failover --to NODE": {
    type: "metako failover --to node2 --config node1.yaml",
    shows: /node2/,
  },
  "… --force": "needs a cluster without a majority: tests/faults plays forced failovers",
  "metako pause": "a page's command is played",
  "metako reload": "a page's command is played",
  "metako restart NODE": "a page's command is played",
  "metako reinit NODE": "a page's command is played",
  "metako members list": { type: "metako members list --config node1.yaml", shows: /node3/ },
  "metako router sessions": {
    type: "metako router sessions --config node1.yaml --json",
    shows: /^[[{]/,
  },
  "metako doctor": { type: "metako doctor --config node1.yaml --json", shows: /"findings"/ },
  "metako config check FILE": "a page's command is played",
  "metako config init": "a page's command is played",
  "metako logs [FILE]": { type: "metako logs node1.log", shows: /node1 starting/ },
  "metako completion bash": { type: "metako completion bash | bash -n" },
  "metako demo": "tests/integration/demo_check.test.ts plays it",
};
