/**
 * One seed, one story: a cluster, sixty seconds of faults drawn from the seed, and then peace, in
 * which everything has to come back. The checks are the world's own (world_checks.ts).
 */
import { newerRecord, type NodeName } from "../../src/core/record.ts";
import { type Dice, diceOf } from "../simulation/dice.ts";
import { createWorld, everyoneStreams, missingRows, type World } from "./world.ts";
import { emptyServer } from "./world_server.ts";

const FAULTS_MS = 60_000;
const INSERT_EVERY_MS = 20;
/** Peace has this long to bring a writable primary back, and as long again for all standbys. */
const RECOVERY_MS = 60_000;
const SETTLE_MS = 4000;

const SHAPES: readonly (readonly NodeName[])[] = [
  ["n1", "n2", "n3"],
  ["n1", "n2", "n3"],
  ["n1", "n2", "w1"],
  ["n1", "n2", "n3", "n4"],
  ["n1", "n2", "n3", "n4", "n5"],
  ["n1", "n2", "n3", "w1", "w2"],
];

/** What came of a seed. */
export interface Outcome {
  readonly world: World;
  /** What went wrong; empty where nothing did. */
  readonly problems: readonly string[];
}

/** Plays a seed's story to its end. */
export function play(seed: number): Outcome {
  const dice = diceOf(seed);
  const names = dice.pick(SHAPES);
  // Short spans bring many elections and many changes of the names into one story.
  const faster = dice.pick([1, 1, 4]);
  const durability = dice.pick(["strict", "quorum"] as const);
  const world = createWorld(names, () => ({
    durability,
    priority: dice.pick([100, 100, 200]),
    leaseMs: 3000 / faster,
    fenceMarginMs: 500 / faster,
    heartbeatIntervalMs: 500 / faster,
    communicationTimeoutMs: 1000 / faster,
  }));
  const problems: string[] = [];
  try {
    if (dice.luck(0.8)) world.until(() => everyoneStreams(world), 40_000, "the first start");
    insertEverywhere(world);
    makeTrouble(world, dice);
    world.run(FAULTS_MS);
    makePeace(world);
    // A lease that was about to end still may; what is there after it is there to stay.
    world.run(SETTLE_MS);
    world.until(() => world.primary() !== null, RECOVERY_MS, "a writable primary");
    world.until(() => everyoneStreams(world), RECOVERY_MS, "a complete cluster");
    const before = world.acknowledged.size;
    world.until(() => world.acknowledged.size > before, 5000, "an acknowledged row");
    for (const row of missingRows(world)) problems.push(`row ${row} is missing at the end`);
  } catch (error) {
    problems.push((error as Error).message.split("\n")[0]!);
  }
  return { world, problems: [...world.violations, ...problems] };
}

function insertEverywhere(world: World): void {
  let count = 0;
  const insert = () => {
    count++;
    for (const name of world.nodes.keys()) world.insertAt(name, `${name}-${count}`);
    world.at(INSERT_EVERY_MS, insert);
  };
  insert();
}

/** Trouble comes about every `meanMs`, and goes by itself, mostly. */
function makeTrouble(world: World, dice: Dice): void {
  const endMs = world.nowMs + FAULTS_MS;
  const meanMs = dice.pick([400, 1000, 2500, 6000]);
  const latencyMs = dice.pick([1, 2, 5, 20]);
  const lossy = dice.pick([0, 0, 0.01, 0.1]);
  const failing = dice.pick([0, 0.02, 0.15]);
  world.weather = {
    message: () =>
      dice.luck(lossy) ? null : latencyMs * dice.between(0.5, dice.luck(0.05) ? 20 : 2),
    action: () => ({
      end: !dice.luck(failing) ? "done" : dice.luck(0.5) ? "fails" : "late",
      slowdown: dice.luck(0.05) ? dice.between(5, 30) : dice.between(0.2, 2),
    }),
    survives: () => dice.luck(0.5),
  };
  // A story concentrates on a few kinds of fault, so that rare combinations come up often.
  const faults = Object.keys(FAULTS).filter(() => dice.luck(0.6));
  if (faults.length === 0) return;
  const later = (delayMs: number, run: () => void) =>
    world.at(delayMs, () => {
      if (world.nowMs < endMs) run();
    });
  const next = () => {
    world.at(-Math.log(1 - dice.roll()) * meanMs, () => {
      if (world.nowMs >= endMs) return;
      FAULTS[dice.pick(faults)]!(world, dice, dice.pick([...world.nodes.keys()]), later);
      next();
    });
  };
  next();
}

/** `later` runs something unless there is peace by then. */
type Fault = (
  world: World,
  dice: Dice,
  name: NodeName,
  later: (delayMs: number, run: () => void) => void,
) => void;

const FAULTS: Readonly<Record<string, Fault>> = {
  crash(world, dice, name, later) {
    world.crash(name);
    startLater(world, dice, name, later);
  },
  crashLeader(world, dice, name, later) {
    const victim = world.primary() ?? name;
    world.crash(victim);
    startLater(world, dice, victim, later);
  },
  powerOff(world, dice, name, later) {
    world.powerOff(name);
    startLater(world, dice, name, later);
  },
  crashAll(world, dice, _name, later) {
    for (const name of world.nodes.keys()) {
      if (dice.luck(0.2)) continue;
      world.powerOff(name);
      startLater(world, dice, name, later);
    }
  },
  crashAgent(world, dice, name, later) {
    const victim = dice.luck(0.5) ? world.primary() ?? name : name;
    world.crashAgent(victim);
    startLater(world, dice, victim, later);
  },
  crashServer(world, dice, name) {
    world.crashServer(dice.luck(0.5) ? world.primary() ?? name : name);
  },
  hangServer(world, dice, name, later) {
    const { server } = world.nodes.get(name)!;
    server.hung = server.running !== "no";
    world.tell(`${name}: PostgreSQL hangs`);
    later(dice.between(100, 6000), () => server.hung = false);
  },
  pauseAgent(world, dice, name) {
    world.pauseAgent(dice.luck(0.5) ? world.primary() ?? name : name, dice.between(100, 8000));
  },
  suspend(world, dice, name) {
    world.suspend(name, dice.between(100, 6000));
  },
  cut(world, dice, name, later) {
    const other = dice.pick([...world.nodes.keys()]);
    const what = dice.pick(["agents", "wal", "both"] as const);
    world.cutOneWay(name, other, what);
    if (dice.luck(0.6)) world.cutOneWay(other, name, what);
    world.tell(`${name} > ${other}: ${what} cut`);
    if (dice.luck(0.5)) healLater(world, dice, later);
  },
  isolate(world, dice, name, later) {
    const victim = dice.luck(0.5) ? world.primary() ?? name : name;
    for (const other of world.nodes.keys()) if (other !== victim) world.cut(victim, other);
    world.tell(`${victim}: isolated`);
    healLater(world, dice, later);
  },
  /** One standby drops out, another comes back, and then the primary is gone for a while. */
  exchange(world, dice, _name, later) {
    const primary = world.primary();
    if (primary === null) return;
    const { leaseMs } = world.nodes.get(primary)!.settings;
    const others = [...world.nodes.keys()].filter((name) => name !== primary);
    const [first, second] = dice.luck(0.5) ? others : others.reverse();
    const cutWal = (name: NodeName) => {
      world.cutOneWay(primary, name, "wal");
      world.cutOneWay(name, primary, "wal");
    };
    cutWal(first!);
    if (others.length > 2 && dice.luck(0.5)) cutWal(others[2]!);
    const exchangedMs = leaseMs * dice.between(0.7, 1.6);
    later(exchangedMs, () => {
      world.heal();
      if (dice.luck(0.8)) cutWal(second!);
    });
    later(exchangedMs + leaseMs * dice.between(0, 1.5), () => {
      world.powerOff(primary);
      world.heal();
      later(dice.between(2000, 15_000), () => world.start(primary));
    });
  },
  heal(world) {
    world.heal();
    world.tell("the network heals");
  },
  /** A file is changed and reloaded, on one node or on several, now or later. */
  configure(world, dice, name, later) {
    const change = {
      durability: dice.pick(["strict", "quorum"] as const),
      wantedStandbys: dice.pick([1, 1, 2, 3]),
      serverPatienceMs: dice.pick([500, 3000, 9000]),
    };
    const nodes = dice.luck(0.5) ? [...world.nodes.keys()] : [world.primary() ?? name];
    for (const node of nodes) {
      later(dice.luck(0.5) ? 1 : dice.between(1, 5000), () => {
        world.configure(node, change);
        world.tell(`${node}: ${change.durability} for ${change.wantedStandbys}`);
      });
    }
  },
  slowStandby(world, dice, name, later) {
    const { server } = world.nodes.get(name)!;
    server.rowsPerRound = dice.pick([0, 1, 1, 2]);
    later(dice.between(200, 8000), () => server.rowsPerRound = Infinity);
  },
  operator(world, dice, name) {
    if (world.nodes.get(name)!.state === null) return;
    const asked = dice.luck(0.7) ? world.primary() ?? name : name;
    world.operator(asked, dice.pick([...world.nodes.keys()]));
  },
  loseState(world, dice, name, later) {
    if (!mayLoseState(world, name)) return;
    world.crash(name);
    world.loseState(name);
    const wiped = dice.luck(0.5);
    if (wiped) Object.assign(world.nodes.get(name)!.server, emptyServer());
    world.tell(`${name}: state file lost${wiped ? ", and the data directory" : ""}`);
    startLater(world, dice, name, later);
  },
};

/** One loss at a time, and never what nobody else has: that no protocol survives. */
function mayLoseState(world: World, name: NodeName): boolean {
  const nodes = [...world.nodes.values()];
  const newest = nodes.map((node) => node.durable.record).reduce(newerRecord, null);
  return newest !== null && newest.leader.node !== name && newest.systemIdentifier !== null &&
    nodes.every((node) => node.durable.admitted && node.durable.record?.systemIdentifier) &&
    world.nodes.get(name)!.server.running !== "primary";
}

type Later = Parameters<Fault>[3];

function startLater(world: World, dice: Dice, name: NodeName, later: Later): void {
  later(dice.luck(0.5) ? dice.between(50, 2000) : dice.between(2000, 20_000), () => {
    world.start(name);
  });
}

function healLater(world: World, dice: Dice, later: Later): void {
  later(dice.between(300, 10_000), () => world.heal());
}

function makePeace(world: World): void {
  world.tell("peace");
  world.weather = {
    message: () => 2,
    action: () => ({ end: "done", slowdown: 1 }),
    survives: () => false,
  };
  world.heal();
  for (const [name, node] of world.nodes) {
    node.server.hung = false;
    node.server.rowsPerRound = Infinity;
    world.resumeAgent(name);
    world.start(name);
  }
}
