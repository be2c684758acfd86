/**
 * What is going to happen, in order of time: a binary heap, so that long runs stay cheap.
 */

/** The future of a simulated world. */
export interface Queue {
  /** Entries of the same moment run in the order in which they were added. */
  add(atMs: number, run: () => void): void;
  /** Removes and returns the earliest entry that is due by `untilMs`; null where none is. */
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
  const moved = heap[child]!;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!isBefore(moved, heap[parent]!)) break;
    heap[child] = heap[parent]!;
    child = parent;
  }
  heap[child] = moved;
}

function siftDown(heap: Entry[]): void {
  const moved = heap[0]!;
  let parent = 0;
  for (;;) {
    let least = 2 * parent + 1;
    if (least >= heap.length) break;
    if (least + 1 < heap.length && isBefore(heap[least + 1]!, heap[least]!)) least++;
    if (!isBefore(heap[least]!, moved)) break;
    heap[parent] = heap[least]!;
    parent = least;
  }
  heap[parent] = moved;
}
