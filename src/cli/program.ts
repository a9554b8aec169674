/** The command line program: from arguments to an exit status. Everything of the outside world comes in through `io`. */
import type { AppContext } from "../app/app.ts";
import { AppError, errorTable, toAppError } from "../errors.ts";
import {
  environmentSource,
  generalOptions,
  mistypedVariables,
  type OutputSettings,
  parseConfigFile,
  resolveValues,
} from "../request/request.ts";
import { type CommandLine, parseCommandLine } from "./arguments.ts";
import type { Commands } from "./command.ts";
import { commandHelp, generalHelp, type HelpStyle, shortHelp } from "./help.ts";
import { createOutput, type ProgramOutput, type TextSink } from "./output.ts";
import type { Every } from "./progress.ts";

export interface ProgramIo extends Pick<AppContext, "clock" | "environment" | "random" | "randomBytes" | "signal"> {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly homeDirectory: string;
  readonly version: string;
  readonly every: Every;
  /** The text of a file; throws AppError. */
  readFile(path: string): Promise<string>;
}

/** Gives the exit status; never throws. */
export async function run(argv: readonly string[], io: ProgramIo, commands: Commands): Promise<number> {
  const session = { output: createOutput(io, earlySettings(argv, io.environment)) };
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
  const { ESOP_JSON: json, ESOP_DEBUG: debug } = environment;
  return { json: argv.includes("--json") || on(json), debug: argv.includes("--debug") || on(debug), quiet: false };
}

/** The output is replaced as soon as the operator's settings are known, so that a failure is told the asked way. */
interface Session {
  output: ProgramOutput;
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
      session.output = createOutput(io, resolveValues(generalOptions, [line.source]));
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

async function runCommand(
  { command: name, source }: CommandLine & { readonly kind: "command" },
  io: ProgramIo,
  commands: Commands,
  session: Session,
): Promise<void> {
  const command = commands[name];
  if (command === undefined) throw new AppError("internal", `there is no command '${name}'`);
  const tables = Object.fromEntries(Object.entries(commands).map(([word, { verb }]) => [word, verb]));
  const asked = [source, environmentSource(command.verb.options, io.environment)];
  const { configFile } = resolveValues({ configFile: generalOptions.configFile }, asked);
  const configured =
    configFile === undefined ? [] : await parseConfigFile(await io.readFile(configFile), configFile, tables, name);
  const sources = [...asked, ...configured];
  session.output = createOutput(io, resolveValues(generalOptions, sources));
  const { output } = session;
  const known = Object.values(tables).map(({ options }) => options);
  for (const { name: variable, meant } of mistypedVariables(known, io.environment)) {
    output.warn(`unknown environment variable ${variable}, did you mean ${meant}`);
  }
  const perform = command.prepare(sources, { homeDirectory: io.homeDirectory });
  const { clock, environment, random, randomBytes, signal } = io;
  const { log, progress } = output;
  await perform({ clock, environment, random, randomBytes, signal, log, progress, output });
}
