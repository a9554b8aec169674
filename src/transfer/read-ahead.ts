/**
 * Large objects, read range by range, so that the connections that a run can spare fetch what comes next. Bytes come
 * in order, as one hash of them wants it; what has been fetched ahead waits in memory.
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

  take(): void {
    this.#ahead += 1;
  }

  giveBack(): void {
    this.#ahead -= 1;
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
  /** It counts as fetched ahead until it has been read. */
  readonly isAhead: boolean;
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

  async begin(): Promise<Piece & Pick<ObjectStream, "metadata">> {
    const { hasSpare, rangeBytes } = this.#ahead;
    const range = this.#nextRange(hasSpare ? rangeBytes : aloneFactor * rangeBytes);
    const stream = await this.#open(range);
    const { metadata } = stream;
    return { sizeBytes: this.#sizeOf(range), stream, isAhead: false, ...(metadata === undefined ? {} : { metadata }) };
  }

  async *bytes(first: Piece): AsyncGenerator<Uint8Array, void> {
    let piece: Piece | undefined = first;
    try {
      while (piece !== undefined) {
        yield* this.#read(piece);
        this.#release(piece);
        // From here on it is nobody's: shifting cannot fail, asking for more can.
        piece = this.#pieces.shift();
        if (piece === undefined && this.#askedBytes < this.#object.sizeBytes) piece = await this.begin();
      }
    } finally {
      this.#stop.abort();
      this.#release(piece);
      for (const left of this.#pieces) this.#release(left);
    }
  }

  #release(piece: Piece | undefined): void {
    if (piece?.isAhead === true) this.#ahead.giveBack();
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
      this.#ahead.take();
      const range = this.#nextRange(this.#ahead.rangeBytes);
      const fetched = this.#fetch(range);
      // Its failure is thrown when the reader gets there; it may never.
      fetched.catch(() => undefined);
      this.#pieces.push({ sizeBytes: this.#sizeOf(range), stream: held(fetched), isAhead: true });
    }
  }

  async #fetch(range: ByteRange): Promise<readonly Uint8Array[]> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await this.#open(range)) chunks.push(chunk);
    return chunks;
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

async function* held(fetched: Promise<readonly Uint8Array[]>): AsyncGenerator<Uint8Array, void> {
  yield* await fetched;
}
