/** The command line: parses, calls app/, renders. */
export { type Command, type Commands, programCommand } from "./command.ts";
export { commands } from "./commands.ts";
export { createOutput, type ProgramOutput, type TextSink } from "./output.ts";
export { earlySettings, type ProgramIo, run } from "./program.ts";
