import assert from "node:assert/strict";
import { parse } from "yaml";
import { METRICS } from "../../src/telemetry/metric_list.ts";

const RULES = new URL("../../configs/alerts.yml", import.meta.url);
const DASHBOARD = new URL("../../configs/grafana-dashboard.json", import.meta.url);
const PAGE = new URL("../../docs/operations/metrics.md", import.meta.url);

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const rules: readonly Rule[] = parse(Deno.readTextFileSync(RULES)).groups[0].rules;

function metricsIn(text: string): string[] {
  return [...new Set(text.match(/\bmetako_[a-z_]+/g) ?? [])];
}

/** The labels that an expression, and the text that shows its result, speak of. */
function labelsIn(expr: string, text: string): string[] {
  const grouped = [...expr.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)]
    .flatMap(([, names]) => names!.split(",").map((name) => name.trim()));
  const selected = [...expr.matchAll(/[{,]\s*([a-z_]+)\s*(?:=|!=|=~|!~)"/g)].map(([, name]) =>
    name!
  );
  const shown = [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g)].map(([, name]) =>
    name!
  );
  return [...grouped, ...selected, ...shown];
}

/** Fails where a label is in none of the expression's metrics, nor made by the scrape. */
function assertLabels(expr: string, text: string, where: string): void {
  const known = new Set([
    "instance",
    "job",
    ...metricsIn(expr).flatMap((name) =>
      name in METRICS ? METRICS[name as keyof typeof METRICS].labels as readonly string[] : []
    ),
  ]);
  assert.deepEqual(labelsIn(expr, text).filter((label) => !known.has(label)), [], where);
}

function assertKnown(names: readonly string[]): void {
  assert.deepEqual(names.filter((name) => !(name in METRICS)), []);
}

/** Series of a healthy cluster: node1 is the primary, 20 minutes at 15 s. */
const HEALTHY: Readonly<Record<string, string>> = {
  ...each("up", "1"),
  ...each("metako_writable", "1"),
  ...each("metako_has_majority", "1"),
  ...each("metako_postgres_up", "1"),
  ...each("metako_problems", "0"),
  ...each("metako_paused", "0"),
  ...each("metako_pause_seconds", "0"),
  ...each("metako_durability_electable_members", "2"),
  ...each("metako_durability_required_standbys", "1"),
  ...each("metako_router_waiting_sessions", "0"),
  ...each("metako_router_refused_total", "0"),
  ...each("metako_elections_started_total", "3"),
  ...each("metako_elections_won_total", "3"),
  ...each("metako_postgres_connections", "10", 'state="idle"'),
  ...each("metako_postgres_maximum_connections", "100"),
  ...each("metako_postgres_oldest_transaction_seconds", "3"),
  ...each("metako_postgres_oldest_xid_age", "1000"),
  ...each("metako_primary_changes_total", "1", 'kind="first"'),
  ...each("metako_primary_changes_total", "1", 'kind="planned"'),
  ...each("metako_primary_changes_total", "1", 'kind="unplanned"'),
  ...each("metako_disk_free_bytes", "500", 'folder="data"'),
  ...each("metako_disk_size_bytes", "1000", 'folder="data"'),
  [condition(1, "running", "good")]: "1",
  [condition(2, "hung", "bad")]: "0",
  [condition(2, "fence_failed", "bad")]: "0",
  [of("metako_primary", 1)]: "1",
  [of("metako_primary", 2)]: "0",
  [of("metako_member_up", 1, 'member="node2"')]: "1",
  [of("metako_member_up", 2, 'member="node1"')]: "1",
  [of("metako_replication_streaming", 2)]: "1",
  [of("metako_replication_lag_bytes", 1)]: "0",
  [of("metako_replication_lag_bytes", 2)]: "4096",
  [of("metako_possible_loss_bytes", 1)]: "0",
  [of("metako_slot_retained_wal_bytes", 1, 'slot="metako_node2"')]: "4096",
};

function of(name: string, node: number, labels = ""): string {
  const more = labels === "" ? "" : `,${labels}`;
  return `${name}{job="metako",instance="node${node}"${more}}`;
}

function condition(node: number, name: string, level: string): string {
  return of("metako_condition", node, `condition="${name}",level="${level}"`);
}

function each(name: string, value: string, labels = ""): Record<string, string> {
  return { [of(name, 1, labels)]: value, [of(name, 2, labels)]: value };
}

/** What differs from the healthy cluster where an alert has to fire. */
const CASES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  MetakoNoPrimary: each("metako_writable", "0"),
  MetakoTwoPrimaries: each("metako_primary", "1"),
  MetakoAgentDown: { [of("up", 2)]: "0" },
  MetakoMemberSilent: { [of("metako_member_up", 1, 'member="node2"')]: "0" },
  MetakoNoMajority: { [of("metako_has_majority", 2)]: "0" },
  MetakoPostgresDown: { [of("metako_postgres_up", 2)]: "0" },
  MetakoFenceFailed: { [condition(2, "fence_failed", "bad")]: "1" },
  MetakoBadCondition: { [condition(2, "hung", "bad")]: "1" },
  MetakoStandbyNotStreaming: { [of("metako_replication_streaming", 2)]: "0" },
  MetakoReplicationLag: { [of("metako_replication_lag_bytes", 2)]: "99000000" },
  MetakoNobodyElectable: each("metako_durability_electable_members", "0"),
  MetakoCommitsOnPrimaryAlone: each("metako_durability_required_standbys", "0"),
  MetakoPossibleLoss: { [of("metako_possible_loss_bytes", 1)]: "99000000" },
  MetakoUnplannedFailover: {
    [of("metako_primary_changes_total", 2, 'kind="unplanned"')]: "0x40 1x40",
  },
  MetakoFlapping: { [of("metako_primary_changes_total", 2, 'kind="unplanned"')]: "0+1x80" },
  MetakoElectionsFail: { [of("metako_elections_started_total", 2)]: "0+1x80" },
  MetakoSlotKeepsWal: {
    [of("metako_slot_retained_wal_bytes", 1, 'slot="metako_node2"')]: "9000000000",
  },
  MetakoDiskNearlyFull: { [of("metako_disk_free_bytes", 2, 'folder="data"')]: "90" },
  MetakoRouterClientsWait: { [of("metako_router_waiting_sessions", 2)]: "5" },
  MetakoRouterRefuses: { [of("metako_router_refused_total", 2)]: "0+15x80" },
  MetakoConnectionsNearLimit: { [of("metako_postgres_connections", 2, 'state="idle"')]: "95" },
  MetakoOldTransaction: { [of("metako_postgres_oldest_transaction_seconds", 2)]: "4000" },
  MetakoXidAge: { [of("metako_postgres_oldest_xid_age", 1)]: "1500000000" },
  MetakoPauseForgotten: {
    [of("metako_paused", 2)]: "1",
    [of("metako_pause_seconds", 2)]: "3000+15x80",
  },
  MetakoActionStuck: { [of("metako_operation_seconds", 2, 'action="follow"')]: "400" },
  MetakoProblems: { [of("metako_problems", 2)]: "1" },
};

/** What one cause sets off besides. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  MetakoFlapping: ["MetakoUnplannedFailover"],
};

Deno.test("configs/alerts.yml names metrics that exist, and says what to do", () => {
  for (const { alert, expr, labels, annotations } of rules) {
    assertKnown(metricsIn(expr));
    assertLabels(expr, annotations.summary + annotations.description, alert);
    assert.match(labels.severity, /^(critical|warning|info)$/, alert);
    assert.match(annotations.description, /[.]$/, alert);
    assert.notEqual(annotations.summary, "", alert);
  }
});

Deno.test("every alert has a case in which it fires", () => {
  assert.deepEqual(Object.keys(CASES).sort(), rules.map(({ alert }) => alert).sort());
});

const promtool = await installed("promtool");

Deno.test({
  name: "promtool: each alert fires in its case, alone, and none in a healthy cluster",
  ignore: !promtool,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/alerts_test.yml`;
      const tests = [
        ruleTest({}, []),
        ...Object.entries(CASES).map(([alert, change]) =>
          ruleTest(change, [alert, ...ALSO[alert] ?? []])
        ),
      ];
      const content = { rule_files: [RULES.pathname], evaluation_interval: "15s", tests };
      await Deno.writeTextFile(file, JSON.stringify(content));
      const { success, stdout, stderr } = await new Deno.Command("promtool", {
        args: ["test", "rules", file],
      }).output();
      const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.equal(success, true, said);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

function ruleTest(change: Readonly<Record<string, string>>, fires: readonly string[]) {
  const series = Object.entries({ ...HEALTHY, ...change });
  return {
    name: fires[0] ?? "healthy",
    interval: "15s",
    input_series: series.map(([name, values]) => ({
      series: name,
      values: /x/.test(values) ? values : `${values}x80`,
    })),
    promql_expr_test: [{
      expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: "18m",
      exp_samples: fires.map((alertname) => ({
        labels: `{alertname="${alertname}"}`,
        value: 1,
      })),
    }],
  };
}

async function installed(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

Deno.test("configs/grafana-dashboard.json names metrics that exist, in panels with titles", () => {
  const text = Deno.readTextFileSync(DASHBOARD);
  const panels: readonly Panel[] = JSON.parse(text).panels;
  assertKnown(metricsIn(text));
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { title, type, targets = [] } of panels) {
    assert.notEqual(title, "");
    assert.equal(targets.length > 0, type !== "row", title);
    for (const { expr, legendFormat = "" } of targets) {
      assert.notDeepEqual(metricsIn(expr), [], title);
      assertLabels(expr, legendFormat, title);
    }
  }
});

/** What no panel shows, and why. */
const UNSHOWN: Readonly<Record<string, string>> = {
  metako_record_sequence: "it says something to who reads logs alone",
  metako_wal_replay_position_bytes: "the lag is shown",
};

Deno.test("configs/grafana-dashboard.json shows every metric, but for what nobody looks at", () => {
  const panels: readonly Panel[] = JSON.parse(Deno.readTextFileSync(DASHBOARD)).panels;
  const shown = new Set(
    panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsIn(expr))),
  );
  // The version is the label that the list of clusters is made of.
  shown.add("metako_build_info");
  const missing = Object.keys(METRICS).filter((name) => !shown.has(name)).sort();
  assert.deepEqual(missing, Object.keys(UNSHOWN).sort());
});

Deno.test("docs/operations/metrics.md lists every metric as it is", () => {
  const rows = Deno.readTextFileSync(PAGE).split("\n")
    .filter((line) => line.startsWith("| `metako_"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()).join(" | "));
  const expected = Object.entries(METRICS).map(([name, { type, labels, help }]) =>
    [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(", "), help].join(" | ")
  );
  assert.deepEqual(rows, expected);
});
