import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import type { Checks, Passed } from "./finding.ts";
import { compareClocks } from "./node.ts";
import { bytesSource, ProbeObjects, type ProbeOptions } from "./probe-objects.ts";

export interface StoreDependencies {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  openStorage(): Promise<Storage>;
}

/** Opens the store, and does the work with it unless the bucket is missing or cannot be reached at all. */
export async function withBucket(
  { openStorage, signal }: StoreDependencies,
  checks: Checks,
  work: (storage: Storage) => Promise<void>,
): Promise<void> {
  let storage: Storage | undefined;
  await checks.pass("bucket", async () => {
    storage = await openStorage();
    return checkBucket(storage, signal);
  });
  // Who may not look for the bucket may still be allowed all the rest.
  const { verdict, permissions } = checks.findings.at(-1) ?? {};
  if (storage !== undefined && (verdict !== "fail" || permissions !== undefined)) await work(storage);
}

async function checkBucket(storage: Storage, signal: AbortSignal): Promise<Passed> {
  if (await storage.bucketExists({ signal })) return { says: `${storage.description} exists` };
  throw new AppError("not-found", `there is no ${storage.description}`, {
    hint: "check --storage-location, or create the bucket with backup --create-missing-bucket",
  });
}

export const smallContent = Buffer.from("test object of esop check or validate-storage; can be deleted\n");

/** What the store said of a put, and when: the store's clock and ours. */
export interface PutTiming {
  readonly modifiedMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

export async function putSmall(objects: ProbeObjects): Promise<PutTiming> {
  const beforeMs = objects.clock.now();
  const { modifiedMs } = await objects.put("small", bytesSource(smallContent));
  return { modifiedMs, beforeMs, afterMs: objects.clock.now() };
}

export async function requireListed(objects: ProbeObjects): Promise<void> {
  if ((await objects.list()).has("small")) return;
  throw objects.brokenWord("does not list an object that was just written");
}

/** Throws if any of these is still there for one of the ways to ask. */
export async function requireGone(objects: ProbeObjects, names: readonly string[]): Promise<void> {
  const { storage, signal } = objects;
  for (const name of names) {
    if ((await storage.stat(objects.key(name), { signal })) === undefined) continue;
    throw objects.brokenWord("still has an object that was just deleted");
  }
}

/**
 * Does to one small object all that backups, restores and removals do to theirs; it is deleted however this ends.
 * Throws the store's errors, and `storage` if the store does not keep its word.
 */
export async function probeStore(storage: Storage, options: ProbeOptions): Promise<PutTiming> {
  await using objects = new ProbeObjects(storage, options);
  const timing = await putSmall(objects);
  await requireListed(objects);
  await objects.requireBytes("small", smallContent);
  await storage.refresh(objects.key("small"), { signal: options.signal });
  await objects.deleteAll();
  await requireGone(objects, ["small"]);
  return timing;
}

export const probePassed: Passed = { says: "wrote, listed, read, refreshed and deleted an object" };

export function checkStoreClock({ modifiedMs, beforeMs, afterMs }: PutTiming): Passed {
  return compareClocks("the store", modifiedMs, { beforeMs, afterMs });
}
