import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { ByteStream, RewindableSource, Storage } from "../../src/storage/storage.ts";
import { bytesSource, collect, sampleBytes, toArray } from "../harness/sample-bytes.ts";

/** What a driver brings to the suite: an empty bucket of its own for each test. */
export interface StorageFixture extends AsyncDisposable {
  readonly storage: Storage;
  /** The same bucket seen by another process, or as near to one as it gets. */
  readonly other: Storage;
  /** A bucket that does not exist, and may be created. */
  readonly missing: Storage;
  /** Good keys that the store cannot keep to the letter, and that the driver refuses for it. */
  readonly unfitKeys?: readonly string[];
  /** Makes the store's clock move on by a second or more. */
  passTime(): Promise<void>;
}

/** Of a store that keeps buckets, whose dates move on by themselves. */
export function bucketFixture(
  open: (bucket: string) => Promise<Storage>,
  { dateMs, unfitKeys = [] }: { readonly dateMs: number; readonly unfitKeys?: readonly string[] },
): MakeStorage {
  return async () => {
    const bucket = `b-${randomUUID()}`;
    const all = await Promise.all([open(bucket), open(bucket), open(`missing-${randomUUID()}`)]);
    const [storage, other, missing] = all;
    await storage.createBucket();
    return {
      storage,
      other,
      missing,
      unfitKeys,
      // Nobody can set the server's clock.
      passTime: () => delay(dateMs),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(all.map((one) => one.close()));
      },
    };
  };
}

export type MakeStorage = () => Promise<StorageFixture>;

/** Large enough to come in several chunks, and in two of the smallest parts that S3 knows; no multiple of anything. */
export const largeBytes = 5_300_003;

/** A source of these letters. */
export const text = (content: string) => bytesSource(Buffer.from(content));

export async function read(storage: Storage, key: string, range?: { start: number; end: number }): Promise<Buffer> {
  return collect(await storage.get(key, { range }));
}

export async function keysOf(storage: Storage, prefix = ""): Promise<string[]> {
  return (await toArray(storage.list(prefix))).map(({ key }) => key).sort();
}

/** As long as it says, until it fails or comes to hang after some bytes; `reached` resolves at that point. */
export function stoppingSource(sizeBytes: number, stopAfter: number, stop: () => Promise<never>) {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  async function* open(): ByteStream & AsyncGenerator<Uint8Array, void> {
    yield sampleBytes(stopAfter);
    resolve();
    await stop();
  }
  const source: RewindableSource = { sizeBytes, open };
  return { source, reached };
}
