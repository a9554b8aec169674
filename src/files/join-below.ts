import { join, sep } from "node:path";
import { AppError } from "../errors.ts";

/** File systems take no longer name of one file. */
const maxNameBytes = 255;

/**
 * The path of a file or directory below a root, from names of foreign origin: a bucket, a manifest, a node. Each may be
 * a relative path with slashes. Throws `corrupt` for every name that leaves the root, is the root itself, or cannot be a
 * file's: nothing is normalized away. Links on disk are not followed; whoever writes there checks them.
 */
export function joinBelow(root: string, ...names: readonly string[]): string {
  const segments = names.flatMap((name) => name.split("/"));
  if (segments.length === 0 || !segments.every(isFileName)) {
    throw new AppError("corrupt", `${JSON.stringify(names.join("/"))} is not the name of a file below ${root}`, {
      hint: "the name comes from the repository or the node; find out what wrote it",
    });
  }
  return join(root, ...segments);
}

/** Whether the text names one file or directory, in every directory. */
export function isFileName(text: string): boolean {
  if (text === "" || text === "." || text === ".." || /\p{Cc}/u.test(text) || !text.isWellFormed()) return false;
  if (text.includes("/") || (sep !== "/" && /[\\:]/.test(text))) return false;
  return Buffer.byteLength(text) <= maxNameBytes;
}
