/**
 * A loop whose core can begin anew from what is on disk, as it does when the agent is restarted.
 *
 * @module
 */
import type { Durable } from "../core/effect.ts";
import type { State } from "../core/state.ts";
import { type Loop, type LoopPorts, startLoop } from "./loop.ts";

/** See the module. Events that arrive between the end and the new beginning are lost. */
export interface RestartableLoop extends Loop {
  restart(): Promise<void>;
}

/**
 * Starts the loop.
 *
 * @param fresh the state of an agent that has just started and remembers `durable`
 */
export function startRestartableLoop(
  durable: Durable,
  fresh: (durable: Durable) => State,
  ports: LoopPorts,
): RestartableLoop {
  let loop = startLoop(fresh(durable), ports);
  let stopped = false;
  let restarting: Promise<void> = Promise.resolve();
  return {
    state: () => loop.state(),
    submit: (event) => loop.submit(event),
    restart() {
      return restarting = restarting.then(async () => {
        if (stopped) return;
        await loop.stop();
        const before = loop.state();
        if (stopped) return;
        // Answers to what was asked before must not be taken for answers to what is asked now.
        loop = startLoop({ ...fresh(before.durable), nextId: before.nextId }, ports);
      });
    },
    async stop() {
      stopped = true;
      await restarting;
      await loop.stop();
    },
  };
}
