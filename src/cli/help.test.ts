import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { errorTable } from "../errors.ts";
import { dashed } from "../request/request.ts";
import { parseCommandLine } from "./arguments.ts";
import type { ProgramCommand } from "./command.ts";
import { commands } from "./commands.ts";
import { commandHelp, generalHelp, shortHelp } from "./help.ts";

const names = Object.keys(commands);

function commandOf(name: string): ProgramCommand {
  const command = commands[name];
  if (command === undefined) throw new Error(`there is no command ${name}`);
  return command;
}

const helpOf = (name: string, colors = false) => commandHelp(name, commandOf(name).verb, colors);

/** Commands as a shell would read them: continued lines joined. */
function exampleLines(help: string): readonly string[] {
  const lines = help.replaceAll(/ \\\n +/g, " ").split("\n");
  return lines.filter((line) => line.startsWith("  esop ")).map((line) => line.trim());
}

describe("help", () => {
  it.each([shortHelp(commands), generalHelp(commands, false), ...names.map((name) => helpOf(name))])(
    "fits the width and ends with one line break",
    (help) => {
      for (const line of help.split("\n")) {
        expect(line.length).toBeLessThanOrEqual(96);
        expect(line).toBe(line.trimEnd());
      }
      expect(help).toMatch(/[^\n]\n$/);
    },
  );

  it.each(names)("of %s names every option, spelling and variable", (name) => {
    const words = new Set(helpOf(name).split(/[\s,;()]+/));
    for (const option of Object.values(commandOf(name).verb.options)) {
      const spellings = [option.flag, ...option.aliases].map(dashed);
      for (const spelling of option.commandLine ? spellings : option.env) expect(words).toContain(spelling);
      for (const variable of option.env.slice(1)) expect(words).toContain(variable);
    }
  });

  it.each(names)("of %s shows examples that parse", (name) => {
    const examples = exampleLines(helpOf(name));
    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const example of examples) {
      const line = parseCommandLine(example.split(" ").slice(1), commands);
      if (line.kind !== "command") throw new Error(`'${example}' is read as ${line.kind}`);
      expect(() => commandOf(line.command).prepare([line.source], { homeDirectory: "/" })).not.toThrow();
    }
  });

  it("of backup and restore says what is not supported yet, and what has no effect", () => {
    const help = (name: "backup" | "restore") => helpOf(name).replaceAll(/\s+/g, " ");
    for (const name of ["backup", "restore"] as const) {
      expect(help(name)).toMatch(/--global-request [^-]+ \(not supported yet; also --globalRequest\)/);
      expect(help(name)).toMatch(/--datacenter NAMES [^(]+ \(not supported yet\)/);
    }
    expect(help("restore")).toMatch(/--single-phase [^(]+ \(not supported yet\)/);
    expect(help("backup")).toMatch(
      /--metadata-directive COPY\|REPLACE accepted for compatibility, without effect: a refresh always keeps/,
    );
  });

  it("of all lists every command and exit status", () => {
    const help = generalHelp(commands, false);
    for (const name of [...names, "help", "version"]) expect(help).toMatch(new RegExp(`^ {2}${name} `, "m"));
    for (const { exit, meaning } of Object.values(errorTable)) {
      expect(help).toMatch(new RegExp(`^ +${exit}  ${meaning}$`, "m"));
    }
  });

  it("is the same with colours but for the colours", () => {
    expect(generalHelp(commands, true)).not.toBe(generalHelp(commands, false));
    expect(stripVTControlCharacters(generalHelp(commands, true))).toBe(generalHelp(commands, false));
    expect(stripVTControlCharacters(helpOf("list", true))).toBe(helpOf("list"));
  });
});
