/**
 * What each key of a configuration file means, for docs/configuration.md. What it accepts, and its
 * default, are asked of the program.
 */

/** About one key. */
export interface Meaning {
  readonly is: string;
  /** Where the program's default depends on other settings, or does not say enough. */
  readonly default?: string;
}

/** A sentence for each section; keys of nested sections as `coordination.cluster_mode`. */
export const SECTIONS: Readonly<Record<string, string>> = {
  "": "At the top of the file.",
  identity: "Who this node is, and where the others find it.",
  local_db: "The PostgreSQL that this agent looks after. A witness has none.",
  "cluster_members[]":
    "One entry for each other member; this node itself is not listed. The same members on every node.",
  "coordination.cluster_mode": "How soon a failure is noticed. The same on every member.",
  "coordination.pair_mode":
    "Two data members without a witness: whether one of them may act alone. See [how it goes](protocol/pair-primary-dies.md).",
  health_check: "When a member counts as unhealthy in `status` and for read-only sessions.",
  load_balancer: "How long clients of the router wait, and which standby reads go to.",
  security: "What members sign with, and TLS.",
  replication: "What a commit waits for, and how a node comes back.",
  router: "Where clients connect.",
  hooks: "Commands of your own, run when something happens. See [hooks](operations/hooks.md).",
  watchdog: "The host's last resort.",
  log: "What goes to standard output.",
};

/** By key, as the file spells it. */
export const MEANINGS: Readonly<Record<string, Meaning>> = {
  cluster_name: { is: "The cluster's name, the same on every member." },
  state_dir: {
    is: "The agent's own files: its vote, the history, PostgreSQL's log, kept WAL.",
    default: "`/var/lib/metako/NODE`",
  },

  "identity.node_name": { is: "This node's name, unlike any other member's.", default: "required" },
  "identity.local_db_host": {
    is: "Where the other members reach this node's PostgreSQL.",
    default: "as `local_db.host`, else `localhost`",
  },
  "identity.local_db_port": { is: "The port there.", default: "as `local_db.port`, else `5432`" },
  "identity.api_host": { is: "Where the agent listens for members and operators." },
  "identity.api_port": { is: "The port there." },
  "identity.priority": { is: "Who goes first among nodes that may be elected: the higher." },
  "identity.nofailover": { is: "Never elected; it votes, and its copy counts for commits." },
  "identity.witness": { is: "Votes and has no PostgreSQL." },

  "local_db.name": { is: "A label for people.", default: "as `identity.node_name`" },
  "local_db.host": {
    is: "Where this agent reaches its PostgreSQL.",
    default: "as `identity.local_db_host`",
  },
  "local_db.port": { is: "The port there.", default: "as `identity.local_db_port`" },
  "local_db.role": {
    is:
      "The first primary is named `primary`, all others `standby`; later ones are elected. `master` and `slave` are understood.",
    default: "required",
  },
  "local_db.username": { is: "The superuser that the agent logs in as." },
  "local_db.password": {
    is: "Its password, the same on every member.",
    default: "required, or the file",
  },
  "local_db.password_file": { is: "A file with the password in its one line." },
  "local_db.database": { is: "The application's database; made at the first start." },
  "local_db.data_dir": {
    is:
      "PostgreSQL's data directory. With it the agent owns the server: creates, starts, stops, rewinds and clones it.",
    default: "asked of the running server",
  },
  "local_db.bin_dir": { is: "Where PostgreSQL's programs are.", default: "looked for" },
  "local_db.os_user": {
    is: "The user PostgreSQL runs as where the agent is root.",
    default: "`postgres` under root, else the agent's own",
  },

  "cluster_members[].node_name": { is: "That member's name.", default: "required" },
  "cluster_members[].api_host": {
    is: "Where its agent is reached from here.",
    default: "required",
  },
  "cluster_members[].api_port": { is: "The port there.", default: "`8080`" },
  "cluster_members[].role": {
    is: "As in that member's own `local_db.role`.",
    default: "required, but for a witness",
  },
  "cluster_members[].priority": { is: "As in that member's own `identity`.", default: "`100`" },
  "cluster_members[].nofailover": { is: "As in that member's own `identity`.", default: "`false`" },
  "cluster_members[].witness": { is: "As in that member's own `identity`.", default: "`false`" },

  "coordination.cluster_mode.heartbeat_interval": {
    is:
      "How often the leader tells the others that it is there: at most a third of `failover_timeout`.",
  },
  "coordination.cluster_mode.failover_timeout": {
    is: "The lease: how long a primary may write without hearing from a majority.",
  },
  "coordination.cluster_mode.fence_margin": {
    is: "What a voter waits beyond the lease before it helps to elect another.",
    default: "a quarter of `failover_timeout`, at most `500ms`",
  },
  "coordination.cluster_mode.agent_silence_timeout": {
    is:
      "How long a primary may run without its agent before the others take over; `0s`: for the lease.",
    default: "`30s`, or lease and `fence_margin` where that is more",
  },
  "coordination.cluster_mode.communication_timeout": {
    is: "Bounds one call between members.",
    default: "⅔ of the lease, at most `5s`",
  },
  "coordination.cluster_mode.min_consensus_nodes": {
    is: "Raises the majority, never lowers it.",
    default: "a majority",
  },
  "coordination.cluster_mode.local_node_preference": {
    is: "Share of read-only sessions that the local standby gets.",
  },

  "coordination.pair_mode.enable": {
    is: "Whether one of two may act alone, within limits.",
    default: "`true` for two data members without a witness",
  },
  "coordination.pair_mode.failover_delay": {
    is: "How long the primary has to be silent; at least lease and `fence_margin`.",
  },
  "coordination.pair_mode.failure_threshold": { is: "For how many checks in a row." },
  "coordination.pair_mode.witness_addresses": {
    is: "A node acts alone only if it reaches most of these.",
    default: "none",
  },
  "coordination.pair_mode.when_alone": {
    is:
      "Without such addresses: a primary that lost its peer goes on (`serve`) or stops (`fence`).",
  },

  "health_check.interval": { is: "How often members are asked." },
  "health_check.timeout": {
    is: "How long an answer may take.",
    default: "`1s`, or `interval` where that is less",
  },
  "health_check.failure_threshold": { is: "How many failures in a row make a node unhealthy." },

  "load_balancer.algorithm": { is: "Which standby a read-only session goes to." },
  "load_balancer.read_timeout": { is: "How long a new read-only session waits for a server." },
  "load_balancer.write_timeout": { is: "How long a new session waits for a primary." },

  "security.tls_enabled": {
    is: "TLS between members, for operators and for clients of the router.",
  },
  "security.cert_file": { is: "This node's certificate (PEM)." },
  "security.key_file": { is: "Its key (PEM)." },
  "security.ca_file": {
    is: "Who signed the members' certificates. Without it all members use the same one.",
  },
  "security.cluster_secret": {
    is: "What members sign with; the same on all.",
    default: "derived from the database password; required on a witness",
  },
  "security.cluster_secret_file": { is: "A file with the secret in its one line." },
  "security.previous_cluster_secret": { is: "Accepted beside it while it is being replaced." },
  "security.previous_cluster_secret_file": { is: "A file with that secret in its one line." },
  "security.pages_open_to": { is: "Who may read the agent's pages without the token." },
  "security.read_token": { is: "What opens the pages that may only be read." },
  "security.read_token_file": { is: "A file with that token in its one line." },

  "replication.user": { is: "The role that standbys stream with; made by metako." },
  "replication.password": {
    is: "Its password, the same on every member.",
    default: "as `local_db.password`",
  },
  "replication.password_file": { is: "A file with that password in its one line." },
  "replication.durability": {
    is: "What a commit waits for: see [durability](operations/README.md#durability).",
  },
  "replication.synchronous_standbys": {
    is: "How many standbys hold a commit before it is acknowledged.",
    default: "half of the members with PostgreSQL, rounded down",
  },
  "replication.maximum_lag_on_failover": {
    is: "`async` only: how much WAL a standby may lack and still be elected.",
    default: "any",
  },
  "replication.slot_retention": {
    is: "WAL that the slot of an absent member may hold back, on each server.",
  },
  "replication.rejoin": {
    is:
      "How a node comes back whose data left the leader's history: see [coming back](operations/rejoin.md).",
  },

  "router.host": { is: "Where the router listens." },
  "router.port": { is: "The port that leads to the primary." },
  "router.read_only_port": {
    is: "A second port, for sessions that only read: it leads to a standby.",
    default: "none",
  },
  "router.primary_port": {
    is: "A port that leads to the primary whatever is read.",
    default: "none",
  },
  "router.maximum_connections_per_user": {
    is: "Sessions of one role at one time; beyond them clients get 53300.",
    default: "no limit",
  },
  "router.maximum_connections": { is: "Sessions at one time; beyond them clients get 53300." },
  "router.maximum_pending_per_address": {
    is:
      "Clients of one address that have not proven yet who they are, at one time; beyond them clients get 53300. An IPv6 address counts by its first 64 bits.",
  },
  "router.maximum_waiting": { is: "Of those, how many may wait for a server." },
  "router.allow_trusted_backend": { is: "Accept a PostgreSQL that asks the router for no proof." },
  "router.tls": { is: "`require` refuses sessions in clear." },
  "router.authentication": {
    is:
      "Who checks a client's password: the router (`verify`), or the server through it (`relay`). See [the router](router.md).",
  },
  "router.backend_tls": {
    is:
      "Whether sessions to the servers are encrypted; see [the router](router.md#to-the-servers).",
  },
  "router.backend_ca_file": {
    is: "What servers' certificates are checked against (PEM).",
    default: "as `security.ca_file`",
  },
  "router.allow[].action": {
    is: "What happens to a client that this line fits; the first one that fits counts.",
  },
  "router.allow[].networks": { is: "The addresses it fits." },
  "router.allow[].databases": { is: "The databases it fits." },
  "router.allow[].users": { is: "The roles it fits." },
  "router.allow[].privileged": { is: "Whether it fits superusers and replication too." },
  "router.splitting": { is: "Whether reads are sent to standbys, statement by statement." },
  "router.idle_timeout": {
    is: "How long a session may be idle outside of a transaction before it is closed; 0s for ever.",
  },
  "router.idle_in_transaction_timeout": { is: "The same in the middle of a transaction." },
  "router.query_timeout": {
    is: "How long a query may take before the router has it cancelled; 0s for as long as it takes.",
  },
  "router.local_socket": {
    is: "Whether sessions reach the server on this host by its Unix socket; see " +
      "[the router](router.md#by-the-local-socket).",
  },
  "router.read_consistency": { is: "Whether a session sees its own writes in its reads." },
  "router.opaque_sessions": {
    is: "What becomes of a session that ran what the router cannot see into: see " +
      "[the router](router.md#where-statements-run).",
  },
  "router.maximum_read_lag": { is: "How far a standby may be behind and still get reads." },

  "hooks.before_promotion": {
    is: "Asked by a node that was elected, before it promotes; all but exit code 0 is a veto.",
  },
  "hooks.on_role_change": { is: "Run when this node became primary, standby, or neither." },
  "hooks.after_failover": { is: "Run by a new primary, once it takes writes." },
  "hooks.on_lost_durability": {
    is: "Run by the primary when commits begin to be on it alone.",
  },
  "hooks.timeout": { is: "How long each may take." },
  "hooks.veto_limit": { is: "For how long vetoes count while there is no primary." },
  "watchdog.device": {
    is: "A device that resets the host where PostgreSQL must be ended and cannot be, such as " +
      "`/dev/watchdog`: see [fencing](operations/fencing.md#the-hosts-watchdog).",
    default: "none",
  },
  "watchdog.required": { is: "Whether the agent refuses to start without it.", default: "`false`" },

  "log.level": { is: "What is quieter is left out." },
};
