import type { NodeStatus } from "../../src/agent/mod.ts";
import type { NodeAnswer } from "../../src/coordination/merge.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

/** A healthy standby of node1 in term 4, changed by `changes`. */
export function statusOf(node: string, changes: Partial<NodeStatus> = {}): NodeStatus {
  return {
    node,
    label: node,
    cluster: "metako",
    version: "0.1.0",
    mode: "majority",
    role: "standby",
    phase: "following",
    state: "standby",
    state_because: null,
    following: "node1",
    streaming: true,
    system_identifier: "7300000000000000001",
    incarnation: "0a1b2c3d",
    term: 4,
    leader: "node1",
    has_majority: true,
    writes_to: "node1",
    lease: { holder: "node1", remaining_ms: 2400 },
    timeline: 2,
    lsn: "0/3000148",
    replay_lsn: "0/3000148",
    lag_bytes: 0,
    record: null,
    durability: "",
    operation: null,
    members: null,
    proposed_members: null,
    paused: null,
    contact: {
      database_host: "127.0.0.1",
      database_port: 5432,
      router_port: 6432,
      read_only_port: null,
    },
    router: null,
    peers: [],
    disks: [],
    problems: [],
    started_at: "2026-01-01T00:00:00.000Z",
    now: "2026-01-01T00:01:00.000Z",
    ...changes,
  } as NodeStatus;
}

/** A healthy primary of term 4, changed by `changes`. */
export function primaryOf(node: string, changes: Partial<NodeStatus> = {}): NodeStatus {
  return statusOf(node, {
    role: "primary",
    phase: "leading",
    state: "primary",
    following: null,
    streaming: false,
    leader: node,
    lease: { holder: node, remaining_ms: 2900 },
    lag_bytes: null,
    durability: "ANY 1 (node2, node3)",
    ...changes,
  });
}

export function answered(status: NodeStatus): NodeAnswer {
  return { node: status.node, ok: true, status, verified: true };
}

export function silent(node: string, because = "nothing came within 1000 ms"): NodeAnswer {
  return { node, ok: false, because };
}

/** A terminal that keeps what was printed. */
export function recordingTerminal(): Terminal & { out: string[]; err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out,
    err,
    print: (text) => void out.push(text),
    complain: (text) => void err.push(text),
    write: (text) => void out.push(text),
    interactive: false,
    colour: false,
  };
}
