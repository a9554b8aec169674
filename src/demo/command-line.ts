import { dashed, type Requests, type VerbName, verbs } from "../request/request.ts";

/** Values by long flag without dashes; true for a switch. */
export type Flags = Readonly<Record<string, string | true>>;

/** A request and the command line that asks for it, both made of the same flags. */
export interface RequestWithLine<Request> {
  readonly request: Request;
  /** For a shell: one option a line. */
  readonly line: string;
}

/** `homeDirectory` is where commands keep their records unless they are told otherwise. */
export function requestWithLine<Name extends VerbName>(
  verb: Name,
  flags: Flags,
  homeDirectory: string,
): RequestWithLine<Requests[Name]> {
  const keys = new Map(Object.entries(verbs[verb].options).map(([key, { flag }]) => [flag, key]));
  const source = new Map(
    Object.entries(flags).map(([flag, value]) => [
      keys.get(flag) ?? flag,
      { texts: [value === true ? "true" : value], origin: dashed(flag) },
    ]),
  );
  return { request: verbs[verb].parse([source], { homeDirectory }), line: commandLine(verb, flags) };
}

export function commandLine(verb: VerbName, flags: Flags): string {
  const options = Object.entries(flags).map(([flag, value]) =>
    value === true ? dashed(flag) : `${dashed(flag)} ${value}`,
  );
  return [`./esop ${verb}`, ...options].join(" \\\n    ");
}
