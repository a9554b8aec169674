/** The command line program: from arguments to an exit status. Everything of the outside world comes in through `io`. */
import type { Clock } from "../clock.ts";
import { AppError, errorTable, toAppError } from "../errors.ts";
import {
  environmentSource,
  generalOptions,
  mistypedVariables,
  type OutputSettings,
  parseConfigFile,
  resolveValues,
  type Source,
  type VerbName,
  verbs,
} from "../request/request.ts";
import { parseCommandLine } from "./arguments.ts";
import type { Registry } from "./command.ts";
import { generalHelp, shortHelp, verbHelp } from "./help.ts";
import { createOutput, type ProgramOutput, type TextSink } from "./output.ts";
import type { Every } from "./progress.ts";

export interface ProgramIo {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly version: string;
  readonly clock: Clock;
  readonly every: Every;
  readonly signal: AbortSignal;
  /** The text of a file; throws AppError. */
  readFile(path: string): Promise<string>;
}

/** Gives the exit status; never throws. */
export async function run(argv: readonly string[], io: ProgramIo, registry: Registry): Promise<number> {
  const session = { output: createOutput(io, earlySettings(argv, io.environment)) };
  try {
    return await dispatch(argv, io, registry, session);
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

async function dispatch(argv: readonly string[], io: ProgramIo, registry: Registry, session: Session): Promise<number> {
  const line = parseCommandLine(argv);
  switch (line.kind) {
    case "nothing":
      io.stderr.write(shortHelp());
      return errorTable.usage.exit;
    case "help":
      io.stdout.write(line.verb === undefined ? generalHelp(io.stdout.colors) : verbHelp(line.verb, io.stdout.colors));
      return 0;
    case "version":
      session.output = createOutput(io, resolveValues(generalOptions, [line.source]));
      session.output.result({ type: "version", version: io.version }, `esop ${io.version}`);
      return 0;
    case "verb":
      await runVerb(line.verb, line.source, io, registry, session);
      session.output.progress.done();
      return 0;
  }
}

async function runVerb<Name extends VerbName>(
  name: Name,
  flags: Source,
  io: ProgramIo,
  registry: Registry,
  session: Session,
): Promise<void> {
  const verb = verbs[name];
  const asked = [flags, environmentSource(verb.options, io.environment)];
  const sources = [...asked, ...(await configSources(name, asked, io))];
  const settings: OutputSettings = resolveValues(generalOptions, sources);
  session.output = createOutput(io, settings);
  for (const { name: variable, meant } of mistypedVariables(allTables, io.environment)) {
    session.output.warn(`the environment variable ${variable} is not known, did you mean ${meant}`);
  }
  const request = verb.parse(sources, { homeDirectory: io.homeDirectory });
  const load = registry[name];
  if (load === undefined) throw new AppError("unsupported", `this build of esop has no command '${name}'`);
  const command = await load();
  const { environment, homeDirectory, version, clock, signal } = io;
  const { output } = session;
  await command.run(request, { clock, log: output.log, output, signal, environment, homeDirectory, version });
}

const allTables = Object.values(verbs).map(({ options }) => options);

async function configSources(name: VerbName, asked: readonly Source[], io: ProgramIo): Promise<readonly Source[]> {
  const { configFile } = resolveValues({ configFile: generalOptions.configFile }, asked);
  return configFile === undefined ? [] : parseConfigFile(await io.readFile(configFile), configFile, verbs, name);
}
