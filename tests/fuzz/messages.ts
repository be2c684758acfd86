/**
 * Valid messages of members, to be spoilt.
 *
 * @module
 */
import { encodeAnswer, encodeRequest } from "../../src/coordination/messages.ts";
import type { Answer, CandidateClaim, Request } from "../../src/core/message.ts";
import type { Durable } from "../../src/core/effect.ts";

/** What a node of three remembers that took part in a few elections. */
export const DURABLE: Durable = {
  term: 7,
  votedFor: "node2",
  record: {
    term: 7,
    seq: 3,
    members: [
      { name: "node1", kind: "data", memory: "00c0ffee" },
      { name: "node2", kind: "data", memory: "0a0b0c0d" },
      { name: "node3", kind: "data" },
    ],
    systemIdentifier: "7300000000000000001",
    leader: { node: "node2", incarnation: "0a1b2c3d" },
    timeline: 4,
    startLsn: 0x16B374D848n,
    electable: [{ node: "node1", incarnation: "ffffffff" }],
    required: 1,
  },
  resignedTerm: 5,
  admitted: true,
  memory: "00c0ffee",
};

const INSTANCE = { node: "node2", incarnation: "0a1b2c3d" };
const POSITION = { timeline: 4, lsn: 0x16B374D900n };
const CONTACT = { host: "10.0.0.2", port: 5432 };
const FINGERPRINT = "node1:data,node2:data,node3:data";
const CLAIM: CandidateClaim = {
  fingerprint: FINGERPRINT,
  term: 8,
  instance: INSTANCE,
  systemIdentifier: "7300000000000000001",
  record: DURABLE.record,
  position: POSITION,
  priority: 100,
  handover: { term: 7, leader: "node2", to: "node1" },
  forced: false,
};

const REQUEST_VALUES: readonly Request[] = [
  { type: "pre_vote", ...CLAIM },
  { type: "vote", ...CLAIM },
  {
    type: "heartbeat",
    fingerprint: FINGERPRINT,
    term: 7,
    leaseMs: 3000,
    record: DURABLE.record,
    writable: true,
    yielding: false,
    alone: false,
    admit: false,
    contact: CONTACT,
    insertLsn: 0x16B374D900n,
  },
  { type: "confirm", term: 7, checkpoint: POSITION },
  { type: "handover", handover: { term: 7, leader: "node2", to: "node1" } },
  { type: "resigned", term: 7 },
];

const ANSWER_VALUES: readonly Answer[] = [
  { type: "pre_vote_answer", term: 8, granted: true, because: "", record: DURABLE.record },
  {
    type: "vote_answer",
    term: 8,
    granted: true,
    because: "",
    record: DURABLE.record,
    instance: INSTANCE,
    position: POSITION,
    memory: "0a0b0c0d",
    heard: { leader: INSTANCE, position: POSITION, agoMs: 40 },
  },
  {
    type: "heartbeat_answer",
    term: 7,
    accepted: true,
    because: "",
    persisted: { term: 7, seq: 3 },
    admitted: true,
    memory: "0a0b0c0d",
    proposes: FINGERPRINT,
    instance: INSTANCE,
    contact: CONTACT,
    server: { state: "standby", timeline: 4, lsn: 0x16B374D900n },
  },
];

/** Each kind of request, as text. */
export const REQUESTS = REQUEST_VALUES.map(encodeRequest);
/** Each kind of answer, as text. */
export const ANSWERS = ANSWER_VALUES.map(encodeAnswer);
