/**
 * One viewer's stream of server-sent events.
 *
 * @module
 */
import type { Feed, FeedEvent } from "./feed.ts";

/** Events that wait for a viewer to take them; one that is further behind is let go. */
const MAXIMUM_WAITING = 32;

/**
 * Joins the feed until the client leaves. A client that takes nothing for so long that events pile up
 * is cut off: its browser connects again, and is told everything anew.
 *
 * @returns null where there are too many viewers
 */
export function streamEvents(feed: Pick<Feed, "join">): ReadableStream<Uint8Array> | null {
  const encoder = new TextEncoder();
  const early: FeedEvent[] = [];
  let take = (event: FeedEvent): void => void early.push(event);
  const leave = feed.join((event) => take(event));
  if (leave === null) return null;
  let gone = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      take = (event) => {
        controller.enqueue(encoder.encode(encodeEvent(event)));
        // A client that went away may be noticed only by this, and has left when it returns.
        if (gone || (controller.desiredSize ?? 0) > 0) return;
        leave();
        controller.close();
      };
      for (const event of early) take(event);
    },
    cancel() {
      gone = true;
      leave();
    },
  }, new CountQueuingStrategy({ highWaterMark: MAXIMUM_WAITING }));
}

/**
 * Writes an event; JSON has no newline in it, so its data is one line.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(encodeEvent({ type: "samples", data: [] }), "event: samples\ndata: []\n\n");
 * ```
 */
export function encodeEvent({ type, data }: FeedEvent): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
