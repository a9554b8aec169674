/**
 * Lines of standard error. On a terminal they are short; elsewhere each has its time and level, so that a log of many
 * runs can be read; the journal of systemd keeps the time itself and takes the level as a prefix; JSON is for machines.
 */
import { styleText } from "node:util";
import { type AppError, errorTable } from "../errors.ts";
import { formatInstant } from "../units.ts";
import { printable, printableJson, printableLine } from "./printable.ts";

export type LogLevel = "debug" | "info" | "warning" | "error";
export type LogForm = "terminal" | "plain" | "journal" | "json";

export interface LogStyle {
  readonly form: LogForm;
  /** Whether escapes for colours may be written. */
  readonly colors: boolean;
  /** Milliseconds since 1970. */
  now(): number;
}

/** As syslog numbers them; see sd-daemon(3). */
const priorities: Readonly<Record<LogLevel, number>> = { error: 3, warning: 4, info: 6, debug: 7 };
const titles: Readonly<Record<LogLevel, string>> = { error: "", warning: "warning:", info: "", debug: "debug:" };

export class LogLines {
  readonly #style: LogStyle;

  constructor(style: LogStyle) {
    this.#style = style;
  }

  /** One message, without a line end. */
  message(level: LogLevel, text: string): string {
    const line = printableLine(text);
    switch (this.#style.form) {
      case "json":
        return this.#json(level, { message: text });
      case "plain":
        return `${formatInstant(this.#style.now())} ${level}: ${line}`;
      case "journal":
        return prioritized(level, [titles[level], line].filter((part) => part !== "").join(" "));
      case "terminal":
        if (level === "debug") return this.#paint("dim", `debug: ${line}`);
        return level === "warning" ? `${this.#paint("yellow", "warning:")} ${line}` : line;
    }
  }

  /** How the command failed, and what to do about it. */
  failure(error: AppError): string {
    const { code, message, hint } = error;
    if (this.#style.form === "json") return this.#json("error", { message, code, exit: errorTable[code].exit, hint });
    const sentence = `${this.#paint("red", "esop:")} ${printableLine(message)}`;
    const lines = hint === undefined ? [sentence] : [sentence, `${this.#paint("dim", "hint:")} ${printableLine(hint)}`];
    return this.#style.form === "journal" ? prioritized("error", lines.join("\n")) : lines.join("\n");
  }

  /** The stacks of an error, of several lines. */
  stacks(text: string): string {
    switch (this.#style.form) {
      case "json":
        return this.#json("debug", { message: text });
      case "journal":
        return prioritized("debug", printable(text));
      default:
        return this.#paint("dim", printable(text));
    }
  }

  #json(level: LogLevel, fields: Readonly<Record<string, unknown>>): string {
    return printableJson({ time: new Date(this.#style.now()).toISOString(), level, ...fields });
  }

  #paint(style: "red" | "yellow" | "dim", text: string): string {
    const { form, colors } = this.#style;
    return form === "terminal" && colors ? styleText(style, text, { validateStream: false }) : text;
  }
}

function prioritized(level: LogLevel, text: string): string {
  return text.replace(/^/gm, `<${priorities[level]}>`);
}
