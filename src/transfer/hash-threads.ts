/**
 * SHA-256 beside the main thread, for which it is more than half of the work of moving a large file. The bytes are
 * copied into memory that is shared, at a tenth of what hashing them costs.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { AppError } from "../errors.ts";
import { type HashAnswer, type HashOrder, type SharedSlots, slotOf } from "./hash-slots.ts";
import type { Hasher } from "./hasher.ts";

const slotBytes = 512 * 1024;
const slotsPerThread = 8;
/** Hash more than most disks write. */
const maxThreads = 4;

/** Threads of one run; each is started when the ones before it have something to do. */
export class HashThreads implements AsyncDisposable {
  readonly #max: number;
  readonly #threads: HashThread[] = [];

  constructor(max = Math.min(maxThreads, availableParallelism() - 1)) {
    this.#max = max;
  }

  /** Undefined where there is one processor only. */
  hasher(): Hasher | undefined {
    const [idlest] = this.#threads.toSorted((a, b) => a.streams - b.streams);
    if (this.#threads.length === this.#max || idlest?.streams === 0) return idlest?.hasher();
    const thread = new HashThread();
    this.#threads.push(thread);
    return thread.hasher();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}

class HashThread {
  readonly #shared: SharedSlots = { memory: new SharedArrayBuffer(slotsPerThread * slotBytes), slotBytes };
  readonly #worker: Worker;
  readonly #free = Array.from({ length: slotsPerThread }, (_, slot) => slot);
  readonly #waiting: (() => void)[] = [];
  readonly #digests = new Map<number, PromiseWithResolvers<string>>();
  #begun = 0;
  #failure: AppError | undefined;
  /** Under way. */
  streams = 0;

  constructor() {
    // The file beside this one, compiled or not.
    const file = new URL(import.meta.url.replace(/hash-threads(\.\w+)/, "hash-thread$1"));
    this.#worker = new Worker(file, { workerData: this.#shared });
    this.#worker.unref();
    this.#worker.on("message", (answer: HashAnswer) => this.#onAnswer(answer));
    this.#worker.on("error", (cause) => this.#fail(cause));
    this.#worker.on("exit", () => this.#fail(undefined));
  }

  hasher(): Hasher {
    const stream = this.#begun;
    this.#begun += 1;
    this.streams += 1;
    let isOver = false;
    let updated = Promise.resolve();
    const end = (kind: "end" | "leave") => {
      if (isOver) return;
      isOver = true;
      this.streams -= 1;
      this.#order({ kind, stream });
    };
    return {
      update: (chunk) => {
        updated = updated.then(() => this.#update(stream, chunk));
        return updated;
      },
      digest: () => {
        const digest = Promise.withResolvers<string>();
        this.#digests.set(stream, digest);
        end("end");
        if (this.#failure !== undefined) digest.reject(this.#failure);
        return digest.promise;
      },
      leave: () => end("leave"),
    };
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #order(order: HashOrder): void {
    this.#worker.postMessage(order);
  }

  async #update(stream: number, chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += slotBytes) {
      const slot = await this.#freeSlot();
      const piece = chunk.subarray(at, at + slotBytes);
      slotOf(this.#shared, slot).set(piece);
      this.#order({ kind: "bytes", stream, slot, sizeBytes: piece.length });
    }
  }

  async #freeSlot(): Promise<number> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const slot = this.#free.pop();
      if (slot !== undefined) return slot;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #onAnswer(answer: HashAnswer): void {
    if (answer.kind === "free") {
      this.#free.push(answer.slot);
      this.#waiting.shift()?.();
      return;
    }
    this.#digests.get(answer.stream)?.resolve(answer.hash);
    this.#digests.delete(answer.stream);
  }

  #fail(cause: unknown): void {
    this.#failure ??= new AppError("internal", "the thread that takes hashes has ended", { cause });
    for (const wake of this.#waiting.splice(0)) wake();
    for (const digest of this.#digests.values()) digest.reject(this.#failure);
    this.#digests.clear();
  }
}
