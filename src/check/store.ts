import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { LocationNode } from "../request/request.ts";
import type { RewindableSource, Storage } from "../storage/storage.ts";
import type { Passed } from "./finding.ts";
import { compareClocks } from "./node.ts";

export async function checkBucket(storage: Storage, signal: AbortSignal): Promise<Passed> {
  if (await storage.bucketExists({ signal })) return { says: `${storage.description} is there` };
  throw new AppError("not-found", `there is no ${storage.description}`, {
    hint: "check --storage-location, or let the first backup make it with --create-missing-bucket",
  });
}

const content = Buffer.from("written by esop check, and of no use after it\n");

const source: RewindableSource = {
  sizeBytes: content.length,
  async *open(range) {
    yield range === undefined ? content : content.subarray(range.start, range.end);
  },
};

/** What the store said of the probe, and when: the store's clock and ours. */
export interface Probe {
  readonly modifiedMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

/**
 * Does to one small object all that backups, restores and removals do to theirs. It lies beside the node's data and
 * manifests, under a name that no tool takes for either, and is deleted however this ends. Throws the store's errors,
 * and `storage` if the store does not keep its word.
 */
export async function probeStore(
  storage: Storage,
  node: LocationNode | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Probe> {
  const prefix = node === undefined ? "" : `${node.cluster}/${node.datacenter}/${node.node}/`;
  const key = `${prefix}.esop-check-${randomUUID()}`;
  let deleted = false;
  try {
    const beforeMs = clock.now();
    const { modifiedMs } = await storage.put(key, source, { signal });
    const afterMs = clock.now();
    await requireListed(storage, key, signal);
    await requireContent(storage, key, signal);
    await storage.refresh(key, { signal });
    await remove(storage, key, signal);
    deleted = true;
    return { modifiedMs, beforeMs, afterMs };
  } finally {
    // After an abort as well, so without the signal; the failure to report is the one that came first.
    if (!deleted) await storage.delete([key]).catch(() => undefined);
  }
}

export function describeProbe(storage: Storage): Passed {
  return { says: `${storage.description}: wrote, listed, read, renewed and deleted an object` };
}

export function checkStoreClock({ modifiedMs, beforeMs, afterMs }: Probe): Passed {
  return compareClocks("the store", modifiedMs, { beforeMs, afterMs });
}

async function requireListed(storage: Storage, key: string, signal: AbortSignal): Promise<void> {
  for await (const info of storage.list(key, { signal })) if (info.key === key) return;
  throw brokenWord(storage, "does not list an object that it has just stored");
}

async function requireContent(storage: Storage, key: string, signal: AbortSignal): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await storage.get(key, { signal })) chunks.push(chunk);
  if (!Buffer.concat(chunks).equals(content)) throw brokenWord(storage, "gives back other bytes than it was given");
}

async function remove(storage: Storage, key: string, signal: AbortSignal): Promise<void> {
  const { failed } = await storage.delete([key], { signal });
  const [first] = failed;
  if (first !== undefined) throw first.error;
  if ((await storage.stat(key, { signal })) !== undefined) {
    throw brokenWord(storage, "still has an object that it has just deleted");
  }
}

function brokenWord(storage: Storage, what: string): AppError {
  return new AppError("storage", `${storage.description} ${what}`, { retryable: false });
}
