/**
 * A strict reader of Prometheus' text format, version 0.0.4: what it does not know is an error.
 */

/** One line with a value. */
export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric with its comments. */
export interface ReadMetric {
  readonly type: string;
  readonly help: string;
  readonly samples: ReadSample[];
}

/** Reads a whole scrape. @throws where a line is malformed, out of place, or said twice */
export function readExposition(text: string): Map<string, ReadMetric> {
  if (!text.endsWith("\n")) throw new Error("the last line is not ended");
  const metrics = new Map<string, { type: string; help: string; samples: ReadSample[] }>();
  const seen = new Set<string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, what, name, rest] = comment;
      const metric = metrics.get(name!) ?? { type: "", help: "", samples: [] };
      if (metric.samples.length > 0) throw new Error(`a comment behind its samples: ${line}`);
      metrics.set(name!, { ...metric, [what!.toLowerCase()]: rest! });
      continue;
    }
    const sample = readSample(line);
    const key = line.slice(0, line.lastIndexOf(" "));
    if (seen.has(key)) throw new Error(`said twice: ${key}`);
    seen.add(key);
    const metric = metrics.get(sample.name);
    if (metric === undefined) throw new Error(`a sample without its comments: ${line}`);
    metric.samples.push(sample);
  }
  return metrics;
}

function readSample(line: string): ReadSample {
  const match = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/.exec(line);
  if (match === null) throw new Error(`malformed: ${line}`);
  const [, name, inner = "", number] = match;
  const labels = Object.fromEntries(
    [...inner.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((
      [, label, value],
    ) => [label!, value!]),
  );
  const value = Number(number);
  if (!Number.isFinite(value)) throw new Error(`no finite number: ${line}`);
  return { name: name!, labels, value };
}
