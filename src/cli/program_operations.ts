/**
 * The commands that act on nodes while the cluster runs: options and help texts.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { changeMembersCommand } from "./change_members.ts";
import { membersCommand } from "./members.ts";
import { pauseCommand, resumeCommand } from "./pause.ts";
import { reinitCommand } from "./reinit.ts";
import { reloadCommand } from "./reload.ts";
import { restartCommand } from "./restart.ts";
import type { Terminal } from "./terminal.ts";
import { wholeNumber } from "./whole_number.ts";

/** What the commands need from the program they belong to. */
export interface Ways {
  /** The configuration file that the words name. */
  readonly configOf: (options: { config?: string }) => string;
  /** Takes the exit code. */
  readonly finish: (code: number) => void;
  readonly terminal: Terminal;
}

const ANY_MEMBER = "configuration file of any member";

/** Adds the commands to `program`. */
export function addOperations(program: Command, ways: Ways): void {
  addMaintenance(program, ways);
  addReload(program, ways);
  addServerCommands(program, ways);
  addMembers(program, ways);
}

function addMaintenance(program: Command, { configOf, finish, terminal }: Ways): void {
  program.command("pause")
    .description("begin maintenance: nothing is started, stopped, promoted or fenced")
    .option("--reason <text>", "why, for whoever looks at status meanwhile", "")
    .option("--config <file>", ANY_MEMBER)
    .addHelpText(
      "after",
      "\nEvery member is told; one that was away joins when it returns. Exit code 1: the pause is not" +
        "\ncomplete. 3: something is under way, too few members answer, or their key is another one;" +
        "\nnothing was changed. 4: nobody answers.",
    )
    .action(async (options) =>
      finish(
        await pauseCommand({ config: configOf(options), reason: options.reason }, terminal),
      )
    );
  program.command("resume")
    .description("end maintenance")
    .option("--force", "also where the last primary does not answer: see that it is stopped")
    .option("--config <file>", ANY_MEMBER)
    .addHelpText(
      "after",
      "\nThe last primary is resumed first; the others refuse before (exit code 3), since it may be" +
        "\nrunning, and nobody fences it. 1: no primary came of it. 4: nobody answers.",
    )
    .action(async (options) =>
      finish(
        await resumeCommand({ config: configOf(options), force: options.force ?? false }, terminal),
      )
    );
}

function addReload(program: Command, { configOf, finish, terminal }: Ways): void {
  program.command("reload")
    .description("have the agents read their configuration files again, each its own")
    .option("--node <name>", "this node only")
    .option("--config <file>", ANY_MEMBER)
    .addHelpText(
      "after",
      "\nEach file is checked first; one that cannot be used changes nothing on its node (exit code" +
        "\n1). What needs a restart of the agent is named. SIGHUP to an agent does the same for it." +
        "\nExit code 3: a node refuses, as where the secret is another one. 4: one does not answer.",
    )
    .action(async (options) =>
      finish(
        await reloadCommand({ config: configOf(options), node: options.node ?? null }, terminal),
      )
    );
}

function addServerCommands(program: Command, { configOf, finish, terminal }: Ways): void {
  program.command("restart")
    .description("restart PostgreSQL of one node")
    .argument("<node>", "whose")
    .addOption(
      new Option("--switchover", "of the primary: hand over to a standby first")
        .conflicts("inPlace"),
    )
    .option("--in-place", "of the primary: nobody writes until it is up again; asks first")
    .option("--yes", "do not ask")
    .option("--config <file>", ANY_MEMBER)
    .addHelpText(
      "after",
      "\nThe agent goes on. A primary is restarted with one of the two options only (exit code 3)." +
        "\n1: it was tried and failed; if the primary does not come up, a standby takes over.",
    )
    .action(async (node: string, options) =>
      finish(
        await restartCommand({
          config: configOf(options),
          node,
          primary: options.inPlace ? "in_place" : options.switchover ? "switchover" : null,
          yes: options.yes ?? false,
        }, terminal),
      )
    );
  program.command("reinit")
    .description("delete a standby's data, and copy them anew from the primary")
    .argument("<node>", "whose")
    .option("--yes", "do not ask")
    .option("--config <file>", ANY_MEMBER)
    .addHelpText(
      "after",
      "\nIt shows how far the copy is, which goes on should the command be interrupted. Refused for" +
        "\nthe primary, and where nobody can be asked without --yes (exit code 3).",
    )
    .action(async (node: string, options) =>
      finish(
        await reinitCommand(
          { config: configOf(options), node, yes: options.yes ?? false },
          terminal,
        ),
      )
    );
}

function addMembers(program: Command, { configOf, finish, terminal }: Ways): void {
  const members = program.command("members").description("who the members are, one more, one less")
    .helpCommand(false);
  const port = wholeNumber(1, 65_535);
  const minutes = wholeNumber(1, 1440);
  members.command("list")
    .description("print who counts, and whose configuration names whom")
    .option("--json", "print JSON")
    .option("--config <file>", ANY_MEMBER)
    .action(async (options) =>
      finish(
        await membersCommand({ config: configOf(options), json: options.json ?? false }, terminal),
      )
    );
  const help =
    "\nIt changes no file that is there: it says what to write where, and in which order to restart" +
    "\nthe agents, then waits until a majority has agreed. Exit code 1: not in time. 3: it cannot be" +
    "\ndone now. 4: nobody answers.";
  const waiting = (options: { wait: boolean; minutes: number; config?: string }) => ({
    config: configOf(options),
    wait: options.wait,
    timeoutMs: options.minutes * 60_000,
  });
  members.command("add")
    .description("say how to add a member, and wait until it counts")
    .argument("<name=host>", "its node_name, and where its agent is reached")
    .option("--api-port <port>", "where its agent listens", port, 8080)
    .option("--witness", "it has no PostgreSQL, and votes only")
    .option("--write <file>", "write its configuration, made from this node's, for its host")
    .option("--no-wait", "say what to do, and end")
    .option("--minutes <count>", "how long to wait", minutes, 30)
    .option("--config <file>", ANY_MEMBER)
    .addHelpText("after", help)
    .action(async (text: string, options, add: Command) => {
      const [, node, host] = /^([A-Za-z0-9_-]{1,40})=([A-Za-z0-9._:-]+)$/.exec(text) ?? [];
      if (node === undefined || host === undefined) {
        add.error(`error: '${text}' must be NAME=HOST, like node4=192.168.1.104.`);
      }
      const { apiPort, witness = false, write = null } = options;
      const wish = { change: "add", node, host, apiPort, witness } as const;
      finish(await changeMembersCommand(wish, { ...waiting(options), write }, terminal));
    });
  members.command("remove")
    .description("say how to remove a member, and wait until it counts no more")
    .argument("<name>", "its node_name")
    .option("--no-wait", "say what to do, and end")
    .option("--minutes <count>", "how long to wait", minutes, 30)
    .option("--config <file>", ANY_MEMBER)
    .addHelpText("after", help)
    .action(async (node: string, options) =>
      finish(await changeMembersCommand({ change: "remove", node }, waiting(options), terminal))
    );
}
