/**
 * Forced elections: only an operator who accepted the loss brings one about, nobody whose vote
 * counted is further than the winner, and what is missing afterwards is what the core said may be missing.
 *
 * Every other checker asks here whether a missing row was given up.
 */
import type { Answer } from "../../../src/core/message.ts";
import type { Incarnation, Position } from "../../../src/core/record.ts";
import { parseLsn } from "../../../src/core/lsn.ts";
import { lsnOf } from "../server.ts";
import { type Acknowledged, breach, type Checker, type Host, type World } from "../world.ts";

/** What is known of forced elections. */
export interface Forces {
  readonly checker: Checker;
  /** True where the row may be missing on a primary of `term`: it was said so when it was forced. */
  givenUp(commit: Acknowledged, term: number): boolean;
}

interface Forced {
  readonly incarnation: Incarnation;
  /** From where on rows may be missing; none where the core could not tell. */
  readonly sinceLsn: bigint;
  /** From which term on rows may be missing: that in which the server was opened. */
  readonly term: number;
}

/** Watches operators, votes and winners. */
export function createForces(world: World): Forces {
  const name = "3 force";
  const accepted = new Map<string, number>();
  const granted: { term: number; voter: string; to: string; position: Position }[] = [];
  const inForce: Forced[] = [];
  let pending: Forced[] = [];

  const win = (host: Host, votes: readonly string[], said: Record<string, unknown>) => {
    const { durable } = host.agent!.state;
    if (accepted.get(host.name) !== host.boot) {
      breach(world, name, `${host.name} is elected by force, and no operator accepted that`);
    }
    const position = { timeline: Number(said.timeline), lsn: parseLsn(`${said.lsn}`) ?? 0n };
    // A vote that was lost on the way is one that the winner cannot know of.
    const further = granted.find(({ term, voter, to, ...vote }) =>
      term === durable.term && to === host.name && votes.includes(voter) &&
      vote.position.timeline === position.timeline && vote.position.lsn > position.lsn
    );
    if (further !== undefined) {
      breach(world, name, `${host.name} is elected by force, and a voter is further`);
    }
    world.tally.note("forced", `${said.loss}`);
    // Where nothing is said to be missing, nothing is forgiven.
    if (said.loss !== "possible" || host.data === null) return;
    const sinceLsn = parseLsn(`${said.lost_since}`) ?? 0n;
    pending.push({ incarnation: host.data.incarnation, sinceLsn, term: durable.term });
  };

  return {
    givenUp: ({ term, count }, later) =>
      inForce.some((forced) =>
        term < forced.term && forced.term <= later && lsnOf(count) > forced.sinceLsn
      ),
    checker: {
      name,
      asked(host, _reference, force) {
        if (force === "accepted") accepted.set(host.name, host.boot);
      },
      sends(host, to, message: Answer | { readonly type: string }) {
        if (message.type !== "vote_answer") return;
        const { term, granted: yes, position } = message as Answer & { type: "vote_answer" };
        if (yes && position !== null) granted.push({ term, voter: host.name, to, position });
      },
      stepped(host, before, _event, effects) {
        const { role } = host.agent!.state;
        if (role.kind !== "leader" || before.role.kind !== "candidate") return;
        const report = effects.find((effect) =>
          effect.type === "report" && effect.decision.event === "forced"
        );
        if (report?.type === "report") win(host, role.votes, report.decision.fields ?? {});
      },
      opened(host) {
        const { term } = host.process!;
        // It counts once the server is open, perhaps in a later term; another leader ends it.
        for (const forced of pending) {
          if (forced.term > term || forced.incarnation !== host.data!.incarnation) continue;
          inForce.push({ ...forced, term });
        }
        pending = pending.filter((forced) => forced.term > term);
      },
    },
  };
}
