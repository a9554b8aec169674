import { AppError, abortError } from "../../errors.ts";
import type { ByteStream, CallOptions, RewindableSource, Storage } from "../contract.ts";
import { objectStream } from "../object-stream.ts";

export type StorageMethod =
  | "bucketExists"
  | "createBucket"
  | "stat"
  | "list"
  | "children"
  | "get"
  | "put"
  | "refresh"
  | "delete"
  | "close";

export type Fault =
  /** Fails without doing anything. */
  | { readonly kind: "before"; readonly error?: Error }
  /** Does it all and then fails, as when an answer is lost; a get or list yields everything first. */
  | { readonly kind: "after"; readonly error?: Error }
  /** A get, a put's source or a list fails after so many bytes (or rows). */
  | { readonly kind: "cut"; readonly after: number; readonly error?: Error }
  /** A get yields, or a put stores, one wrong byte at this offset. */
  | { readonly kind: "wrong-byte"; readonly at: number }
  /** Never answers; ends when the call's signal is aborted. */
  | { readonly kind: "hang" }
  /** Waits for this before doing anything. */
  | { readonly kind: "wait"; readonly until: Promise<unknown> };

export interface PlannedFault {
  readonly method: StorageMethod;
  /** Only calls whose key, prefix, or one of whose keys this accepts; any call when left out. */
  readonly matches?: (key: string) => boolean;
  /** Matching calls that are let through first; 0 when left out. */
  readonly skip?: number;
  /** Matching calls it strikes; 1 when left out. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface FaultyStorage extends Storage {
  /** Throws, naming them, unless every planned fault has struck as often as planned. */
  assertAllHit(): void;
}

/** Picks the fault, if any, for a call. */
type FaultFinder = (method: StorageMethod, keys: readonly string[]) => Fault | undefined;

/** A store that fails as planned; a call is struck by the first plan that fits it. */
export function faultyStorage(storage: Storage, plans: readonly PlannedFault[]): FaultyStorage {
  const seen = new Map<PlannedFault, number>();
  const quota = (plan: PlannedFault) => (plan.skip ?? 0) + (plan.times ?? 1);
  const find: FaultFinder = (method, keys) => {
    for (const plan of plans) {
      const count = seen.get(plan) ?? 0;
      if (plan.method !== method || count >= quota(plan)) continue;
      if (plan.matches !== undefined && !keys.some(plan.matches)) continue;
      seen.set(plan, count + 1);
      if (count >= (plan.skip ?? 0)) return plan.fault;
    }
    return undefined;
  };
  const assertAllHit = () => {
    const missed = plans.filter((plan) => (seen.get(plan) ?? 0) < quota(plan));
    if (missed.length === 0) return;
    const names = missed.map(({ method, fault }) => `${fault.kind} of ${method}`);
    throw new AppError("internal", `planned faults that did not strike: ${names.join(", ")}`);
  };
  return { ...withFaults(storage, find), assertAllHit };
}

export interface RandomFaults {
  /** Uniform in [0, 1); seeded, so that a failure can be seen again. */
  readonly random: () => number;
  /** Share of the calls that fail, from 0 to 1. */
  readonly rate: number;
}

/** A store whose calls fail at random with retryable errors, half of them after having taken effect. */
export function randomlyFaultyStorage(storage: Storage, { random, rate }: RandomFaults): Storage {
  return withFaults(storage, (method) => {
    if (method === "close" || random() >= rate) return undefined;
    const choice = random();
    if (choice < 0.3 && (method === "get" || method === "put" || method === "list")) {
      return { kind: "cut", after: Math.floor(random() * (method === "list" ? 3 : 50_000)) };
    }
    return { kind: choice < 0.65 ? "before" : "after" };
  });
}

function withFaults(storage: Storage, find: FaultFinder): Storage {
  const struck = async <T>(
    method: StorageMethod,
    keys: readonly string[],
    o: CallOptions | undefined,
    work: () => Promise<T>,
  ) => {
    const fault = find(method, keys);
    await strikeBefore(fault, o?.signal);
    const result = await work();
    strikeAfter(fault);
    return result;
  };
  return {
    description: storage.description,
    capabilities: storage.capabilities,
    bucketExists: (o) => struck("bucketExists", [], o, () => storage.bucketExists(o)),
    createBucket: (o) => struck("createBucket", [], o, () => storage.createBucket(o)),
    stat: (key, o) => struck("stat", [key], o, () => storage.stat(key, o)),
    list: async function* (prefix, o) {
      const fault = find("list", [prefix]);
      await strikeBefore(fault, o?.signal);
      yield* cutRows(storage.list(prefix, o), fault);
      strikeAfter(fault);
    },
    children: (prefix, o) => struck("children", [prefix], o, () => storage.children(prefix, o)),
    get: async (key, o) => {
      const fault = find("get", [key]);
      await strikeBefore(fault, o?.signal);
      const stream = await storage.get(key, o);
      return objectStream(spoiledBytes(stream, fault), stream.metadata);
    },
    put: async (key, source, o) => {
      const fault = find("put", [key]);
      await strikeBefore(fault, o?.signal);
      const info = await storage.put(key, spoiledSource(source, fault), o);
      strikeAfter(fault);
      return info;
    },
    refresh: (key, o) => struck("refresh", [key], o, () => storage.refresh(key, o)),
    delete: (keys, o) => struck("delete", keys, o, () => storage.delete(keys, o)),
    close: () => struck("close", [], undefined, () => storage.close()),
  };
}

async function strikeBefore(fault: Fault | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (fault?.kind === "before") throw errorOf(fault);
  if (fault?.kind === "wait") await fault.until;
  if (fault?.kind !== "hang") return;
  // A call without a signal could never end.
  if (signal === undefined) throw new AppError("internal", "a call that hangs was made without a signal");
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  throw abortError(signal);
}

function strikeAfter(fault: Fault | undefined): void {
  if (fault?.kind === "after") throw errorOf(fault);
}

function errorOf(fault: { readonly error?: Error }): Error {
  return fault.error ?? new AppError("storage", "injected fault");
}

function spoiledSource(source: RewindableSource, fault: Fault | undefined): RewindableSource {
  // An error after the effect is the put's own, not its source's.
  const inSource = fault?.kind === "after" ? undefined : fault;
  return { ...source, open: (range, options) => spoiledBytes(source.open(range, options), inSource) };
}

async function* spoiledBytes(stream: ByteStream, fault: Fault | undefined): AsyncGenerator<Uint8Array, void> {
  let offset = 0;
  for await (const chunk of fault?.kind === "cut" ? cutBytes(stream, fault) : stream) {
    const at = fault?.kind === "wrong-byte" ? fault.at - offset : -1;
    offset += chunk.length;
    if (at < 0 || at >= chunk.length) yield chunk;
    else yield Uint8Array.from(chunk, (byte, index) => (index === at ? byte ^ 0x40 : byte));
  }
  strikeAfter(fault);
}

async function* cutBytes(stream: ByteStream, fault: Fault & { kind: "cut" }): AsyncGenerator<Uint8Array, void> {
  let left = fault.after;
  for await (const chunk of stream) {
    if (chunk.length >= left) {
      if (left > 0) yield chunk.subarray(0, left);
      break;
    }
    left -= chunk.length;
    yield chunk;
  }
  throw errorOf(fault);
}

async function* cutRows<T>(rows: AsyncIterable<T>, fault: Fault | undefined): AsyncGenerator<T, void> {
  let left = fault?.kind === "cut" ? fault.after : Number.MAX_SAFE_INTEGER;
  for await (const row of rows) {
    if (left === 0) break;
    left -= 1;
    yield row;
  }
  if (fault?.kind === "cut") throw errorOf(fault);
}
