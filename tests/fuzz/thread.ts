/**
 * The thread of the targets without sockets, and a watch over it.
 *
 * @module
 */
import { reasonOf } from "./target.ts";
import type { Order, Report } from "./worker.ts";

/** A thread that plays cases, one order at a time. */
export interface Thread {
  readonly play: (
    order: { readonly target: string; readonly from: number; readonly to: number },
  ) => Promise<Report>;
  readonly close: () => void;
}

const LOOK_EVERY_MS = 500;
/** No case takes this long; loading the thread may take a while where much else is going on. */
const HANGS_AFTER_MS = 120_000;

/** A thread whose targets may write into `folder`; it begins with the first order. */
export function createThread(folder: string): Thread {
  let worker: Worker | null = null;
  const progress = new SharedArrayBuffer(4);
  const inWork = new Uint32Array(progress);
  const close = () => {
    worker?.terminate();
    worker = null;
  };
  return {
    close,
    async play(order) {
      worker ??= new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
      const { promise, resolve, reject } = Promise.withResolvers<Report>();
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      inWork[0] = order.from;
      let seen = { seed: order.from, atMs: performance.now() };
      const watch = setInterval(() => {
        if (inWork[0] !== seen.seed) seen = { seed: inWork[0]!, atMs: performance.now() };
        if (performance.now() - seen.atMs > HANGS_AFTER_MS) reject(new Error("it does not end"));
      }, LOOK_EVERY_MS);
      try {
        worker.postMessage({ ...order, folder, progress } satisfies Order);
        return await promise;
      } catch (error) {
        close();
        const failure = { target: order.target, seed: inWork[0]!, because: reasonOf(error) };
        return { outcomes: [], failure };
      } finally {
        clearInterval(watch);
      }
    },
  };
}
