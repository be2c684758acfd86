/**
 * Rules about the members: names, addresses, roles, numbers.
 *
 * `cluster_members` lists the others; this node is a member by its `identity` and `local_db`.
 *
 * @module
 */
import type { Config, MemberConfig } from "./config.ts";
import type { Finding } from "./problem.ts";
import { risky, type Rule, type RuleFacts, wrong } from "./rule.ts";
import { isPair, majorityOf } from "./settle.ts";

/** More voters make every decision slower and no safer. */
export const MAX_MEMBERS = 31;

const ENABLE = "coordination.pair_mode.enable";
const ADDRESSES = "coordination.pair_mode.witness_addresses";
const WHEN_ALONE = "coordination.pair_mode.when_alone";
const MINIMUM = "coordination.cluster_mode.min_consensus_nodes";
const KINDS = ["identity.witness", "cluster_members[].witness"];
const ROLES = ["local_db.role", "cluster_members[].role", ...KINDS];

/** Every rule about members. */
export const MEMBER_RULES: readonly Rule[] = [
  { id: "members_complete", reads: ["cluster_members"], check: incompleteMembers },
  { id: "members_reachable", reads: ["cluster_members"], check: wildcardAddresses },
  { id: "names_unique", reads: ["cluster_members"], check: repeatedNames },
  {
    id: "addresses_unique",
    reads: ["identity.api_host", "identity.api_port", "cluster_members[].api_port"],
    check: repeatedAddresses,
  },
  { id: "one_primary", reads: ROLES, check: primaries },
  {
    id: "witness_never_primary",
    reads: ["cluster_members[].role", "cluster_members[].witness"],
    check: primaryWitnesses,
  },
  { id: "members_limit", reads: ["cluster_members"], check: tooManyMembers },
  { id: "minimum_reachable", reads: ["cluster_members", MINIMUM], check: consensusSize },
  { id: "mode_fits", reads: [...KINDS, ENABLE], check: modeWarnings },
  {
    id: "pair_keys_apply",
    reads: [...KINDS, ENABLE, ADDRESSES, WHEN_ALONE],
    check: idlePairKeys,
  },
  {
    id: "somebody_takes_over",
    reads: [...ROLES, "identity.nofailover", "cluster_members[].nofailover"],
    check: nobodyTakesOver,
  },
];

/** The key of a member in the file; this node is known by its identity. */
function pathOf(config: Config, member: MemberConfig): string {
  return member.self ? "identity" : `cluster_members[${config.members.indexOf(member) - 1}]`;
}

function others(config: Config): readonly MemberConfig[] {
  return config.members.filter((member) => !member.self);
}

function incompleteMembers({ config, values, isDamaged }: RuleFacts): Finding[] {
  return others(config).flatMap((member, index) => {
    const path = pathOf(config, member);
    const demand = (key: "node_name" | "api_host" | "role", example: string) =>
      values.cluster_members?.[index]?.[key] !== undefined || isDamaged(`${path}.${key}`)
        ? []
        : [wrong(`${path}.${key}`, "must be set", `Add ${key}: ${example} to this member.`)];
    return [
      ...demand("node_name", '"node2"'),
      ...demand("api_host", '"192.168.1.102"'),
      ...(member.witness ? [] : demand("role", '"standby"')),
    ];
  });
}

const WILDCARDS: readonly string[] = ["0.0.0.0", "::", "[::]"];

/** True for an address to listen on that nobody can connect to. */
export function isWildcard(host: string): boolean {
  return WILDCARDS.includes(host);
}

function wildcardAddresses({ config }: RuleFacts): Finding[] {
  return others(config)
    .filter((member) => isWildcard(member.apiHost))
    .map((member) =>
      wrong(
        `${pathOf(config, member)}.api_host`,
        "must be an address that this node can connect to",
        "Write the member's own address.",
      )
    );
}

function repeatedNames({ config }: RuleFacts): Finding[] {
  return others(config).flatMap((member) => {
    if (member.nodeName === "") return [];
    const path = `${pathOf(config, member)}.node_name`;
    const earlier = config.members.slice(0, config.members.indexOf(member))
      .find((other) => other.nodeName.toLowerCase() === member.nodeName.toLowerCase());
    if (earlier === undefined) return [];
    if (earlier.self && earlier.nodeName === member.nodeName) {
      return [wrong(
        path,
        "must not be this node's own name",
        "cluster_members lists the other members: remove this entry.",
      )];
    }
    return [wrong(
      path,
      `must differ from ${earlier.nodeName} in more than case`,
      "Give each member a name of its own.",
    )];
  });
}

function repeatedAddresses({ config }: RuleFacts): Finding[] {
  return others(config).flatMap((member) => {
    const earlier = config.members.slice(0, config.members.indexOf(member)).find((other) =>
      member.apiHost !== "" && other.apiHost === member.apiHost && other.apiPort === member.apiPort
    );
    if (earlier === undefined) return [];
    return [wrong(
      `${pathOf(config, member)}.api_host`,
      `must not have the address of ${earlier.nodeName}, port ${member.apiPort} included`,
      "Correct api_host or api_port.",
    )];
  });
}

function primaries({ config, values }: RuleFacts): Finding[] {
  // Where a role is missing, that is what has to be mended first.
  const unknown = (!config.identity.witness && values.local_db?.role === undefined) ||
    others(config).some((member, index) =>
      !member.witness && values.cluster_members?.[index]?.role === undefined
    );
  const [first, ...more] = config.members.filter((member) => member.role === "primary");
  const role = (member: MemberConfig) =>
    member.self ? "local_db.role" : `${pathOf(config, member)}.role`;
  if (first === undefined) {
    return unknown ? [] : [{
      ...wrong(
        config.localDb === null ? "cluster_members" : "local_db.role",
        "must be primary on exactly one member, and none is",
        "Make one member the primary; it is only the first one, elections follow.",
      ),
      value: null,
    }];
  }
  return more.map((member) =>
    wrong(
      role(member),
      `must be standby, since ${first.nodeName || "another member"} is primary already`,
      "Leave one primary; it is only the first one, elections follow.",
    )
  );
}

function primaryWitnesses({ config }: RuleFacts): Finding[] {
  return others(config)
    .filter((member) => member.witness && member.role === "primary")
    .map((member) =>
      wrong(
        `${pathOf(config, member)}.role`,
        "must not be primary on a witness, which holds no data",
        "Remove role or witness.",
      )
    );
}

function tooManyMembers({ config }: RuleFacts): Finding[] {
  const count = config.members.length;
  if (count <= MAX_MEMBERS) return [];
  return [wrong(
    "cluster_members",
    `must make at most ${MAX_MEMBERS} members with this node`,
    "Let further standbys follow without being members.",
    String(count),
  )];
}

function consensusSize({ config, values }: RuleFacts): Finding[] {
  const asked = values.coordination?.cluster_mode?.min_consensus_nodes;
  if (asked === undefined) return [];
  const count = config.members.length;
  if (asked > count) {
    return [wrong(
      MINIMUM,
      `must be at most the number of members (${count})`,
      "Lower it, or add members.",
    )];
  }
  const majority = majorityOf(count);
  if (asked >= majority) return [];
  return [{
    ...risky(
      MINIMUM,
      `never lowers what is needed, which is a majority (${majority} of ${count})`,
      `${majority} is used; write that.`,
    ),
    value: String(asked),
  }];
}

function modeWarnings({ config, values }: RuleFacts): Finding[] {
  const { members } = config;
  if (members.length === 1) {
    return [risky(
      "cluster_members",
      "names nobody, so this node is alone and nothing takes over from it",
      "Add two members, or one and a witness.",
    )];
  }
  if (isPair(members)) {
    return [
      config.coordination.pair.enable
        ? risky(
          "cluster_members",
          "makes two data members without a witness, which cannot tell a dead peer from a cut " +
            "link: pair mode makes the best of it",
          "Add a witness member, which votes and needs no PostgreSQL.",
        )
        : risky(
          "cluster_members",
          "makes two data members, and a majority of two is two: with pair_mode.enable: false " +
            "there is no automatic failover",
          "Add a witness or a third member, or enable pair mode.",
        ),
    ];
  }
  if (members.length >= 3 && values.coordination?.pair_mode?.enable === true) {
    return [risky(
      ENABLE,
      `has no effect with ${members.length} members: majority mode is used`,
      "Set it to false.",
    )];
  }
  return [];
}

/** The older pair keys stand in every sample; these two are written by somebody who counts on them. */
function idlePairKeys({ config, values }: RuleFacts): Finding[] {
  const pair = values.coordination?.pair_mode;
  const set = [
    ...(pair?.witness_addresses === undefined ? [] : [ADDRESSES]),
    ...(pair?.when_alone === undefined ? [] : [WHEN_ALONE]),
  ];
  if (!isPair(config.members) || !config.coordination.pair.enable) {
    return set.map((path) =>
      risky(
        path,
        "has no effect outside of pair mode, which is for two members with PostgreSQL, no " +
          "witness, and pair_mode.enable: true",
        "Remove it.",
      )
    );
  }
  if (pair?.when_alone === undefined || config.coordination.pair.witnessAddresses.length === 0) {
    return [];
  }
  return [risky(
    WHEN_ALONE,
    "has no effect besides witness_addresses, which decide what a node alone may do",
    "Remove it, or witness_addresses.",
  )];
}

function nobodyTakesOver({ config }: RuleFacts): Finding[] {
  const standbys = config.members.filter((member) => !member.witness && member.role === "standby");
  if (standbys.length === 0 || !standbys.every((member) => member.nofailover)) return [];
  const [first] = standbys;
  return [risky(
    `${pathOf(config, first!)}.nofailover`,
    "is set on every standby, so nobody takes over from the primary",
    "Remove it from one of them.",
  )];
}
