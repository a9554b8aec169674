/**
 * What the operator reads: results on standard output, everything else on standard error. With `--json` standard
 * output carries JSON lines only, the failure included. Progress is a bar on a terminal and a line now and then
 * elsewhere; a bar never mixes with other lines.
 */
import { styleText } from "node:util";
import type { Clock } from "../clock.ts";
import { type AppError, errorTable } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type Progress, silentProgress } from "../progress.ts";
import type { OutputSettings } from "../request/request.ts";
import { type Every, showProgress } from "./progress.ts";

/** A stream of text. */
export interface TextSink {
  readonly isTerminal: boolean;
  /** Whether escapes for colours may be written. */
  readonly colors: boolean;
  /** Width of the terminal, now. */
  readonly columns: number;
  write(text: string): void;
}

/** One line of `--json`; `type` says what it is. */
export interface JsonLine {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Output {
  readonly settings: OutputSettings;
  /** Width of the terminal that reads the results, now; undefined where none does. */
  readonly columns: number | undefined;
  /** A result: the object with `--json`, else the text (nothing when the text is undefined). */
  result(line: JsonLine, text: string | (() => string | undefined) | undefined): void;
  /** Something worth knowing; not with --quiet. */
  note(text: string): void;
  /** Something that needs attention but does not stop the work. */
  warn(text: string): void;
  readonly progress: Progress;
}

export interface ProgramOutput extends Output {
  readonly log: Logger;
  failure(error: AppError): void;
}

export interface OutputParts {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly clock: Pick<Clock, "monotonic">;
  readonly every: Every;
}

/** Standard error, with at most one line at its end that is replaced. */
class Screen {
  readonly #stderr: TextSink;
  #live: string | undefined;

  constructor(stderr: TextSink) {
    this.#stderr = stderr;
  }

  get columns(): number {
    return this.#stderr.columns;
  }

  replace(line: string | undefined): void {
    if (line === this.#live) return;
    this.#clear();
    this.#live = line;
    this.#draw();
  }

  append(line: string): void {
    this.around(() => this.#stderr.write(`${line}\n`));
  }

  /** Takes the live line away while `write` writes. */
  around(write: () => void): void {
    this.#clear();
    write();
    this.#draw();
  }

  #clear(): void {
    if (this.#live !== undefined) this.#stderr.write("\r\u001b[K");
  }

  #draw(): void {
    if (this.#live !== undefined) this.#stderr.write(this.#live);
  }
}

export function createOutput(parts: OutputParts, settings: OutputSettings): ProgramOutput {
  const { stdout, stderr } = parts;
  const screen = new Screen(stderr);
  const paint = (style: "red" | "yellow" | "dim", text: string) =>
    stderr.colors ? styleText(style, text, { validateStream: false }) : text;
  const print = (text: string) => screen.around(() => stdout.write(text.endsWith("\n") ? text : `${text}\n`));
  const note = (text: string) => {
    if (!settings.quiet) screen.append(text);
  };
  const warn = (text: string) => screen.append(`${paint("yellow", "warning:")} ${text}`);
  const debug = (text: string) => {
    if (settings.debug) screen.append(paint("dim", `debug: ${text}`));
  };
  return {
    settings,
    get columns() {
      return stdout.isTerminal ? stdout.columns : undefined;
    },
    result: (line, text) => {
      if (settings.json) {
        print(JSON.stringify(line));
        return;
      }
      const worded = typeof text === "function" ? text() : text;
      if (worded !== undefined) print(worded);
    },
    note,
    warn,
    log: { debug, info: note, warn },
    progress: settings.quiet
      ? silentProgress
      : showProgress(screen, stderr.isTerminal ? "bar" : "lines", parts.clock, parts.every),
    failure: (error) => {
      if (settings.json) print(JSON.stringify(failureLine(error)));
      else screen.append(describeFailure(error, paint));
      if (settings.debug) screen.append(paint("dim", describeOrigin(error)));
    },
  };
}

function failureLine(error: AppError): JsonLine {
  return {
    type: "error",
    code: error.code,
    exit: errorTable[error.code].exit,
    message: error.message,
    hint: error.hint,
  };
}

function describeFailure(error: AppError, paint: (style: "red" | "dim", text: string) => string): string {
  const sentence = `${paint("red", "esop:")} ${error.message}`;
  return error.hint === undefined ? sentence : `${sentence}\n${paint("dim", "hint:")} ${error.hint}`;
}

/** Stacks of the error and of what caused it, innermost last. */
function describeOrigin(error: AppError): string {
  const stacks: string[] = [];
  let at: unknown = error;
  while (at !== undefined && stacks.length < 10) {
    stacks.push(at instanceof Error ? (at.stack ?? `${at.name}: ${at.message}`) : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return stacks.join("\ncaused by: ");
}
