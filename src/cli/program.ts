/** The command line program: from arguments to an exit status. Everything of the outside world comes in through `io`. */
import type { AppContext } from "../app/app.ts";
import { AppError, errorTable, toAppError } from "../errors.ts";
import {
  environmentSource,
  generalOptions,
  mistypedVariables,
  type OutputSettings,
  resolveValues,
} from "../request/request.ts";
import { type CommandLine, parseCommandLine } from "./arguments.ts";
import type { Commands } from "./command.ts";
import { type ConfigDependencies, readConfig } from "./config.ts";
import { commandHelp, generalHelp, type HelpStyle, shortHelp } from "./help.ts";
import { createOutput, type ProgramOutput, type TextSink } from "./output.ts";
import type { Every } from "./progress.ts";

type ProgramContext = Pick<AppContext, "clock" | "environment" | "random" | "randomBytes" | "signal">;

export interface ProgramIo extends ProgramContext, Omit<ConfigDependencies, "warn"> {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly homeDirectory: string;
  readonly version: string;
  readonly every: Every;
  /** Told of what speaks to the operator, whenever it changes. */
  outputChanged?(output: ProgramOutput): void;
}

/** Gives the exit status; never throws. */
export async function run(argv: readonly string[], io: ProgramIo, commands: Commands): Promise<number> {
  const session = new Session(io, earlySettings(argv, io.environment));
  try {
    return await dispatch(argv, io, commands, session);
  } catch (thrown) {
    const error = toAppError(thrown);
    session.output.progress.done();
    session.output.failure(error);
    return errorTable[error.code].exit;
  }
}

/** How to tell a failure that comes before the command line is understood. */
export function earlySettings(argv: readonly string[], environment: ProgramIo["environment"]): OutputSettings {
  const on = (value: string | undefined) => /^(?:true|yes|on|1)$/i.test(value?.trim() ?? "");
  const { ESOP_JSON: json, ESOP_DEBUG: debug, ESOP_LOG_FORMAT: logFormat } = environment;
  const asked = argv.findLast((word) => word.startsWith("--log-format="))?.slice("--log-format=".length);
  const format = asked ?? (argv.includes("--log-format") ? argv[argv.indexOf("--log-format") + 1] : logFormat);
  return {
    json: argv.includes("--json") || on(json),
    debug: argv.includes("--debug") || on(debug),
    quiet: false,
    logFormat: format?.trim().toLowerCase() === "json" ? "json" : "text",
  };
}

/** The output is replaced as soon as the operator's settings are known, so that a failure is told the asked way. */
class Session {
  readonly #io: ProgramIo;
  #output: ProgramOutput;

  constructor(io: ProgramIo, settings: OutputSettings) {
    this.#io = io;
    this.#output = this.use(settings);
  }

  get output(): ProgramOutput {
    return this.#output;
  }

  use(settings: OutputSettings): ProgramOutput {
    this.#output = createOutput(this.#io, settings);
    this.#io.outputChanged?.(this.#output);
    return this.#output;
  }
}

async function dispatch(argv: readonly string[], io: ProgramIo, commands: Commands, session: Session): Promise<number> {
  const line = parseCommandLine(argv, commands);
  switch (line.kind) {
    case "nothing":
      io.stderr.write(shortHelp(commands, io.stderr));
      return errorTable.usage.exit;
    case "help":
      io.stdout.write(help(line.command, commands, io.stdout));
      return 0;
    case "version":
      session.use(resolveValues(generalOptions, [line.source]));
      session.output.result({ type: "version", version: io.version }, `esop ${io.version}`);
      return 0;
    case "command":
      await runCommand(line, io, commands, session);
      session.output.progress.done();
      return 0;
  }
}

function help(name: string | undefined, commands: Commands, style: HelpStyle): string {
  const command = name === undefined ? undefined : commands[name];
  return name === undefined || command === undefined
    ? generalHelp(commands, style)
    : commandHelp(name, command.verb, style);
}

/** Node.js itself heeds this variable for every connection of the process: to the store, to the KMS and to JMX. */
function refuseUnverifiedTls({ NODE_TLS_REJECT_UNAUTHORIZED: value }: ProgramIo["environment"]): void {
  if (value !== "0") return;
  throw new AppError("usage", "NODE_TLS_REJECT_UNAUTHORIZED=0 turns off the verification of all certificates", {
    hint: "unset it, and trust the certificate of the server: --ca-file for a store, --jmx-truststore for a node",
  });
}

async function runCommand(
  { command: name, source }: CommandLine & { readonly kind: "command" },
  io: ProgramIo,
  commands: Commands,
  session: Session,
): Promise<void> {
  const command = commands[name];
  if (command === undefined) throw new AppError("internal", `there is no command '${name}'`);
  refuseUnverifiedTls(io.environment);
  const tables = Object.fromEntries(Object.entries(commands).map(([word, { verb }]) => [word, verb]));
  const asked = [source, environmentSource(command.verb.options, io.environment)];
  const { configFile } = resolveValues({ configFile: generalOptions.configFile }, asked);
  const warnings: string[] = [];
  const { readFile, fileAccess, userId } = io;
  const dependencies = { readFile, fileAccess, userId, warn: (text: string) => void warnings.push(text) };
  const configured = await readConfig(configFile, { verb: name, tables }, dependencies);
  const sources = [...asked, ...configured];
  const output = session.use(resolveValues(generalOptions, sources));
  for (const text of warnings) output.warn(text);
  const known = Object.values(tables).map(({ options }) => options);
  for (const { name: variable, meant } of mistypedVariables(known, io.environment)) {
    output.warn(`unknown environment variable ${variable}, did you mean ${meant}`);
  }
  const perform = command.prepare(sources, { homeDirectory: io.homeDirectory });
  const { clock, environment, random, randomBytes, signal } = io;
  const { log, progress } = output;
  await perform({ clock, environment, random, randomBytes, signal, log, progress, output });
}
