/**
 * Faults of the edge: what the core relies on, broken in the simulated agent or server. They show
 * that the simulator would notice an edge that does not keep its part of the contract.
 */
import { type Mutant, several } from "./mutant.ts";

/** The mutants of this file. */
export const EDGE_MUTANTS: readonly Mutant[] = [
  several("revocation-not-persisted", "a revoked standby connects to its upstream again", [[
    "tests/simulation/actions.ts",
    "      data.following = null;\n      process.receiver = null;\n      data.flushed",
    "      process.receiver = null;\n      data.flushed",
  ]]),
  several("answer-before-fsync", "effects leave before the state file is written", [[
    "tests/simulation/agent.ts",
    '    if (effect.type !== "persist") {\n      start(world, host, effect);\n      continue;\n    }\n    agent.busy = true;',
    '    if (effect.type !== "persist") {\n      start(world, host, effect);\n      continue;\n    }\n    carryOut(world, host, agent, effects.slice(index + 1).filter((e) => e.type !== "persist"), 0);\n    effects = [...effects.slice(0, index + 1), ...effects.slice(index + 1).filter((e) => e.type === "persist")];\n    agent.busy = true;',
  ]]),
  several("disk-forgets", "a crash can bring an old state file back", [[
    "tests/simulation/agent.ts",
    "  if (persisting !== null && world.dice.disk.luck(0.5)) writeState(world, host, persisting);",
    "  if (persisting !== null && world.dice.disk.luck(0.5)) writeState(world, host, persisting);\n  if (world.dice.disk.luck(0.3)) writeState(world, host, { ...host.disk, term: Math.max(0, host.disk.term - 1) });",
  ]]),
  several("barrier-too-early", "the insert position is read before the names are in force", [[
    "tests/simulation/actions.ts",
    'return { type: "sync_in_force", barrierLsn: lsnOf(data.wal.length) };',
    'return { type: "sync_in_force", barrierLsn: lsnOf(Math.max(0, data.wal.length - 40)) };',
  ]]),
  several("names-not-in-force", "names count as in force while old ones still do", [[
    "tests/simulation/actions.ts",
    '      data.sync = action.sync;\n      process.inForce = [action.sync];\n      release(world, host, process);\n      return { type: "sync_in_force"',
    '      data.sync = action.sync;\n      leaveReloadBehind(world, host);\n      return { type: "sync_in_force"',
  ]]),
  several("position-while-replaying", "a standby that still replays its WAL shows a position", [[
    "tests/simulation/actions.ts",
    '      if (!process.received && data.replayed < data.wal.length) {\n        return failed("it still replays its own WAL");\n      }\n',
    '      if (!process.received && data.replayed < data.wal.length) {\n        data.following = null;\n        return { type: "revoked", position: standbyPosition(data, process) };\n      }\n',
  ]]),
  several("fork-followed", "a forked standby follows without being rebuilt", [
    [
      "tests/simulation/actions.ts",
      "if (crashed || !looksLikeLineage(data, source.data)) {",
      "if (crashed && source.data.wal.length === 0) {",
    ],
    [
      "tests/simulation/wal.ts",
      "    data.systemIdentifier !== upstream.data.systemIdentifier ||\n    !looksLikeLineage(data, upstream.data)\n",
      "    data.systemIdentifier !== upstream.data.systemIdentifier\n",
    ],
  ]),
  several("flush-not-waited-for", "a standby reports what it has not flushed", [[
    "tests/simulation/wal.ts",
    "  const flushed = standby.data?.flushed ?? 0;",
    "  const flushed = standby.data?.wal.length ?? 0;",
  ], [
    "tests/simulation/wal.ts",
    "  const { receiver } = process;\n  after(world, flushMs",
    "  const { receiver } = process;\n  if (receiver !== null) reportBack(world, standby, process, receiver.session);\n  after(world, flushMs",
  ]]),
  several("one-counts-twice", "a standby without a slot counts once more, beside its own zombie", [[
    "tests/simulation/wal.ts",
    'world.tally.note("server", "zombie walsender holds the slot");\n    return false;',
    "serving.senders.set(`${host.name} zombie`, serving.senders.get(host.name)!);",
  ], [
    "tests/simulation/wal.ts",
    "    const sender = process.senders.get(node);\n    if (sender !== undefined && sender.incarnation === incarnation) reported.push(sender.reported);",
    "    for (const sender of process.senders.values()) {\n      if (sender.node === node && sender.incarnation === incarnation) reported.push(sender.reported);\n    }",
  ], [
    "tests/simulation/wal.ts",
    "process.senders.delete(sender.node);",
    "for (const [key, one] of process.senders) if (one === sender) process.senders.delete(key);",
  ]]),
  several(
    "clone-keeps-identity",
    "a clone keeps the incarnation of the directory it replaces",
    [[
      "tests/simulation/actions.ts",
      "  const data = createData({\n    incarnation: action.incarnation,\n    systemIdentifier: source",
      "  const data = createData({\n    incarnation: `${host.name}-same`,\n    systemIdentifier: source",
    ], [
      "tests/simulation/actions.ts",
      "  data.following = action.upstream.node;\n  host.data = data;\n  world.archive.set(action.incarnation, data);",
      "  data.following = action.upstream.node;\n  host.data = data;\n  world.archive.set(data.incarnation, data);",
    ]],
    "A clone is a copy of the leader that wrote E, with all that it has acknowledged, so the old " +
      "name is true of it again. New names matter for copies that are older than E: restored " +
      "backups and clones of standbys, which the world does not have.",
  ),
];
