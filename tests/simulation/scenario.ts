/**
 * One seed draws the whole scenario: how large the cluster is, how it is set, how bad the weather
 * is, and which faults come when. Nothing else decides a run.
 */
import type { MemberEntry, NodeName } from "../../src/core/record.ts";
import { NOTHING_DURABLE } from "../../src/core/initial.ts";
import type { Settings } from "../../src/core/settings.ts";
import { type Dice, diceOf } from "./dice.ts";
import { type FaultKind, FAULTS } from "./faults.ts";
import type { Weather } from "./network.ts";
import { DEAFENING, drawPair, FORGETTING, NOT_IN_PAIRS } from "./pairs.ts";
import type { Host } from "./world.ts";

/** One thing that goes wrong. It ends by itself after `forMs`, where it is one that lasts. */
export interface Fault {
  readonly atMs: number;
  readonly kind: FaultKind;
  /** A member, or whoever is primary when it comes. */
  readonly target: NodeName | "primary";
  readonly other: NodeName;
  readonly forMs: number;
  /** A number from 0 to 1 for whatever else the fault has to choose. */
  readonly choice: number;
}

/** Everything that a run depends on. */
export interface Scenario {
  readonly seed: number;
  readonly members: readonly MemberEntry[];
  readonly settings: Readonly<Record<NodeName, Settings>>;
  /** Each host's clock: where it starts, and how fast it runs. */
  readonly clocks: Readonly<Record<NodeName, { readonly offsetMs: number; readonly rate: number }>>;
  readonly weather: Weather;
  readonly actions: { readonly failing: number; readonly slow: number };
  /** Mean time between two rows of a client, and whether clients also write past the routers. */
  readonly clients: { readonly everyMs: number; readonly direct: boolean };
  /** False where servers are used over SQL alone: nobody can end their processes. */
  readonly guarded: boolean;
  readonly stormMs: number;
  readonly faults: readonly Fault[];
}

/** How long faults go on, where nobody asks for something else: ten minutes with what follows. */
const STORM_MS = 480_000;

const SHAPES: readonly { readonly data: number; readonly witnesses: number }[] = [
  { data: 3, witnesses: 0 },
  { data: 3, witnesses: 0 },
  { data: 3, witnesses: 0 },
  { data: 2, witnesses: 1 },
  { data: 2, witnesses: 1 },
  { data: 2, witnesses: 0 },
  { data: 1, witnesses: 2 },
  { data: 4, witnesses: 0 },
  { data: 3, witnesses: 1 },
  { data: 5, witnesses: 0 },
  { data: 3, witnesses: 2 },
  { data: 4, witnesses: 1 },
  { data: 6, witnesses: 0 },
  { data: 5, witnesses: 2 },
  { data: 7, witnesses: 0 },
];

/** Drawn with dice of their own, so that the other faults of a seed stay what they are. */
const APART: readonly FaultKind[] = ["editedMembers"];

const FAULT_KINDS = (Object.keys(FAULTS) as FaultKind[]).filter((kind) => !APART.includes(kind));

/** How many of the runs are those of a pair. */
const PAIR_SHARE = 0.12;

/** Draws the scenario of a seed. */
export function scenarioOf(seed: number, options: { readonly stormMs?: number } = {}): Scenario {
  const dice = diceOf(seed, "scenario");
  const stormMs = options.stormMs ?? STORM_MS;
  const pairDice = diceOf(seed, "pair");
  const paired = pairDice.luck(PAIR_SHARE);
  const shape = dice.pick(SHAPES);
  const members = membersOf(paired ? { data: 2, witnesses: 0 } : shape);
  const drawn = drawSettings(dice, members, diceOf(seed, "silence"));
  const settings = paired ? asPair(drawn, pairDice) : drawn;
  const { leaseMs } = settings[members[0]!.name]!;
  // Where nothing deafens a node, a pair has to be as good as a majority.
  const audible = paired && pairDice.luck(0.6);
  return {
    seed,
    members,
    settings,
    clocks: Object.fromEntries(members.map(({ name }) => [name, drawClock(dice)])),
    weather: {
      latencyMs: dice.pick([0.5, 1, 2, 5, 20]),
      loss: dice.pick([0, 0, 0, 0.01, 0.1]) * (audible ? 0 : 1),
      duplication: dice.pick([0, 0, 0.02]),
      straggling: dice.pick([0, 0.01, 0.05]),
    },
    actions: { failing: dice.pick([0, 0, 0.03, 0.15]), slow: dice.pick([0, 0.02, 0.05]) },
    clients: { everyMs: dice.pick([150, 300, 600]), direct: dice.luck(0.7) },
    guarded: diceOf(seed, "guardian").luck(0.6),
    stormMs,
    faults: withEdits(
      diceOf(seed, "members"),
      paired ? [] : members,
      stormMs,
      drawFaults(dice, members, {
        stormMs,
        leaseMs,
        kinds: FAULT_KINDS.filter((kind) =>
          !paired ? kind !== "witnessesLost" : !NOT_IN_PAIRS.includes(kind) &&
            !(audible ? DEAFENING : FORGETTING).includes(kind)
        ),
      }),
    ),
  };
}

/** Members by the number of their kind: `n1`…, and witnesses `w1`…. */
export function membersOf(
  shape: { readonly data: number; readonly witnesses: number },
): MemberEntry[] {
  return [
    ...Array.from({ length: shape.data }, (_, index): MemberEntry => ({
      name: `n${index + 1}`,
      kind: "data",
    })),
    ...Array.from({ length: shape.witnesses }, (_, index): MemberEntry => ({
      name: `w${index + 1}`,
      kind: "witness",
    })),
  ];
}

/** What every member is told before anything happens. `change` is made to each of them. */
export function settingsOf(
  members: readonly MemberEntry[],
  change: Partial<Settings> = {},
): Record<NodeName, Settings> {
  return Object.fromEntries(members.map(({ name }): [NodeName, Settings] => [name, {
    self: name,
    members,
    nofailover: [],
    priority: 100,
    initialPrimary: name === members[0]?.name,
    leaseMs: 3000,
    fenceMarginMs: 500,
    heartbeatIntervalMs: 500,
    communicationTimeoutMs: 1000,
    minConsensusNodes: 0,
    durability: "strict",
    wantedStandbys: Math.floor(members.filter(({ kind }) => kind === "data").length / 2),
    maximumLagBytes: null,
    agentSilenceMs: 0,
    pair: null,
    serverPatienceMs: 6000,
    contact: { host: name, port: 5432 },
    ...change,
  }]));
}

/** Hosts as they are before anything was ever started on them. */
export function hostsOf(scenario: Scenario): Host[] {
  return scenario.members.map(({ name }) => ({
    name,
    settings: scenario.settings[name]!,
    clock: { ...scenario.clocks[name]! },
    up: true,
    boot: 0,
    agent: null,
    guardian: null,
    disk: NOTHING_DURABLE,
    data: null,
    process: null,
    agentPausedUntilMs: 0,
    pausedUntilMs: 0,
    openedAtMs: -Infinity,
    suspended: false,
    edited: { leaves: false },
    trouble: {
      diskFullUntilMs: 0,
      slowDiskUntilMs: 0,
      slowWalUntilMs: 0,
      refusedUntilMs: 0,
      forgetsVotesUntilMs: 0,
      sendsVotesLateUntilMs: 0,
      crashesAtFenceUntilMs: 0,
      crashesAtCatchUpUntilMs: 0,
      reopensAfterHandoverUntilMs: 0,
      pausesAfterBeatMs: 0,
      actions: { kinds: [], untilMs: 0, end: "done", slowdown: 1 },
    },
  }));
}

/** Clocks differ by at most this part of a span; twice that of a lease has to fit the margin. */
const DRIFT = 0.02;

function drawClock(dice: Dice): { offsetMs: number; rate: number } {
  return { offsetMs: dice.between(0, 1e6), rate: 1 + dice.between(-DRIFT, DRIFT) };
}

function drawSettings(
  dice: Dice,
  members: readonly MemberEntry[],
  silence: Dice,
): Record<NodeName, Settings> {
  // Short spans bring many elections, and many changes of the names, into one run.
  const scale = dice.pick([1, 1, 0.5, 0.5, 0.3]);
  const data = members.filter(({ kind }) => kind === "data").map(({ name }) => name);
  const nofailover = data.length > 2 && dice.luck(0.15) ? [data.at(-1)!] : [];
  const stubborn = dice.luck(0.05) ? Math.min(members.length, members.length - 1) : 0;
  const all = settingsOf(members, {
    nofailover,
    leaseMs: 3000 * scale,
    fenceMarginMs: 500 * scale,
    heartbeatIntervalMs: dice.pick([500, 750]) * scale,
    communicationTimeoutMs: 1000 * scale,
    minConsensusNodes: stubborn,
    durability: dice.pick(["strict", "quorum", "quorum", "async"]),
    maximumLagBytes: dice.pick([null, null, 0x80000n, 0x20000n]),
    wantedStandbys: dice.pick([Math.floor(data.length / 2), Math.floor(data.length / 2), 1, 2, 3]),
    serverPatienceMs: dice.pick([6000, 20_000]) * scale,
    agentSilenceMs: silence.pick([0, 0, 5000, 12_000, 30_000]) * scale,
  });
  return Object.fromEntries(
    Object.entries(all).map(([name, settings]) => [name, {
      ...settings,
      priority: dice.pick([100, 100, 100, 50, 200]),
    }]),
  );
}

function asPair(
  all: Readonly<Record<NodeName, Settings>>,
  dice: Dice,
): Record<NodeName, Settings> {
  const [first] = Object.values(all);
  const pair = drawPair(dice, first!);
  // As the agent's plan does: patience has to end while the standby may still promote.
  const agentSilenceMs = Math.min(first!.agentSilenceMs, 1.5 * pair.failoverDelayMs);
  return Object.fromEntries(
    Object.entries(all).map(([name, settings]) => [name, { ...settings, pair, agentSilenceMs }]),
  );
}

/** How many of the runs see operators edit the member list. */
const EDITED_SHARE = 0.3;

/** Adds an operator who edits the member list from time to time. */
function withEdits(
  dice: Dice,
  members: readonly MemberEntry[],
  stormMs: number,
  faults: readonly Fault[],
): readonly Fault[] {
  if (members.length < 3 || !dice.luck(EDITED_SHARE)) return faults;
  const edits: Fault[] = [];
  const meanMs = dice.pick([12_000, 25_000]);
  const names = members.map(({ name }) => name);
  const { towardsPrimary, spanMs } = FAULTS.editedMembers;
  for (let atMs = 8000 + dice.pauseMs(meanMs); atMs < stormMs; atMs += dice.pauseMs(meanMs)) {
    edits.push({
      atMs: Math.round(atMs),
      kind: "editedMembers",
      target: dice.luck(towardsPrimary) ? "primary" : dice.pick(names),
      other: dice.pick(names),
      forMs: Math.round(dice.between(spanMs[0], spanMs[1])),
      choice: dice.roll(),
    });
  }
  return [...faults, ...edits].sort((a, b) => a.atMs - b.atMs);
}

function drawFaults(
  dice: Dice,
  members: readonly MemberEntry[],
  options: {
    readonly stormMs: number;
    readonly leaseMs: number;
    readonly kinds: readonly FaultKind[];
  },
): Fault[] {
  const { stormMs, leaseMs, kinds } = options;
  // A run concentrates on a few kinds, so that rare combinations of them come up often.
  const share = dice.pick([0.15, 0.35, 0.7]);
  const chosen = kinds.filter(() => dice.luck(share));
  if (chosen.length === 0) chosen.push(dice.pick(kinds));
  const meanMs = dice.pick([1500, 4000, 9000]);
  const quiet = dice.luck(0.8) ? Math.min(20_000, stormMs / 6) : 0;
  const names = members.map(({ name }) => name);
  const faults: Fault[] = [];
  for (let atMs = quiet + dice.pauseMs(meanMs); atMs < stormMs; atMs += dice.pauseMs(meanMs)) {
    const kind = dice.pick(chosen);
    const { towardsPrimary, spanMs } = FAULTS[kind];
    faults.push({
      atMs: Math.round(atMs),
      kind,
      target: dice.luck(towardsPrimary) ? "primary" : dice.pick(names),
      other: dice.pick(names),
      forMs: Math.round(
        dice.luck(0.5) ? dice.between(0.1, 2) * leaseMs : dice.between(spanMs[0], spanMs[1]),
      ),
      choice: dice.roll(),
    });
    // Some faults come in company: the next one follows at once.
    if (dice.luck(0.25)) atMs -= meanMs * dice.between(0.5, 1);
  }
  return faults.map((fault) => ({ ...fault, atMs: Math.max(quiet, fault.atMs) }))
    .sort((a, b) => a.atMs - b.atMs);
}
