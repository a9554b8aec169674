import { type Requests, type VerbName, verbs } from "../../src/request/request.ts";

/** The request that these flags ask for, by canonical flag without dashes; toggles are "true". */
export function requestOf<Name extends VerbName>(
  verb: Name,
  given: Readonly<Record<string, string | readonly string[]>>,
): Requests[Name] {
  const keys = new Map(Object.entries(verbs[verb].options).map(([key, { flag }]) => [flag, key]));
  const source = Object.entries(given).map(([flag, value]) => {
    const key = keys.get(flag);
    if (key === undefined) throw new Error(`no flag ${flag} in ${verb}`);
    return [key, { texts: typeof value === "string" ? [value] : value, origin: `--${flag}` }] as const;
  });
  // Nothing can be made there: a test that needs a cache directory gives one.
  return verbs[verb].parse([new Map(source)], { homeDirectory: "/dev/null" });
}
