import { isAppError, throwIfAborted } from "../../errors.ts";
import { Attempts, type RetryOptions } from "../../retry/retry.ts";
import type {
  ByteStream,
  CallOptions,
  DeleteResult,
  ObjectInfo,
  PutOptions,
  RewindableSource,
  Storage,
} from "../contract.ts";
import { objectStream } from "../object-stream.ts";

/** Conditional puts are of small things, such as locks; only up to here is read back what became of one. */
const maxReadBackBytes = 64 * 1024;

/**
 * Makes calls that failed with a retryable error again, each after a random delay as the policy has it.
 * A put reads its source again; a read that breaks midway resumes where it stopped, with a new number of attempts,
 * since it got somewhere (whoever reads what may be replaced meanwhile compares a hash); a listing that breaks starts
 * again and leaves out what it has given. Where a put if absent failed without telling whether it took effect, and
 * the next try finds the key taken, the bytes there decide whose it is.
 */
export function withRetries(storage: Storage, options: RetryOptions): Storage {
  const attempts = (what: string, signal: AbortSignal | undefined) => new Attempts(what, signal, options);
  const retried = <T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>) =>
    attempts(what, signal).run(work);
  return {
    description: storage.description,
    capabilities: storage.capabilities,
    bucketExists: (o) => retried("look for the bucket", o?.signal, () => storage.bucketExists(o)),
    createBucket: (o) => retried("create the bucket", o?.signal, () => storage.createBucket(o)),
    stat: (key, o) => retried(`stat ${key}`, o?.signal, () => storage.stat(key, o)),
    list: (prefix, o) => listAgain(storage, prefix, o, attempts(`list ${prefix}*`, o?.signal)),
    children: (prefix, o) => retried(`list ${prefix}`, o?.signal, () => storage.children(prefix, o)),
    get: async (key, o) => {
      const tries = attempts(`get ${key}`, o?.signal);
      const first = await tries.run(() => storage.get(key, o));
      const start = o?.range?.start ?? 0;
      const end = o?.range?.end ?? Number.MAX_SAFE_INTEGER;
      const reopen = (done: number) => storage.get(key, { ...o, range: { start: start + done, end } });
      return objectStream(resumed(first, tries, reopen), first.metadata);
    },
    put: (key, source, o) =>
      o?.ifAbsent === true
        ? putIfAbsentAgain(storage, key, source, o, attempts(`put ${key}`, o.signal))
        : retried(`put ${key}`, o?.signal, () => storage.put(key, source, o)),
    refresh: (key, o) => retried(`refresh ${key}`, o?.signal, () => storage.refresh(key, o)),
    delete: (keys, o) => deleteAgain(storage, keys, o, attempts("delete", o?.signal)),
    close: () => storage.close(),
  };
}

async function* resumed(
  first: ByteStream,
  tries: Attempts,
  reopen: (done: number) => Promise<ByteStream>,
): AsyncGenerator<Uint8Array, void> {
  let stream = first;
  for (let done = 0; ; stream = await tries.goOn(() => reopen(done))) {
    try {
      for await (const chunk of stream) {
        done += chunk.length;
        tries.reset();
        yield chunk;
      }
      return;
    } catch (error) {
      await tries.afterFailure(error);
    }
  }
}

async function* listAgain(
  storage: Storage,
  prefix: string,
  options: CallOptions | undefined,
  tries: Attempts,
): AsyncGenerator<ObjectInfo, void> {
  const given = new Set<string>();
  for (;;) {
    try {
      for await (const info of storage.list(prefix, options)) {
        if (given.has(info.key)) continue;
        given.add(info.key);
        yield info;
      }
      return;
    } catch (error) {
      await tries.afterFailure(error);
    }
  }
}

async function putIfAbsentAgain(
  storage: Storage,
  key: string,
  source: RewindableSource,
  options: PutOptions,
  tries: Attempts,
): Promise<ObjectInfo> {
  let inDoubt = false;
  return tries.run(async () => {
    try {
      return await storage.put(key, source, options);
    } catch (error) {
      if (inDoubt && isAppError(error, "already-exists")) {
        const ours = await findOurs(storage, key, source, options);
        if (ours !== undefined) return ours;
      }
      inDoubt = true;
      throw error;
    }
  });
}

/** The object of the key, if it holds exactly the source's bytes. */
async function findOurs(
  storage: Storage,
  key: string,
  source: RewindableSource,
  options: CallOptions,
): Promise<ObjectInfo | undefined> {
  const info = await storage.stat(key, options);
  if (info?.sizeBytes !== source.sizeBytes || source.sizeBytes > maxReadBackBytes) return undefined;
  const [there, ours] = [await collect(await storage.get(key, options)), await collect(source.open())];
  return there.equals(ours) ? info : undefined;
}

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function deleteAgain(
  storage: Storage,
  keys: readonly string[],
  options: CallOptions | undefined,
  tries: Attempts,
): Promise<DeleteResult> {
  const permanent: DeleteResult["failed"][number][] = [];
  for (let left = keys; ; ) {
    const remaining = left;
    const { failed } = await tries.run(() => storage.delete(remaining, options));
    const retryable = failed.filter(({ error }) => isAppError(error) && error.retryable);
    permanent.push(...failed.filter((failure) => !retryable.includes(failure)));
    const [first] = retryable;
    if (first === undefined) return { failed: permanent };
    try {
      await tries.afterFailure(first.error);
    } catch (error) {
      throwIfAborted(options?.signal);
      if (error !== first.error) throw error;
      return { failed: [...permanent, ...retryable] };
    }
    left = retryable.map(({ key }) => key);
  }
}
