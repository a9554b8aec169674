/** Proves a store step by step: all that backups, restores and removals do, with objects of its own. */
import { createHash } from "node:crypto";
import { forEachConcurrently } from "../concurrency/concurrency.ts";
import { AppError, isAppError, throwIfAborted, toAppError } from "../errors.ts";
import type { ValidateStorageRequest } from "../request/request.ts";
import type { ByteStream } from "../storage/storage.ts";
import { formatBytes } from "../units.ts";
import { areCredentialsRefused, Checks, type ChecksDependencies, type Finding, type Passed } from "./finding.ts";
import { bytesSource, generatedSource, ProbeObjects } from "./probe-objects.ts";
import {
  checkStoreClock,
  type PutTiming,
  putSmall,
  requireGone,
  requireListed,
  type StoreDependencies,
  smallContent,
  withBucket,
} from "./store.ts";

const mebibyte = 1024 * 1024;
/** Just enough for S3 to be sent two parts: what files are cut into has 32 MiB. */
const largeBytes = 33 * mebibyte;
const large = "large";
const small = "small";
const otherContent = Buffer.from("overwritten test object of esop\n");
/** One more than stores list on a page or delete in a call. */
const manyCount = 1001;
/** There are stores that count dates in whole seconds. */
const dateStepMs = 1100;

/**
 * Gives what each step found. Every step that can run does, whatever the others found; nothing is left, and no object
 * but its own is touched. Throws only `cancelled`.
 */
export async function validateStorage(
  request: ValidateStorageRequest,
  dependencies: ChecksDependencies & StoreDependencies,
): Promise<readonly Finding[]> {
  const checks = new Checks(dependencies);
  const { clock, signal } = dependencies;
  const { storageLocation, concurrentConnections } = request;
  await withBucket(dependencies, checks, async (storage) => {
    await using objects = new ProbeObjects(storage, { node: storageLocation.node, clock, signal });
    let timing: PutTiming | undefined;
    const first: Step = {
      name: "small put",
      look: async () => {
        timing = await putSmall(objects);
        return { says: `wrote ${formatBytes(smallContent.length)}` };
      },
    };
    const many = request.thorough ? manySteps(concurrentConnections) : [];
    for (const step of [first, ...steps, ...many, ...lastSteps]) {
      await checks.pass(step.name, () => take(step, objects));
      // Whose credentials themselves are refused is refused everything.
      if (areCredentialsRefused(checks.findings.at(-1))) return;
    }
    const written = timing;
    if (written !== undefined) await checks.pass("store's clock", async () => checkStoreClock(written));
  });
  return checks.findings;
}

interface Step {
  readonly name: string;
  /** Whether what it looks at is as steps before it were to leave it; always when left out. */
  isReady?(objects: ProbeObjects): boolean;
  look(objects: ProbeObjects): Promise<Passed>;
}

/** A step that is not ready is taken all the same, since it may be refused: that is worth knowing, and all else is not. */
async function take({ isReady, look }: Step, objects: ProbeObjects): Promise<Passed> {
  if (isReady === undefined || isReady(objects)) return look(objects);
  try {
    await look(objects);
  } catch (thrown) {
    throwIfAborted(objects.signal);
    const error = toAppError(thrown);
    if (error.permissions.length > 0) throw error;
  }
  return { says: "depends on a failed step", skipped: true };
}

const isWritten = (name: string) => (objects: ProbeObjects) => objects.isWritten(name);

const steps: readonly Step[] = [
  {
    name: "stat",
    isReady: isWritten(small),
    look: async (objects) => {
      const { sizeBytes } = await objects.stat(small);
      if (sizeBytes !== smallContent.length) throw objects.brokenWord("reports another size than was written");
      return { says: "reports size and modification date" };
    },
  },
  {
    name: "list",
    isReady: isWritten(small),
    look: async (objects) => {
      await requireListed(objects);
      return { says: "lists the object immediately" };
    },
  },
  {
    name: "get",
    isReady: isWritten(small),
    look: async (objects) => {
      await objects.requireBytes(small, smallContent);
      return { says: "returns the same content" };
    },
  },
  {
    name: "ranges",
    isReady: isWritten(small),
    look: async (objects) => {
      const end = smallContent.length;
      for (const [from, to] of [
        [0, 10],
        [10, 20],
        [end - 5, end + 100],
        [end + 100, end + 200],
      ] as const) {
        await objects.requireBytes(small, smallContent.subarray(from, to), { start: from, end: to });
      }
      return { says: "returns start, middle and end" };
    },
  },
  {
    name: "overwrite",
    isReady: isWritten(small),
    look: async (objects) => {
      await objects.put(small, bytesSource(otherContent));
      await objects.requireBytes(small, otherContent);
      return { says: "replaces the object" };
    },
  },
  { name: "conditional put", look: putTwice },
  { name: "large put", look: putLarge },
  { name: "large get", isReady: isWritten(large), look: getLarge },
  { name: "refresh", isReady: isWritten(small), look: (objects) => renew(objects, small) },
  { name: "large refresh", isReady: isWritten(large), look: (objects) => renew(objects, large) },
];

const lastSteps: readonly Step[] = [
  { name: "delete", look: deleteAll },
  { name: "absence", isReady: (objects) => objects.left === 0, look: requireAbsence },
];

async function putTwice(objects: ProbeObjects): Promise<Passed> {
  if (!objects.storage.capabilities.putIfAbsent) return { says: "not guaranteed by this store, and not used" };
  const put = () => objects.put("once", bytesSource(smallContent), { ifAbsent: true });
  const results = await Promise.allSettled([put(), put()]);
  const failures = results.filter((result) => result.status === "rejected").map(({ reason }): unknown => reason);
  const other = failures.find((error) => !isAppError(error, "already-exists"));
  if (other !== undefined) throw other;
  if (failures.length !== 1) throw objects.brokenWord("does not accept exactly one of two concurrent conditional puts");
  return { says: "one of two concurrent puts succeeds" };
}

/** Made anew for each use, from the same seed. */
function largeSource({ prefix }: ProbeObjects) {
  return generatedSource(largeBytes, prefix);
}

async function putLarge(objects: ProbeObjects): Promise<Passed> {
  const speed = speedometer(objects);
  await objects.put(large, largeSource(objects));
  return { says: `wrote ${formatBytes(largeBytes)} at ${speed()}` };
}

async function getLarge(objects: ProbeObjects): Promise<Passed> {
  const speed = speedometer(objects);
  const hash = await hashOf(await objects.get(large));
  const says = `read at ${speed()}, checksum is correct`;
  if (hash !== (await hashOf(largeSource(objects).open()))) {
    throw objects.brokenWord("returns other bytes than were written");
  }
  return { says };
}

function speedometer({ clock }: ProbeObjects): () => string {
  const beganMs = clock.monotonic();
  return () => {
    const seconds = Math.max(1, clock.monotonic() - beganMs) / 1000;
    return `${(largeBytes / mebibyte / seconds).toFixed(1)} MiB/s`;
  };
}

async function hashOf(stream: ByteStream): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest("hex");
}

async function renew(objects: ProbeObjects, name: string): Promise<Passed> {
  const { storage, signal } = objects;
  const before = await objects.stat(name);
  await objects.age(name, dateStepMs);
  await storage.refresh(objects.key(name), { signal });
  const after = await objects.stat(name);
  if (after.modifiedMs <= before.modifiedMs)
    throw objects.brokenWord("does not change the modification date of a refreshed object");
  if (after.sizeBytes !== before.sizeBytes) throw objects.brokenWord("changes the size of a refreshed object");
  return { says: "updates the modification date" };
}

function manySteps(concurrency: number): readonly Step[] {
  const names = Array.from({ length: manyCount }, (_, index) => `many-${index}`);
  return [
    {
      name: "many puts",
      look: async (objects) => {
        const put = (name: string) => objects.put(name, bytesSource(smallContent)).then(() => undefined);
        await forEachConcurrently(names, concurrency, put, { signal: objects.signal });
        return { says: `wrote ${manyCount} objects` };
      },
    },
    {
      name: "long list",
      isReady: (objects) => names.every((name) => objects.isWritten(name)),
      look: async (objects) => {
        const listed = await objects.list();
        if (!names.every((name) => listed.has(name))) throw objects.brokenWord("does not list all objects");
        return { says: "lists all objects" };
      },
    },
  ];
}

async function deleteAll(objects: ProbeObjects): Promise<Passed> {
  try {
    return { says: `deleted ${await objects.deleteAll()} objects` };
  } catch (thrown) {
    throwIfAborted(objects.signal);
    const { code, message, hint, permissions } = toAppError(thrown);
    throw new AppError(code, `${message}; objects ${objects.prefix}* remain`, {
      hint: hint === undefined ? "delete the remaining objects" : `${hint}; delete the remaining objects`,
      permissions,
      cause: thrown,
    });
  }
}

async function requireAbsence(objects: ProbeObjects): Promise<Passed> {
  await requireGone(objects, [small, large]);
  const got = await objects.get(small).then(
    () => true,
    (error: unknown) => {
      if (isAppError(error, "not-found")) return false;
      throw error;
    },
  );
  const listed = await objects.list();
  if (got || listed.size > 0) throw objects.brokenWord("still has an object that it has just deleted");
  return { says: "all objects are gone" };
}
