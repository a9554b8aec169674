/** Objects that are written into a store to look what it does with them, and are of no use after it. */
import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { withDeadline } from "../concurrency/concurrency.ts";
import { AppError } from "../errors.ts";
import type { LocationNode } from "../request/request.ts";
import type { ByteStream, ObjectInfo, PutOptions, RewindableSource, Storage } from "../storage/storage.ts";

export interface ProbeOptions {
  /** Whose part of the bucket to write in; the bucket's root when left out. */
  readonly node: LocationNode | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const cleanUpMs = 30_000;

/**
 * They lie beside the node's data and manifests, or at the bucket's root, under names of their own that no tool takes
 * for either. Calls are made with the signal; the cleaning up behind an abort is not.
 */
export class ProbeObjects implements AsyncDisposable {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Every key begins with it, and no other in the bucket. */
  readonly prefix: string;
  readonly #writtenMs = new Map<string, number>();
  /** Even a put that failed may have left its object. */
  readonly #left = new Set<string>();

  constructor(storage: Storage, { node, clock, signal }: ProbeOptions) {
    this.storage = storage;
    this.clock = clock;
    this.signal = signal;
    const folder = node === undefined ? "" : `${node.cluster}/${node.datacenter}/${node.node}/`;
    this.prefix = `${folder}.esop-check-${randomUUID()}`;
  }

  key(name: string): string {
    return `${this.prefix}-${name}`;
  }

  async put(name: string, source: RewindableSource, options?: PutOptions): Promise<ObjectInfo> {
    const { storage, clock, signal } = this;
    this.#left.add(name);
    const info = await storage.put(this.key(name), source, { ...options, signal });
    this.#writtenMs.set(name, clock.monotonic());
    return info;
  }

  /** How many may be there that have not been deleted. */
  get left(): number {
    return this.#left.size;
  }

  isWritten(name: string): boolean {
    return this.#writtenMs.has(name);
  }

  /** Waits until the object was written so long ago. */
  async age(name: string, ms: number): Promise<void> {
    const { clock, signal } = this;
    const waitMs = (this.#writtenMs.get(name) ?? 0) + ms - clock.monotonic();
    if (waitMs > 0) await clock.sleep(waitMs, signal);
  }

  async stat(name: string): Promise<ObjectInfo> {
    const info = await this.storage.stat(this.key(name), { signal: this.signal });
    if (info === undefined) throw this.brokenWord("does not find an object that was just written");
    return info;
  }

  /** The names of those that the store lists. */
  async list(): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    for await (const { key } of this.storage.list(this.prefix, { signal: this.signal })) {
      names.add(key.slice(this.prefix.length + 1));
    }
    return names;
  }

  async get(name: string, range?: { readonly start: number; readonly end: number }): Promise<ByteStream> {
    const { storage, signal } = this;
    return storage.get(this.key(name), range === undefined ? { signal } : { signal, range });
  }

  /** Throws unless the object, or a part of it, is these bytes, which are few. */
  async requireBytes(name: string, expected: Uint8Array, range?: { start: number; end: number }): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await this.get(name, range)) chunks.push(chunk);
    if (!Buffer.concat(chunks).equals(expected)) throw this.brokenWord("returns other bytes than were written");
  }

  /** Deletes all in one call, and gives their number. */
  async deleteAll(signal = this.signal): Promise<number> {
    const names = [...this.#left];
    if (names.length === 0) return 0;
    const { failed } = await this.storage.delete(
      names.map((name) => this.key(name)),
      { signal },
    );
    const [first] = failed;
    if (first !== undefined) throw first.error;
    this.#left.clear();
    return names.length;
  }

  brokenWord(what: string): AppError {
    return new AppError("storage", `${this.storage.description} ${what}`, { retryable: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using signal = withDeadline(cleanUpMs, undefined, "the clean-up", this.clock);
    // The failure to report is the one that came first.
    await this.deleteAll(signal).catch(() => undefined);
  }
}

export function bytesSource(bytes: Uint8Array): RewindableSource {
  return {
    sizeBytes: bytes.length,
    async *open(range) {
      yield Buffer.from(bytes.subarray(range?.start, range?.end));
    },
  };
}

const blockBytes = 64 * 1024;

/** Bytes that no store can make much smaller, made while they are read; the same each time for the same seed. */
export function generatedSource(sizeBytes: number, seed: string): RewindableSource {
  return {
    sizeBytes,
    async *open({ start, end } = { start: 0, end: sizeBytes }) {
      const pattern = createHash("shake256", { outputLength: blockBytes }).update(seed).digest();
      for (let at = Math.floor(start / blockBytes) * blockBytes; at < end; at += blockBytes) {
        const block = Buffer.from(pattern);
        // Each block is another, so that blocks which change places are noticed.
        block.writeUInt32LE(at / blockBytes);
        yield block.subarray(Math.max(0, start - at), Math.min(end, sizeBytes) - at);
      }
    },
  };
}
