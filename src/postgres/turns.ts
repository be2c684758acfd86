/**
 * One at a time: what shares a key runs in the order in which it was asked for.
 *
 * @module
 */
const tails = new WeakMap<object, Promise<unknown>>();

/** Runs `work` when everything asked for earlier under the same key has ended, however it did. */
export function inTurn<T>(key: object, work: () => Promise<T>): Promise<T> {
  const before = tails.get(key) ?? Promise.resolve();
  const mine = before.then(work, work);
  tails.set(key, mine.catch(() => {}));
  return mine;
}
