import type { Clock } from "../../clock.ts";
import { abortable } from "../../concurrency/concurrency.ts";
import { AppError, throwIfAborted, toAppError } from "../../errors.ts";
import type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStream,
  PutOptions,
  RewindableSource,
  Storage,
} from "../contract.ts";
import { checkFolderPrefix, checkKey, checkRange } from "../keys.ts";
import { objectStream } from "../object-stream.ts";

/** Small, so that even small objects of a test come in several chunks. */
const chunkBytes = 16 * 1024;

interface StoredObject {
  readonly bytes: Buffer;
  readonly modifiedMs: number;
  readonly metadata: ObjectStream["metadata"];
}

export interface MemoryStorageOptions {
  readonly clock: Clock;
  /** False: the bucket is still to be created. True when left out. */
  readonly bucketExists?: boolean;
}

/** Objects in this process's memory, for tests; lives as long as the value, closed or not. */
export function memoryStorage({ clock, bucketExists = true }: MemoryStorageOptions): Storage {
  const objects = new Map<string, StoredObject>();
  let exists = bucketExists;
  const needBucket = () => {
    if (!exists) throw new AppError("not-found", "the bucket in memory does not exist");
  };
  const infoOf = (key: string, { bytes, modifiedMs }: StoredObject): ObjectInfo => ({
    key,
    sizeBytes: bytes.length,
    modifiedMs,
  });
  const found = (key: string): StoredObject => {
    needBucket();
    const object = objects.get(key);
    if (object === undefined) throw new AppError("not-found", `there is no object '${key}' in memory`);
    return object;
  };
  const begin = (options: CallOptions | undefined, key?: string) => {
    if (key !== undefined) checkKey(key);
    throwIfAborted(options?.signal);
  };

  async function* list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo, void> {
    needBucket();
    for (const [key, object] of [...objects]) {
      throwIfAborted(options?.signal);
      if (key.startsWith(prefix)) yield infoOf(key, object);
    }
  }
  const children = async (prefix: string, options?: CallOptions) => {
    checkFolderPrefix(prefix);
    begin(options);
    needBucket();
    const below = [...objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    return [...new Set(below.flatMap((rest) => (rest.includes("/") ? [rest.slice(0, rest.indexOf("/"))] : [])))];
  };
  const get = async (key: string, options?: GetOptions): Promise<ObjectStream> => {
    begin(options, key);
    checkRange(options?.range);
    const { bytes, metadata } = found(key);
    const asked = bytes.subarray(options?.range?.start, options?.range?.end);
    return objectStream(chunksOf(asked, options?.signal), metadata);
  };
  const put = async (key: string, source: RewindableSource, options?: PutOptions): Promise<ObjectInfo> => {
    begin(options, key);
    needBucket();
    const bytes = await collect(source, options?.signal);
    if (options?.ifAbsent === true && objects.has(key)) {
      throw new AppError("already-exists", `there is an object '${key}' already`);
    }
    const object = { bytes, modifiedMs: clock.now(), metadata: options?.metadata };
    objects.set(key, object);
    return infoOf(key, object);
  };
  return {
    description: "memory",
    capabilities: { putIfAbsent: true, metadata: true, parallelRanges: false },
    bucketExists: async (options) => {
      begin(options);
      return exists;
    },
    createBucket: async (options) => {
      begin(options);
      exists = true;
    },
    stat: async (key, options) => {
      begin(options, key);
      const object = objects.get(key);
      return object === undefined ? undefined : infoOf(key, object);
    },
    list,
    children,
    get,
    put,
    refresh: async (key, options) => {
      begin(options, key);
      objects.set(key, { ...found(key), modifiedMs: clock.now() });
    },
    delete: async (keys, options) => {
      for (const key of keys) begin(options, key);
      for (const key of keys) objects.delete(key);
      return { failed: [] };
    },
    close: async () => undefined,
  };
}

async function* chunksOf(bytes: Buffer, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    throwIfAborted(signal);
    yield Buffer.from(bytes.subarray(at, at + chunkBytes));
  }
}

async function collect(source: RewindableSource, signal: AbortSignal | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of abortable(source.open(), signal)) chunks.push(chunk);
  } catch (error) {
    throw toAppError(error);
  }
  throwIfAborted(signal);
  const bytes = Buffer.concat(chunks);
  if (bytes.length === source.sizeBytes) return bytes;
  throw new AppError("corrupt", `the source announced ${source.sizeBytes} bytes and had ${bytes.length}`);
}
