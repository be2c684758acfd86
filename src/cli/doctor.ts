/**
 * `metako doctor`: looks at the cluster, this host and its PostgreSQL, and says what is wrong, why
 * it matters and what to do. It changes nothing.
 *
 * @module
 */
import { formatProblem } from "../config/mod.ts";
import type { OperatorClient } from "../agent/mod.ts";
import { openClient } from "./client.ts";
import { examineCluster, type TimedAnswer } from "./doctor/cluster.ts";
import { type Finding, renderFindings, well } from "./doctor/finding.ts";
import { examineHost } from "./doctor/host.ts";
import { examinePostgres } from "./doctor/postgres.ts";
import { readPostgres } from "./doctor/read_postgres.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { loadConfig } from "./load_config.ts";
import type { Terminal } from "./terminal.ts";

/** Runs the command; 1 where something is bad. */
export async function doctorCommand(
  options: { readonly config: string; readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const loaded = loadConfig(options.config, terminal);
  if (!loaded.ok) return loaded.code;
  const { config, warnings } = loaded;
  const client = openClient(config, "metako doctor", terminal);
  if (client === null) return EXIT.configuration;
  try {
    const timed = await askAll(client, config.members.map(({ nodeName }) => nodeName));
    const statuses = timed.flatMap(({ answer }) => answer.ok ? [answer.status] : []);
    const [host, postgres] = await Promise.all([
      examineHost(config, statuses),
      config.localDb === null
        ? []
        : readPostgres(config).then((read): Finding[] =>
          read.ok ? examinePostgres(read.reading) : [{
            check: "postgres",
            gravity: "bad",
            finding: `PostgreSQL here could not be asked as the agent's user: ${read.because}.`,
            why: "Its settings could not be looked at, and the agent may have the same trouble.",
            remedy:
              "See in metako status whether it runs, and run the doctor on the node's own host.",
          }]
        ),
    ]);
    const findings = [
      ...(warnings.length === 0 ? [well("config", `${options.config} has no problem.`)] : []),
      ...warnings.map((warning): Finding => ({
        check: "config",
        gravity: warning.refusesRun ? "bad" : "warning",
        finding: formatProblem(warning),
        why: "",
        remedy: "",
      })),
      ...examineCluster(timed),
      ...host,
      ...postgres,
    ];
    terminal.print(
      options.json ? JSON.stringify({ findings }, null, 2) : renderFindings(findings, terminal),
    );
    return findings.some(({ gravity }) => gravity === "bad") ? EXIT.failed : EXIT.ok;
  } finally {
    client.close();
  }
}

function askAll(
  client: Pick<OperatorClient, "status">,
  members: readonly string[],
): Promise<TimedAnswer[]> {
  return Promise.all(members.map(async (node): Promise<TimedAnswer> => {
    const askedAtMs = Date.now();
    const read = await client.status(node);
    const answeredAtMs = Date.now();
    const answer = read.ok
      ? { node, ok: true as const, status: read.status, verified: read.verified }
      : { node, ok: false as const, because: read.because };
    return { answer, askedAtMs, answeredAtMs };
  }));
}
