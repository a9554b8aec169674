/** The command line: arguments to requests, reports to text. */
export { createOutput, type TextSink } from "./output.ts";
export { earlySettings, type ProgramIo, run } from "./program.ts";
export { registry } from "./registry.ts";
