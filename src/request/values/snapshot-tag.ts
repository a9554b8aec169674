import { AppError } from "../../errors.ts";
import type { ValueKind } from "../options/option.ts";

/** A tag becomes a directory on the node and part of object names, so it must be good for both. Throws `usage`. */
export function parseSnapshotTag(text: string): string {
  const hint = "use letters, digits, '-', '_' and '.'";
  if (text === "") throw new AppError("usage", "the snapshot tag is empty", { hint });
  if (/[\s\p{Cc}]/u.test(text)) {
    throw new AppError("usage", `the snapshot tag '${text}' holds blanks or control characters`, { hint });
  }
  if (/[/\\]/.test(text)) throw new AppError("usage", `the snapshot tag '${text}' holds a slash`, { hint });
  if (text.startsWith(".")) throw new AppError("usage", `the snapshot tag '${text}' begins with a dot`, { hint });
  return text;
}

/** "autosnap-<unix seconds>". */
export function defaultSnapshotTag(nowMs: number): string {
  return `autosnap-${Math.floor(nowMs / 1000)}`;
}

const refused = String.raw`\s/\\\p{Cc}`;

export const snapshotTagKind: ValueKind<string> = {
  placeholder: "TAG",
  schema: { type: "string", pattern: `^[^.${refused}][^${refused}]*$` },
  parse: parseSnapshotTag,
};
