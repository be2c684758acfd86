/**
 * Asks about a client's role, and goes on asking while it can be different in a moment: during a
 * change of the primary a client waits at the door as it would behind it.
 *
 * @module
 */
import type { Context } from "./context.ts";
import type { RoleAnswer } from "./options.ts";
import { within } from "./socket.ts";
import type { Place } from "./waiting.ts";

const RETRY_MS = 100;

/**
 * Resolves with an answer, or with the last reason why there is none.
 *
 * @param limitMs how long to go on where no server can be asked
 * @param signal ends the waiting at once
 * @param onWait told why it waits, and null when that is over
 */
export async function askRole(
  { options, ports, waitingRoom }: Context,
  { user, limitMs, signal, onWait }: {
    readonly user: string;
    readonly limitMs: number;
    readonly signal: AbortSignal;
    readonly onWait: (because: string | null) => void;
  },
): Promise<RoleAnswer> {
  const deadline = ports.now() + limitMs;
  let place: Place | null = null;
  try {
    for (;;) {
      const asked = Promise.resolve().then(() => ports.roles.find(user)).catch(() => null);
      const answer = await within(asked, options.startupTimeoutMs, signal) ?? NO_ANSWER;
      if (answer.ok || answer.remedy !== null || signal.aborted) return answer;
      const remainingMs = deadline - ports.now();
      if (remainingMs <= 0) return answer;
      place ??= waitingRoom.enter();
      if (place === null) return answer;
      onWait(answer.because);
      await place.next(Math.min(remainingMs, RETRY_MS * (0.5 + ports.random())), signal);
      onWait(null);
    }
  } finally {
    place?.leave();
  }
}

const NO_ANSWER: RoleAnswer = { ok: false, because: "no answer in time", remedy: null };
