/**
 * What the operator reads: results on standard output, everything else on standard error. With `--json` standard
 * output carries JSON lines only, the failure included. Progress is a bar on a terminal and a line now and then
 * elsewhere; a bar never mixes with other lines.
 */
import type { Clock } from "../clock.ts";
import { type AppError, errorTable } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type Progress, silentProgress } from "../progress.ts";
import type { OutputSettings } from "../request/request.ts";
import { type LogForm, type LogLevel, LogLines } from "./log-lines.ts";
import { printable, printableJson, printableLine } from "./printable.ts";
import { type Every, showProgress } from "./progress.ts";

/** A stream of text. */
export interface TextSink {
  readonly isTerminal: boolean;
  /** Whether it is the journal of systemd. */
  readonly isJournal?: boolean;
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
  /**
   * A result: the object with `--json`, else the text (nothing when the text is undefined). Control characters in it are
   * escaped; an `exact` text is content of its own, and is written as it is where no terminal reads it.
   */
  result(line: JsonLine, text: string | (() => string | undefined) | undefined, form?: "exact"): void;
  /** Something worth knowing; not with --quiet. */
  note(text: string): void;
  /** Something that needs attention but does not stop the work. */
  warn(text: string): void;
  readonly progress: Progress;
}

export interface ProgramOutput extends Output {
  readonly log: Logger;
  failure(error: AppError): void;
  /** A signal has come, and the command is about to end. */
  interrupted(text: string): void;
}

export interface OutputParts {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly clock: Pick<Clock, "monotonic" | "now">;
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
    this.#clear();
    this.#live = line === undefined ? undefined : printableLine(line);
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
  const { stdout, stderr, clock } = parts;
  const screen = new Screen(stderr);
  const form = logForm(stderr, settings);
  const lines = new LogLines({ form, colors: stderr.colors, now: clock.now });
  const print = (text: string) => screen.around(() => stdout.write(text.endsWith("\n") ? text : `${text}\n`));
  const say = (level: LogLevel, text: string) => screen.append(lines.message(level, text));
  const info = (text: string) => {
    if (!settings.quiet) say("info", text);
  };
  const warn = (text: string) => say("warning", text);
  const debug = (text: string) => {
    if (settings.debug) say("debug", text);
  };
  const progressScreen = {
    get columns() {
      return screen.columns;
    },
    replace: (line: string | undefined) => screen.replace(line),
    append: info,
  };
  return {
    settings,
    get columns() {
      return stdout.isTerminal ? stdout.columns : undefined;
    },
    result: (line, text, kind) => {
      if (settings.json) {
        print(printableJson(line));
        return;
      }
      const worded = typeof text === "function" ? text() : text;
      if (worded !== undefined) print(kind === "exact" && !stdout.isTerminal ? worded : printable(worded));
    },
    note: info,
    warn,
    log: { debug, info, warn },
    progress: settings.quiet
      ? silentProgress
      : showProgress(progressScreen, form === "terminal" ? "bar" : "lines", clock, parts.every),
    failure: (error) => {
      if (settings.json) print(printableJson(failureLine(error)));
      if (!settings.json || form === "json") screen.append(lines.failure(error));
      if (settings.debug) screen.append(lines.stacks(describeOrigin(error)));
    },
    interrupted: (text) => {
      if (form === "terminal" || form === "plain") stderr.write(`\nesop: ${text}\n`);
      else warn(text);
    },
  };
}

function logForm(stderr: TextSink, { logFormat }: OutputSettings): LogForm {
  if (logFormat === "json") return "json";
  if (stderr.isTerminal) return "terminal";
  return stderr.isJournal === true ? "journal" : "plain";
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
