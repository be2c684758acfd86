/**
 * The command line: which words make which command run.
 *
 * This file knows options and help texts and nothing about what the commands do. Each command
 * returns its exit code; nothing below here ends the process.
 *
 * @module
 */
import { Argument, Command, CommanderError, Option } from "commander";
import { completionScript, type Shell, SHELLS } from "./completion.ts";
import { configCheckCommand } from "./config_check.ts";
import { configInitCommand } from "./config_init.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { EXIT, EXIT_CODE_HELP } from "./exit_codes.ts";
import { failoverCommand } from "./failover.ts";
import { historyCommand } from "./history.ts";
import { LOG_WORDS, logsCommand } from "./logs.ts";
import { addOperations } from "./program_operations.ts";
import { routerKillCommand, routerSessionsCommand } from "./router.ts";
import { runCommand } from "./run.ts";
import { statusCommand } from "./status.ts";
import { switchoverCommand } from "./switchover.ts";
import type { Terminal } from "./terminal.ts";
import { wholeNumber } from "./whole_number.ts";

/** What the commands are given by the process they run in. */
export interface Context {
  /** Where the commands print. */
  readonly terminal: Terminal;
  /** The program's version. */
  readonly version: string;
  /** The command that starts this same program, to which a command's words can be added. */
  readonly self: readonly string[];
}

/** Where the configuration is when the command line does not say. */
export const DEFAULT_CONFIG = "configs/config.yaml";

/**
 * Runs the command that `args` name.
 *
 * @param args the words behind the program's name
 * @returns the exit code; 2, with a message, where the words make no command
 */
export async function runProgram(args: readonly string[], context: Context): Promise<number> {
  let code: number = EXIT.ok;
  const program = buildProgram(context, (result) => code = result);
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    // Commander has printed the help text, the version, or what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    throw error;
  }
}

/**
 * Every command with its options and help, ready to parse words.
 *
 * @param finish is told the exit code of the command that ran
 */
export function buildProgram(context: Context, finish: (code: number) => void): Command {
  const { terminal } = context;
  const program = new Command("metako")
    .description("PostgreSQL high availability: one agent per database host.")
    .version(context.version, "--version", "print the version")
    .helpOption("--help", "print this help")
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.complain(text.trimEnd()),
    })
    .showHelpAfterError("See metako --help.")
    .option("--config <file>", `configuration file (default: ${DEFAULT_CONFIG})`)
    .addHelpText("after", EXIT_CODE_HELP);
  const configOf = (options: { config?: string }) =>
    options.config ?? program.opts<{ config?: string }>().config ?? DEFAULT_CONFIG;

  program.action(async () => {
    if (program.args.length > 0) refuseUnknown(program, program.args[0]!);
    finish(await runCommand({ config: configOf({}) }, context));
  });

  program.command("run")
    .description("run this node's agent until SIGINT or SIGTERM (what metako does without a word)")
    .option("--config <file>", `configuration file of this node (default: ${DEFAULT_CONFIG})`)
    .addHelpText(
      "after",
      "\nThe log goes to standard output, one line of JSON per event. PostgreSQL is left running" +
        "\nwhen the agent ends. SIGHUP has it read its configuration file again. Exit code 1: it could not start, and the last line says why.",
    )
    .action(async (options) => finish(await runCommand({ config: configOf(options) }, context)));

  const config = program.command("config").description("check a configuration file, or make them")
    .helpCommand(false);
  config.command("check")
    .description("say whether a file would do, and print what would be in effect")
    .argument("[file]", `configuration file (default: ${DEFAULT_CONFIG})`)
    .action((file?: string) => finish(configCheckCommand(file ?? configOf({}), terminal)));
  addConfigInit(config, finish, terminal);

  program.command("status")
    .description("print the cluster's state, as its nodes see it")
    .option("--config <file>", `configuration file of any member (default: ${DEFAULT_CONFIG})`)
    .option("--json", "print JSON")
    .option("--watch", "print it again every second, until SIGINT")
    .option("--node <name>", "ask this node only")
    .addHelpText(
      "after",
      "\nExit code 0: there is a primary with a majority behind it. 4: no node answered. 5: no\nprimary.",
    )
    .action(async (options) =>
      finish(
        await statusCommand({
          config: configOf(options),
          json: options.json ?? false,
          watch: options.watch ?? false,
          node: options.node ?? null,
        }, terminal),
      )
    );

  program.command("history")
    .description("print each change of the primary: when, why, how long nobody took writes")
    .option("--config <file>", `configuration file of any member (default: ${DEFAULT_CONFIG})`)
    .option("--json", "print JSON")
    .option("--limit <count>", "how many entries, the newest", wholeNumber(1, 1000), 50)
    .addHelpText("after", "\nExit code 4: no node answered.")
    .action(async (options) =>
      finish(
        await historyCommand({
          config: configOf(options),
          json: options.json ?? false,
          limit: options.limit,
        }, terminal),
      )
    );

  program.command("switchover")
    .description("hand over from a primary that works to a standby that has every commit")
    .option("--to <node>", "the node that becomes primary (default: the standby that lags least)")
    .option("--config <file>", `configuration file of any member (default: ${DEFAULT_CONFIG})`)
    .addHelpText(
      "after",
      "\nNo commit is lost, and where the standby cannot take over, the old primary goes on. It is" +
        "\nrefused where the primary does not work: metako failover is for that." +
        "\nExit code 1: it was tried and failed. 3: refused, and nothing was changed. 4: nobody answers.",
    )
    .action(async (options) =>
      finish(
        await switchoverCommand({ config: configOf(options), to: options.to ?? null }, terminal),
      )
    );

  program.command("failover")
    .description("make another node the primary: planned if the primary works, else an election")
    .requiredOption("--to <node>", "the node that becomes primary")
    .option("--force", "without a primary: elect it although it may lack commits; tells the cost")
    .option("--accept-data-loss", "with --force: do it")
    .option("--config <file>", `configuration file of any member (default: ${DEFAULT_CONFIG})`)
    .addHelpText(
      "after",
      "\nExit code 1: it was tried and failed. 3: refused, and nothing was changed. 4: nobody who" +
        "\ncould do it answers. 6: --force without --accept-data-loss; nothing was changed.",
    )
    .action(async (options, failover: Command) => {
      const accepted = options.acceptDataLoss ?? false;
      if (accepted && !options.force) failover.error("error: --accept-data-loss needs --force.");
      const force = !options.force ? "none" : accepted ? "accepted" : "ask";
      const wish = { config: configOf(options), to: options.to, force } as const;
      finish(await failoverCommand(wish, terminal));
    });

  addOperations(program, { configOf, finish, terminal });
  addRouter(program, configOf, finish, terminal);

  program.command("doctor")
    .description("look at the cluster, this host and its PostgreSQL: what is wrong, and what to do")
    .option("--config <file>", `configuration file of this node (default: ${DEFAULT_CONFIG})`)
    .option("--json", "print JSON")
    .addHelpText("after", "\nIt changes nothing. Exit code 1: something is bad; warnings give 0.")
    .action(async (options) =>
      finish(
        await doctorCommand({ config: configOf(options), json: options.json ?? false }, terminal),
      )
    );

  program.command("logs")
    .description("print an agent's log for people")
    .argument("[file]", "what the agent's standard output goes to (default: standard input)")
    .option("--follow", "go on when the file grows, until SIGINT")
    .addOption(
      new Option("--level <level>", "leave out what is quieter").choices(LOG_WORDS).default("info"),
    )
    .addHelpText("after", "\nUnder systemd: journalctl -u metako -o cat -f | metako logs")
    .action(async (file: string | undefined, options) => {
      const follow = options.follow ?? false;
      finish(await logsCommand({ file: file ?? null, follow, level: options.level }, terminal));
    });

  program.command("completion")
    .description("print completions for a shell: source <(metako completion bash)")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: Shell) => {
      terminal.print(completionScript(program, shell));
      finish(EXIT.ok);
    });

  program.command("demo")
    .description("start a cluster of its own on this machine, to try it")
    .option("--nodes <count>", "how many nodes, 3 to 9", wholeNumber(3, 9), 3)
    .option("--dir <folder>", "where; it must be empty, and is kept (default: a temporary folder)")
    .option("--keep", "keep the folder")
    .option("--check", "play a script: crash, return, switchover; verify every row")
    .option(
      "--rows <count>",
      "with --check: rows before and after each event",
      wholeNumber(1, 1e6),
      100,
    )
    .option("--json", "with --check: print the report as JSON")
    .addHelpText(
      "after",
      "\nWithout --check it runs until SIGINT or SIGTERM, then stops everything and removes the" +
        "\nfolder. Exit code 1: a check failed, or something had to be killed; the folder is kept.",
    )
    .action(async (options, demo: Command) => {
      if (options.json && !options.check) demo.error("error: --json needs --check.");
      const code = await demoCommand({
        nodes: options.nodes,
        folder: options.dir ?? null,
        keep: options.keep ?? false,
        check: options.check ?? false,
        rows: options.rows,
        json: options.json ?? false,
      }, context);
      finish(code);
    });
  // Commands inherit this at their making, and they take no word that they do not name. Here a word
  // too many is an unknown command, which deserves a better message than its number.
  return program.allowExcessArguments(true);
}

function addConfigInit(
  config: Command,
  finish: (code: number) => void,
  terminal: Terminal,
): void {
  const collect = (text: string, before: string[]) => [...before, text];
  const port = wholeNumber(1, 65_535);
  config.command("init")
    .description("write a configuration file for each node of a new cluster, with fresh secrets")
    .option("--dir <folder>", "where to write them", ".")
    .option("--cluster <name>", "the cluster's name")
    .option("--node <name=host>", "a member; again for each, the first primary first", collect, [])
    .option("--witness <name=host>", "a member without PostgreSQL", collect, [])
    .option("--database <name>", "the application's database (default: the cluster's name)")
    .option("--data-dir <folder>", "PostgreSQL's data directory", "/var/lib/postgresql/metako")
    .option("--one-host <folder>", "all members on this host, each in a folder of its own in there")
    .option("--database-port <port>", "where PostgreSQL listens", port, 5432)
    .option("--api-port <port>", "where agents listen", port, 8080)
    .option("--router-port <port>", "where clients connect", port, 6432)
    .addHelpText(
      "after",
      "\nOn a terminal it asks for what is missing. Nothing is overwritten (exit code 3). With" +
        "\n--one-host, to try a cluster, the ports are the first member's; the others count up.",
    )
    .action(async (options) =>
      finish(
        await configInitCommand({
          folder: options.dir,
          cluster: options.cluster ?? null,
          nodes: options.node,
          witnesses: options.witness,
          database: options.database ?? null,
          dataDir: options.dataDir,
          oneHost: options.oneHost ?? null,
          databasePort: options.databasePort,
          apiPort: options.apiPort,
          routerPort: options.routerPort,
        }, terminal),
      )
    );
}

function addRouter(
  program: Command,
  configOf: (options: { config?: string }) => string,
  finish: (code: number) => void,
  terminal: Terminal,
): void {
  const router = program.command("router").description("look at clients' sessions, or end one")
    .helpCommand(false);
  router.command("sessions")
    .description("print who is in at the members' routers")
    .option("--config <file>", `configuration file of any member (default: ${DEFAULT_CONFIG})`)
    .option("--node <name>", "ask this node only")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExit code 4: no node answered.")
    .action(async (options) =>
      finish(
        await routerSessionsCommand({
          config: configOf(options),
          json: options.json ?? false,
          node: options.node ?? null,
        }, terminal),
      )
    );
  router.command("kill")
    .description("end a session; its client reads 57P01")
    .argument("<session>", "as metako router sessions names it: node1/17")
    .option("--config <file>", `configuration file of any member (default: ${DEFAULT_CONFIG})`)
    .addHelpText("after", "\nExit code 1: there is no such session, or its node does not answer.")
    .action(async (session: string, options) =>
      finish(await routerKillCommand({ config: configOf(options), session }, terminal))
    );
}

function refuseUnknown(program: Command, word: string): never {
  const known = program.createHelp().visibleCommands(program)
    .map((command) => command.name()).join(", ");
  return program.error(`error: unknown command '${word}'. The commands are ${known}.`);
}
