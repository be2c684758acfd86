/**
 * What the members' answers tell the doctor: who answers, whether they agree, and their clocks.
 *
 * Pure: answers in, findings out.
 *
 * @module
 */
import { mergeStatuses, type NodeAnswer, type NodeStatus } from "../../agent/mod.ts";
import { type Finding, well } from "./finding.ts";

/** An answer, and when it was asked for and came, on this host's clock; milliseconds since 1970. */
export interface TimedAnswer {
  readonly answer: NodeAnswer;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

/** Clocks decide nothing, but logs, certificates and the history are read by them. */
const CLOCK_WARNING_MS = 1000;
const CLOCK_BAD_MS = 60_000;

/** Looks at the cluster as a whole. */
export function examineCluster(timed: readonly TimedAnswer[]): Finding[] {
  const statuses = timed.flatMap(({ answer }) => answer.ok ? [answer.status] : []);
  return [
    ...timed.map(({ answer }) => examineAnswer(answer)),
    ...examineStatus(timed.map(({ answer }) => answer)),
    ...(statuses.length < 2 ? [] : [
      ...sameEverywhere(statuses, "version", ({ version }) => version, {
        gravity: "warning",
        why: "Members of two versions work together during an upgrade, and not longer.",
        remedy: "Upgrade the rest, one at a time.",
      }),
      ...sameEverywhere(
        statuses,
        "durability",
        ({ durability_policy }) => durability_policy ?? "-",
        {
          gravity: "bad",
          why:
            "Whoever becomes primary applies its own: a failover would change what commits wait for.",
          remedy: "Set the same replication.durability on every member.",
        },
      ),
      ...sameEverywhere(statuses, "mode", ({ mode }) => mode, {
        gravity: "bad",
        why: "The members disagree on who decides.",
        remedy: "Give every member the same member list and pair_mode.",
      }),
    ]),
    ...timed.flatMap(examineClock),
  ];
}

function examineAnswer(answer: NodeAnswer): Finding {
  const { node } = answer;
  if (!answer.ok) {
    return {
      check: "members",
      gravity: "bad",
      finding: `${node} does not answer: ${answer.because}.`,
      why: "It neither votes nor takes over.",
      remedy: `Start metako on ${node}, and see that its api_port can be reached from here.`,
    };
  }
  if (!answer.verified) {
    return {
      check: "members",
      gravity: "bad",
      finding: `The answer of ${node} is not signed with this cluster's key.`,
      why: "Members whose keys differ reject each other's messages.",
      remedy: "Set the same security.cluster_secret on every member, and in this file.",
    };
  }
  return well("members", `${node} answers as ${answer.status.role}, ${answer.status.state}.`);
}

function examineStatus(answers: readonly NodeAnswer[]): Finding[] {
  const view = mergeStatuses(answers);
  // Those who do not answer, or sign with another key, have been named already.
  const isNamed = (problem: string) =>
    answers.some((answer) =>
      answer.ok
        ? !answer.verified && /^The answers? of .* not signed with/.test(problem)
        : problem.includes(answer.because)
    );
  const problems = view.problems.filter((problem) => !isNamed(problem));
  if (problems.length === 0) return [well("status", `${view.primary ?? "nobody"} is the primary.`)];
  return problems.map((problem) => ({
    check: "status",
    gravity: view.verdict === "writable" ? "warning" : "bad",
    finding: problem,
    why: "",
    remedy: "",
  }));
}

function sameEverywhere(
  statuses: readonly NodeStatus[],
  check: string,
  valueOf: (status: NodeStatus) => string,
  otherwise: Pick<Finding, "gravity" | "why" | "remedy">,
): Finding[] {
  const groups = Map.groupBy(statuses.filter(({ role }) => role !== "witness"), valueOf);
  if (groups.size === 0) return [];
  const [first] = groups.keys();
  if (groups.size === 1) return [well(check, `${check} is ${first} on every member.`)];
  const parts = [...groups].map(([value, members]) =>
    `${value} on ${members.map(({ node }) => node).join(", ")}`
  );
  return [{ check, finding: `${check} differs: ${parts.join("; ")}.`, ...otherwise }];
}

/** The answer was made somewhere between the question and its arrival, so that much is unknown. */
function examineClock({ answer, askedAtMs, answeredAtMs }: TimedAnswer): Finding[] {
  if (!answer.ok) return [];
  const thereMs = Date.parse(answer.status.now);
  const offMs = thereMs < askedAtMs
    ? askedAtMs - thereMs
    : thereMs > answeredAtMs
    ? thereMs - answeredAtMs
    : 0;
  const { node } = answer;
  if (offMs < CLOCK_WARNING_MS) return [well("clock", `${node} has this host's time.`)];
  const direction = thereMs < askedAtMs ? "behind" : "ahead of";
  return [{
    check: "clock",
    gravity: offMs < CLOCK_BAD_MS ? "warning" : "bad",
    finding: `The clock of ${node} is ${(offMs / 1000).toFixed(1)} s ${direction} this host's.`,
    why: "Leases compare no clocks, but logs, the history and certificates are read by them.",
    remedy: "Let NTP set the clocks (timedatectl set-ntp true).",
  }];
}
