import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { LocalFile } from "../cassandra/cassandra.ts";
import { replaceFile } from "../files/files.ts";
import type { Logger } from "../log.ts";

/**
 * What this machine remembers of files it has hashed: the SHA-256 of a file that has the same device, inode, size and
 * modification time as before. The change time is of no use: each snapshot's hard link renews it. Losing the record
 * costs time, never correctness; so reading and writing it never fail a backup.
 */
export class HashRecord {
  readonly #path: string;
  readonly #log: Logger;
  readonly #known: ReadonlyMap<string, string>;
  readonly #used = new Map<string, string>();

  private constructor(path: string, known: ReadonlyMap<string, string>, log: Logger) {
    this.#path = path;
    this.#known = known;
    this.#log = log;
  }

  static async load(path: string, log: Logger): Promise<HashRecord> {
    const known = new Map<string, string>();
    try {
      const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
      for (const [identity, hash] of Object.entries(parsed ?? {})) {
        if (typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)) known.set(identity, hash);
      }
    } catch (error) {
      log.debug(`no record of earlier hashes: ${error instanceof Error ? error.message : String(error)}`);
    }
    return new HashRecord(path, known, log);
  }

  get(file: LocalFile): string | undefined {
    const hash = this.#known.get(identityOf(file));
    if (hash !== undefined) this.#used.set(identityOf(file), hash);
    return hash;
  }

  set(file: LocalFile, sha256: string): void {
    this.#used.set(identityOf(file), sha256);
  }

  /** Keeps what this run used and learned, and forgets the rest. */
  async save(): Promise<void> {
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await replaceFile(this.#path, JSON.stringify(Object.fromEntries(this.#used)));
    } catch (error) {
      this.#log.warn(`cannot keep the record of hashes: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function identityOf({ device, inode, sizeBytes, modifiedNs }: LocalFile): string {
  return `${device}:${inode}:${sizeBytes}:${modifiedNs}`;
}
