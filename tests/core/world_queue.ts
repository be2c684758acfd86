/**
 * What is going to happen, in order of time: a binary heap, so that long histories stay cheap.
 */

/** The future of a simulated world. */
export interface Queue {
  /** Entries of the same moment run in the order in which they were added. */
  add(atMs: number, run: () => void): void;
  /** Removes and returns the earliest entry that is due by `untilMs`. */
  takeDue(untilMs: number): Entry | null;
}

/** One thing that will happen. */
export interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** An empty future. */
export function createQueue(): Queue {
  const heap: Entry[] = [];
  let order = 0;
  return {
    add(atMs, run) {
      heap.push({ atMs, order: order++, run });
      siftUp(heap);
    },
    takeDue(untilMs) {
      const first = heap[0];
      if (first === undefined || first.atMs > untilMs) return null;
      const last = heap.pop()!;
      if (heap.length > 0) {
        heap[0] = last;
        siftDown(heap);
      }
      return first;
    },
  };
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}

function siftUp(heap: Entry[]): void {
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!isBefore(heap[child]!, heap[parent]!)) return;
    [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
    child = parent;
  }
}

function siftDown(heap: Entry[]): void {
  let parent = 0;
  for (;;) {
    let least = parent;
    for (const child of [2 * parent + 1, 2 * parent + 2]) {
      if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
    }
    if (least === parent) return;
    [heap[least], heap[parent]] = [heap[parent]!, heap[least]!];
    parent = least;
  }
}
