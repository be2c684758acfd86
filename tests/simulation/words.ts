/**
 * Messages in words, for transcripts.
 */
import type { Answer, CandidateClaim, Request } from "../../src/core/message.ts";
import type { ClusterRecord, NodeName, Position } from "../../src/core/record.ts";
import { formatLsn } from "../../src/core/lsn.ts";

/** A request as a transcript shows it. */
export function requestText(to: NodeName, message: Request): string {
  switch (message.type) {
    case "pre_vote":
      return `→ ${to}: would you vote for me in term ${message.term}? ${claimText(message)}`;
    case "vote":
      return `→ ${to}: vote for me in term ${message.term}${
        message.handover === null ? "" : `, ${message.handover.leader} hands over to me`
      }`;
    case "heartbeat":
      return `→ ${to}: heartbeat of term ${message.term}, record ${recordText(message.record)}${
        message.writable ? ", writable" : ""
      }${message.admit ? ", you are a voter again" : ""}`;
    case "confirm":
      return `→ ${to}: do you have my shutdown checkpoint (${positionText(message.checkpoint)})?`;
    case "handover":
      return `→ ${to}: I hand term ${message.handover.term} over to you`;
    case "resigned":
      return `→ ${to}: I gave term ${message.term} up`;
  }
}

/** An answer as a transcript shows it. */
export function answerText(to: NodeName, message: Answer): string {
  switch (message.type) {
    case "pre_vote_answer":
      return `→ ${to}: ${message.granted ? "I would" : `I would not: ${message.because}`}`;
    case "vote_answer":
      return `→ ${to}: ${
        message.granted
          ? `granted, ${message.position === null ? "no position" : positionText(message.position)}`
          : `denied: ${message.because}`
      }`;
    case "heartbeat_answer":
      return `→ ${to}: ${
        message.accepted
          ? `heard, I hold ${
            message.persisted === null
              ? "nothing that counts"
              : `${message.persisted.term}.${message.persisted.seq}`
          }`
          : `refused: ${message.because}`
      }`;
    case "confirm_answer":
      return `→ ${to}: ${message.reached ? "I have it" : "I do not have it"}`;
    case "noted":
      return `→ ${to}: noted`;
    case "denied":
      return `→ ${to}: no: ${message.because}`;
  }
}

/** A record in one phrase: who leads, who may follow. */
export function recordText(record: ClusterRecord | null): string {
  if (record === null) return "none";
  const { term, seq, leader, electable, required } = record;
  const followers = required === 0
    ? "alone"
    : `electable ${electable.map(({ node }) => node).join(", ")} with k = ${required}`;
  return `${term}.${seq} (${leader.node}, ${followers})`;
}

function claimText({ position }: CandidateClaim): string {
  return position === null ? "(no position)" : `(at ${positionText(position)})`;
}

function positionText({ timeline, lsn }: Position): string {
  return `timeline ${timeline}, ${formatLsn(lsn)}`;
}
