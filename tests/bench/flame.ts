/**
 * A flame chart of a CPU profile as V8 writes it (`--cpu-prof`): each box is a function, as wide as
 * the time in it and in what it called, which lies above it. Idle time is left out.
 *
 * @module
 */

/** A profile, as far as it is needed here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** A function in its place. */
export interface Box {
  readonly name: string;
  /** The part of the program that it belongs to. */
  readonly part: string;
  /** Microseconds in it alone. */
  self: number;
  /** Microseconds in it and in what it called. */
  total: number;
  readonly children: Map<string, Box>;
}

const WIDTH = 1200;
const ROW = 18;
const MARGIN = 8;
const LEGEND = 28;
/** Narrower boxes are not drawn. */
const NARROWEST = 0.4;
/** Pixels of a letter at the size that is used. */
const LETTER = 6.2;

const COLOURS: Readonly<Record<string, string>> = {
  "router/split": "#e8894a",
  router: "#f2b880",
  wire: "#7fb3d5",
  sql: "#8fbf8f",
  runtime: "#cfcfcf",
  "garbage collector": "#d98c8c",
};

/** Adds a profile up into a tree; the root holds all that was not idle. */
export function boxesOf({ nodes, samples, timeDeltas }: CpuProfile): Box {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const spent = new Map<number, number>();
  samples.forEach((id, i) => spent.set(id, (spent.get(id) ?? 0) + (timeDeltas[i] ?? 0)));
  const root = boxOf("all", "runtime");
  const walk = (id: number, into: Box): number => {
    const node = byId.get(id)!;
    const { functionName, url } = node.callFrame;
    if (functionName === "(idle)") return 0;
    const box = functionName === "(root)" ? into : childOf(into, functionName, url);
    const self = spent.get(id) ?? 0;
    let total = self;
    for (const child of node.children ?? []) total += walk(child, box);
    box.self += self;
    box.total += total;
    return total;
  };
  const { id } = nodes.find(({ callFrame }) => callFrame.functionName === "(root)") ?? nodes[0]!;
  walk(id, root);
  return root;
}

/** Time in functions themselves, in microseconds, by the part of the program they belong to. */
export function selfByPart(root: Box): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  const walk = (box: Box) => {
    sums.set(box.part, (sums.get(box.part) ?? 0) + box.self);
    for (const child of box.children.values()) walk(child);
  };
  walk(root);
  return sums;
}

/** Draws the chart. @param title what stands on top */
export function flameSvg(root: Box, title: string): string {
  const scale = (WIDTH - 2 * MARGIN) / root.total;
  const rows: string[] = [];
  let deepest = 0;
  const draw = (box: Box, x: number, depth: number) => {
    const width = box.total * scale;
    if (width < NARROWEST) return;
    deepest = Math.max(deepest, depth);
    rows.push(boxSvg(box, x, depth, width, box.total / root.total));
    let at = x;
    const children = [...box.children.values()].sort((a, b) => b.total - a.total);
    for (const child of children) {
      draw(child, at, depth + 1);
      at += child.total * scale;
    }
  };
  draw(root, MARGIN, 0);
  const height = LEGEND + (deepest + 1) * ROW + 2 * MARGIN + ROW;
  const legend = Object.entries(COLOURS).map(([part, colour], i) =>
    `<rect x="${MARGIN + i * 150}" y="26" width="12" height="12" fill="${colour}"/>` +
    `<text x="${MARGIN + 17 + i * 150}" y="36">${escape(part)}</text>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `font-family="monospace" font-size="10">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="${MARGIN}" y="16" font-size="12">${escape(title)}</text>`,
    ...legend,
    `<g transform="translate(0 ${height - MARGIN}) scale(1 1)">`,
    ...rows,
    "</g></svg>",
    "",
  ].join("\n");
}

function boxSvg(box: Box, x: number, depth: number, width: number, share: number): string {
  const y = -(depth + 1) * ROW;
  const colour = COLOURS[box.part] ?? "#eeeeee";
  const letters = Math.floor((width - 4) / LETTER);
  const label = letters >= 3 ? escape(box.name.slice(0, letters)) : "";
  return `<g><title>${escape(box.name)} (${escape(box.part)}): ${
    (share * 100).toFixed(1)
  } %</title>` +
    `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" ` +
    `fill="${colour}"/><text x="${(x + 2).toFixed(1)}" y="${y + 12}">${label}</text></g>`;
}

function boxOf(name: string, part: string): Box {
  return { name, part, self: 0, total: 0, children: new Map() };
}

function childOf(parent: Box, functionName: string, url: string): Box {
  const part = partOf(functionName, url);
  const name = functionName === "" ? "(anonymous)" : functionName;
  const key = `${part} ${name}`;
  let child = parent.children.get(key);
  if (child === undefined) parent.children.set(key, child = boxOf(name, part));
  return child;
}

function partOf(functionName: string, url: string): string {
  if (functionName === "(garbage collector)") return "garbage collector";
  const room = /\/src\/(router\/split|router|wire|sql)\//.exec(url)?.[1];
  return room ?? "runtime";
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
