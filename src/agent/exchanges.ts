/**
 * Two kinds of conversation that the core ends later: members' requests and operators' wishes.
 *
 * @module
 */
import type { OperatorStep } from "../coordination/progress.ts";
import type { Answer } from "../core/message.ts";

/** Requests of members that wait for the core's answer. */
export interface Exchanges {
  /** Opens one; the promise never settles if the core never answers, and the caller has a limit. */
  open(): { readonly exchange: number; readonly answer: Promise<Answer> };
  settle(exchange: number, answer: Answer): void;
}

/**
 * Keeps the requests that wait.
 *
 * @param limitMs after this long nobody waits for an answer any more, and it is forgotten
 */
export function createExchanges(limitMs: number): Exchanges {
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  return {
    open() {
      const exchange = ++last;
      const { promise, resolve } = Promise.withResolvers<Answer>();
      const timer = setTimeout(() => waiting.delete(exchange), limitMs);
      waiting.set(exchange, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      return { exchange, answer: promise };
    },
    settle(exchange, answer) {
      waiting.get(exchange)?.(answer);
      waiting.delete(exchange);
    },
  };
}

/** Operators that follow the steps of what they asked for. */
export interface Conversations {
  open(): { readonly reference: number; readonly steps: AsyncIterable<OperatorStep> };
  say(reference: number, step: OperatorStep): void;
}

/** Keeps the operators that listen. A conversation ends with its first step that is not running. */
export function createConversations(): Conversations {
  const listeners = new Map<number, (step: OperatorStep) => void>();
  let last = 0;
  return {
    open() {
      const reference = ++last;
      const queue: OperatorStep[] = [];
      let wake = () => {};
      listeners.set(reference, (step) => {
        queue.push(step);
        wake();
      });
      async function* steps(): AsyncGenerator<OperatorStep> {
        try {
          for (;;) {
            const step = queue.shift();
            if (step === undefined) {
              await new Promise<void>((resolve) => wake = resolve);
              continue;
            }
            yield step;
            if (step.outcome !== "running") return;
          }
        } finally {
          listeners.delete(reference);
        }
      }
      return { reference, steps: steps() };
    },
    say(reference, step) {
      listeners.get(reference)?.(step);
    },
  };
}
