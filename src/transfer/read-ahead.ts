/**
 * Large objects, read range by range, so that the connections that a run can spare fetch what comes next. Bytes come
 * in order, as one hash of them wants it; what has been fetched ahead waits in memory, which is used again and again.
 */
import { Queue } from "../concurrency/concurrency.ts";
import { AppError } from "../errors.ts";
import { type ByteRange, type ByteStream, type ObjectStream, objectStream } from "../storage/storage.ts";

const mebibyte = 1024 * 1024;
/** What is fetched ahead at once; each range costs the store a request. */
const aheadBytes = 4 * mebibyte;
/** So much longer is a range that nobody can help with: no time is lost between one and the next. */
const aloneFactor = 8;
/** Bounds the memory: ranges of all objects of a run that are fetched ahead, or wait to be read. */
const maxAhead = 8;

/** Connections of a run: one for each object under way, what is left over for ranges of large ones. */
export class ReadAhead {
  readonly #connections: number;
  readonly rangeBytes: number;
  #objects = 0;
  #ahead = 0;
  readonly #freeBlocks: Buffer[] = [];
  readonly #queue = new Queue();

  constructor(connections: number, rangeBytes = aheadBytes) {
    this.#connections = connections;
    this.rangeBytes = rangeBytes;
  }

  /** Does the work when a connection is free for an object, first come, first served. */
  async object<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#objects < this.#connections) this.#objects += 1;
    else await this.#queue.wait(signal, () => this.#leave());
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  get hasSpare(): boolean {
    return this.#ahead < maxAhead && this.#objects + this.#ahead < this.#connections;
  }

  #leave(): void {
    if (!this.#queue.call()) this.#objects -= 1;
  }

  /** Memory for one range. */
  take(): Buffer {
    this.#ahead += 1;
    return this.#freeBlocks.pop() ?? Buffer.allocUnsafeSlow(this.rangeBytes);
  }

  /** Nobody reads or fills the block any more. */
  giveBack(block: Buffer): void {
    this.#ahead -= 1;
    this.#freeBlocks.push(block);
  }
}

export interface RangedObject {
  readonly sizeBytes: number;
  /** Continues "the object … ". */
  readonly name: string;
  open(range: ByteRange, signal: AbortSignal): Promise<ObjectStream>;
}

/** The object from its start; its last range has no end, so that one that is longer than it should be is seen. */
export async function readInRanges(object: RangedObject, ahead: ReadAhead): Promise<ObjectStream> {
  const reading = new RangedReading(object, ahead);
  const first = await reading.begin();
  return objectStream(reading.bytes(first), first.metadata);
}

/** One range: under way, or in memory. */
interface Piece {
  readonly sizeBytes: number;
  readonly stream: ByteStream;
  /** Of what is fetched ahead: it has been read, or is not wanted. */
  readonly release?: () => void;
}

class RangedReading {
  readonly #object: RangedObject;
  readonly #ahead: ReadAhead;
  readonly #stop = new AbortController();
  readonly #pieces: Piece[] = [];
  /** Everything before has been asked for. */
  #askedBytes = 0;

  constructor(object: RangedObject, ahead: ReadAhead) {
    this.#object = object;
    this.#ahead = ahead;
  }

  /** The stream's chunks are the reader's until it asks for the next. */
  async begin(): Promise<Piece & Pick<ObjectStream, "metadata">> {
    const { hasSpare, rangeBytes } = this.#ahead;
    const range = this.#nextRange(hasSpare ? rangeBytes : aloneFactor * rangeBytes);
    const stream = await this.#open(range);
    const { metadata } = stream;
    return { sizeBytes: this.#sizeOf(range), stream, metadata };
  }

  async *bytes(first: Piece): AsyncGenerator<Uint8Array, void> {
    let piece: Piece | undefined = first;
    try {
      while (piece !== undefined) {
        yield* this.#read(piece);
        piece.release?.();
        // From here on it is nobody's: shifting cannot fail, asking for more can.
        piece = this.#pieces.shift();
        if (piece === undefined && this.#askedBytes < this.#object.sizeBytes) piece = await this.begin();
      }
    } finally {
      this.#stop.abort();
      piece?.release?.();
      for (const left of this.#pieces) left.release?.();
    }
  }

  async *#read({ sizeBytes, stream }: Piece): AsyncGenerator<Uint8Array, void> {
    const isLast = this.#askedBytes >= this.#object.sizeBytes && this.#pieces.length === 0;
    let seen = 0;
    for await (const chunk of stream) {
      seen += chunk.length;
      this.#fetchAhead();
      yield chunk;
    }
    // Of the last piece the reader itself sees whether it was too long or too short.
    if (seen === sizeBytes || isLast) return;
    throw new AppError("corrupt", `object ${this.#object.name} gave ${seen} bytes of a range of ${sizeBytes}`);
  }

  #fetchAhead(): void {
    while (this.#askedBytes < this.#object.sizeBytes && this.#ahead.hasSpare) {
      const block = this.#ahead.take();
      const range = this.#nextRange(this.#ahead.rangeBytes);
      const fetched = this.#fetch(range, block);
      // Its failure is thrown when the reader gets there; it may never. Until it has failed, it may fill the block.
      const settled = fetched.catch(() => undefined);
      const release = () => void settled.then(() => this.#ahead.giveBack(block));
      this.#pieces.push({ sizeBytes: this.#sizeOf(range), stream: held(fetched), release });
    }
  }

  /** Resolves when all is in memory, or as much as the block holds: the last range has no end. */
  async #fetch(range: ByteRange, block: Buffer): Promise<ByteStream> {
    const chunks = (await this.#open(range))[Symbol.asyncIterator]();
    let bytes = 0;
    for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) {
      if (step.value.length > block.length - bytes) return overfull(block.subarray(0, bytes), step.value, chunks);
      block.set(step.value, bytes);
      bytes += step.value.length;
    }
    return full(block.subarray(0, bytes));
  }

  #open(range: ByteRange): Promise<ObjectStream> {
    return this.#object.open(range, this.#stop.signal);
  }

  #nextRange(bytes: number): ByteRange {
    const start = this.#askedBytes;
    const { sizeBytes } = this.#object;
    this.#askedBytes = Math.min(sizeBytes, start + bytes);
    return { start, end: this.#askedBytes === sizeBytes ? Number.MAX_SAFE_INTEGER : this.#askedBytes };
  }

  #sizeOf({ start, end }: ByteRange): number {
    return Math.min(end, this.#object.sizeBytes) - start;
  }
}

async function* held(fetched: Promise<ByteStream>): AsyncGenerator<Uint8Array, void> {
  yield* await fetched;
}

async function* full(block: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield block;
}

async function* overfull(
  block: Uint8Array,
  next: Uint8Array,
  others: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  yield block;
  yield next;
  yield* { [Symbol.asyncIterator]: () => others };
}
