/**
 * The shapes of the members' messages as JSON: strict, bounded, and equal to the core's types.
 *
 * The keys are the core's own. An LSN travels as text ("0/16B3748"), since JSON has no 64-bit
 * integer. Every string, array and number has a bound, so that a request that passes here can
 * neither exhaust memory nor surprise the core; a key that is not known is refused, since a peer
 * that means something by it would be misunderstood.
 *
 * @module
 */
import { z } from "zod";
import { formatLsn, parseLsn } from "../core/lsn.ts";

/** The longest `because` that travels, in UTF-16 code units; a longer one is cut by the sender. */
export const MAX_BECAUSE = 500;

/** The most members that a cluster can have. */
export const MAX_MEMBERS = 31;

/** The longest lease that a leader may announce: a voter keeps silent for as long. */
export const MAX_LEASE_MS = 600_000;

/** The largest term or sequence number: far from where one more would be no different number. */
const MAX_ORDINAL = 2 ** 48;

/** A member's name: what may stand in a header, in a slot's name and in a path. */
export const nodeName = z.string().regex(/^[A-Za-z0-9_-]{1,63}$/, "is not a node name");

const incarnation = z.string().regex(/^[0-9a-f]{8}$/, "is not 8 hexadecimal digits");
const systemIdentifier = z.string().regex(/^[0-9]{1,20}$/, "is not a system identifier");
const because = z.string().max(MAX_BECAUSE);
const ordinal = z.int().min(0).max(MAX_ORDINAL);
const timeline = z.int().min(0).max(0xFFFF_FFFF);

const lsn = z.codec(z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/), z.bigint(), {
  decode: (text) => parseLsn(text) ?? 0n,
  encode: (value) => formatLsn(value),
});

const instance = z.strictObject({ node: nodeName, incarnation });
const memory = z.string().regex(/^[0-9a-f]{8}$/, "is not 8 hexadecimal digits");
const member = z.strictObject({
  name: nodeName,
  kind: z.enum(["data", "witness"]),
  memory: memory.optional(),
});
const position = z.strictObject({ timeline, lsn });
const mark = z.strictObject({ term: ordinal, seq: ordinal });
const contact = z.strictObject({ host: z.string().max(255), port: z.int().min(0).max(65535) });
const handover = z.strictObject({ term: ordinal, leader: nodeName, to: nodeName });

const record = z.strictObject({
  term: ordinal,
  seq: ordinal,
  members: z.array(member).max(MAX_MEMBERS).readonly(),
  systemIdentifier: systemIdentifier.nullable(),
  leader: instance,
  timeline,
  startLsn: lsn,
  takenTimeline: z.int().positive().optional(),
  electable: z.array(instance).max(MAX_MEMBERS).readonly(),
  required: z.int().min(0).max(MAX_MEMBERS),
});

const claim = {
  fingerprint: z.string().max(4096),
  term: ordinal,
  instance: instance.nullable(),
  systemIdentifier: systemIdentifier.nullable(),
  record: record.nullable(),
  position: position.nullable(),
  priority: z.int().min(0).max(1000),
  handover: handover.nullable(),
  forced: z.boolean(),
};

/** A request from one member to another: the core's `Request`. */
export const requestSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("pre_vote"), ...claim }),
  z.strictObject({ type: z.literal("vote"), ...claim }),
  z.strictObject({
    type: z.literal("heartbeat"),
    fingerprint: z.string().max(4096),
    term: ordinal,
    leaseMs: z.number().min(0).max(MAX_LEASE_MS),
    record: record.nullable(),
    writable: z.boolean(),
    yielding: z.boolean(),
    alone: z.boolean(),
    admit: z.boolean(),
    contact,
    insertLsn: lsn.nullable(),
  }),
  z.strictObject({ type: z.literal("confirm"), term: ordinal, checkpoint: position }),
  z.strictObject({ type: z.literal("handover"), handover }),
  z.strictObject({ type: z.literal("resigned"), term: ordinal }),
]);

/** The answer to a request: the core's `Answer`. */
export const answerSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("pre_vote_answer"),
    term: ordinal,
    granted: z.boolean(),
    because,
    record: record.nullable(),
  }),
  z.strictObject({
    type: z.literal("vote_answer"),
    term: ordinal,
    granted: z.boolean(),
    because,
    record: record.nullable(),
    instance: instance.nullable(),
    position: position.nullable(),
    memory: memory.nullable(),
    heard: z.strictObject({ leader: instance, position, agoMs: z.int().min(0) }).nullable(),
  }),
  z.strictObject({
    type: z.literal("heartbeat_answer"),
    term: ordinal,
    accepted: z.boolean(),
    because,
    persisted: mark.nullable(),
    admitted: z.boolean(),
    memory: memory.nullable(),
    proposes: z.string().max(4096),
    instance: instance.nullable(),
    contact,
    server: z.strictObject({
      state: z.string().max(63),
      timeline: timeline.nullable(),
      lsn: lsn.nullable(),
    }),
  }),
  z.strictObject({
    type: z.literal("confirm_answer"),
    term: ordinal,
    reached: z.boolean(),
    position: position.nullable(),
  }),
  z.strictObject({ type: z.literal("noted"), term: ordinal }),
  z.strictObject({ type: z.literal("denied"), term: ordinal, because }),
]);
