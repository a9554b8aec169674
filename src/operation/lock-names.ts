import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { stagingRoot } from "../files/files.ts";
import { type CompleteLocation, speaksS3 } from "../request/request.ts";

/**
 * The name of a node's part of a repository, the same for every command that changes it. Names of one bucket differ
 * nowhere: protocols for S3 servers are one, and a path is followed through links. The endpoint is left out, since one
 * server has many; at most, two repositories of one name exclude each other.
 */
export async function repositoryLockName({ protocol, root, bucket, node }: CompleteLocation): Promise<string> {
  const store =
    protocol === "file" ? `file:${await resolved(join(root ?? "/", bucket))}` : `${family(protocol)}:${bucket}`;
  return `esop/repository/${store}/${node.cluster}/${node.datacenter}/${node.node}`;
}

/** The lock file of a name in the directory that commands of one machine share. */
export function cacheLockFile(cacheDir: string, name: string): string {
  return join(cacheDir, "locks", `${createHash("sha256").update(name).digest("hex").slice(0, 32)}.lock`);
}

/**
 * The lock files that processes and containers with these data directories share: next to each, as everything that a
 * restore keeps there, or in it where it is a file system of its own.
 */
export async function dataLockFiles(
  dataDirectories: readonly string[],
  operation: "backup" | "restore",
): Promise<readonly string[]> {
  const files: string[] = [];
  for (const directory of dataDirectories) {
    files.push(join(await stagingRoot(directory), `.esop-${operation}-${basename(directory)}.lock`));
  }
  return files;
}

function family(protocol: CompleteLocation["protocol"]): string {
  return speaksS3(protocol) ? "s3" : protocol;
}

/** The bucket may not be there yet; then its root may. */
async function resolved(path: string): Promise<string> {
  const missing: string[] = [];
  for (let existing = path; ; ) {
    try {
      return join(await realpath(existing), ...missing);
    } catch {
      const parent = join(existing, "..");
      if (parent === existing) return path;
      missing.unshift(existing.slice(existing.lastIndexOf("/") + 1));
      existing = parent;
    }
  }
}
