/**
 * The metrics of one agent, in Prometheus' text format.
 *
 * Everything is written at the moment of a scrape, from what the agent knows anyway: what is kept
 * between two scrapes are numbers, not a second account that could differ from the first.
 *
 * @module
 */
import { Counter, Gauge, Registry } from "prom-client";
import { type MetricName, METRICS } from "./metric_list.ts";

/** One value, and the labels that tell it from others of the same metric. */
export interface Sample {
  readonly name: MetricName;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The `content-type` of what {@linkcode renderMetrics} returns. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/**
 * Renders samples, in the order of the list; a metric without a sample is left out.
 *
 * @throws {Error} where a sample has labels that its metric does not have
 */
export async function renderMetrics(samples: readonly Sample[]): Promise<string> {
  const registry = new Registry();
  const byName = Map.groupBy(samples, ({ name }) => name);
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const { type, labels, help } = METRICS[name];
    const own = byName.get(name) ?? [];
    if (own.length === 0) continue;
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    const metric = type === "gauge" ? new Gauge(options) : new Counter(options);
    for (const { labels: given = {}, value } of own) metric.inc({ ...given }, value);
  }
  return await registry.metrics();
}
