import fc from "fast-check";
import { expect, test } from "vitest";
import { ChunkPool, chunkBytes, IncomingBody } from "./incoming-body.ts";

/** Bytes that tell where they belong. */
function numbered(at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let index = 0; index < length; index++) bytes[index] = (at + index) * 31 + ((at + index) >> 9);
  return bytes;
}

interface How {
  readonly sizeBytes?: number;
  readonly transient: boolean;
  readonly pool?: ChunkPool;
}

function bodyOf({ sizeBytes, transient, pool = new ChunkPool() }: How) {
  const told = { room: 0 };
  return { told, body: new IncomingBody({ sizeBytes, transient, pool, onRoom: () => told.room++ }) };
}

/** Reads one chunk after the other, as a generator does, and looks at each until it asks for the next. */
class Reader {
  readonly #body: IncomingBody;
  readonly buffers = new Set<ArrayBufferLike>();
  readonly #copies: Buffer[] = [];
  #chunk: Uint8Array | undefined;
  #reading: Promise<void> = Promise.resolve();
  isDone = false;

  constructor(body: IncomingBody) {
    this.#body = body;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#copies);
  }

  /** Asks for one more; what it comes to shows at the end. */
  ask(): void {
    this.#reading = this.#reading.then(() => this.#one());
    this.#reading.catch(() => undefined);
  }

  async rest(): Promise<void> {
    await this.#reading;
    while (!this.isDone) await this.#one();
  }

  async #one(): Promise<void> {
    if (this.#chunk !== undefined) expect(this.#copies.at(-1)?.equals(this.#chunk)).toBe(true);
    this.#chunk = undefined;
    this.#chunk = await this.#body.next();
    this.isDone = this.#chunk === undefined;
    if (this.#chunk === undefined) return;
    this.buffers.add(this.#chunk.buffer);
    this.#copies.push(Buffer.from(this.#chunk));
  }
}

const pieceBytes = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.constantFrom(chunkBytes - 1, chunkBytes, chunkBytes + 1),
  fc.integer({ min: 1, max: 2 * chunkBytes }),
);

test("gives what was pushed, in order, however it comes and is read, and the failure after it", async () => {
  const steps = fc.array(fc.oneof(pieceBytes, fc.constant("read" as const)), { maxLength: 12 });
  const how = fc.record({ knowsSize: fc.boolean(), transient: fc.boolean(), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(steps, how, async (todo, { knowsSize, transient, fails }) => {
      const sizeBytes = todo.reduce<number>((sum, step) => sum + (step === "read" ? 0 : step), 0);
      const { body } = bodyOf({ transient, ...(knowsSize ? { sizeBytes } : {}) });
      const reader = new Reader(body);
      let pushed = 0;
      for (const step of todo) {
        if (step === "read") {
          reader.ask();
          // Now and then, the reader is quicker than what comes.
          if (pushed % 2 === 0) await Promise.resolve();
          continue;
        }
        const bytes = numbered(pushed, step);
        body.push(bytes);
        pushed += step;
        // Whose memory is used again.
        bytes.fill(0);
      }
      const failure = new Error("broken");
      if (fails) {
        body.fail(failure);
        await expect(reader.rest()).rejects.toBe(failure);
      } else {
        body.end();
        await reader.rest();
      }
      expect(reader.bytes.equals(numbered(0, pushed))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a sender that stops while it is full fills two chunks beside the reader's, and the same ones again", async () => {
  const { body, told } = bodyOf({ transient: true });
  const reader = new Reader(body);
  const pieces = 400;
  const length = 50_000;
  for (let piece = 0; piece < pieces; piece++) {
    if (body.isFull) {
      const before = told.room;
      reader.ask();
      await new Promise((resolve) => setImmediate(resolve));
      expect(told.room).toBe(before + 1);
      expect(body.isFull).toBe(false);
    }
    body.push(numbered(piece * length, length));
  }
  body.end();
  await reader.rest();
  expect(reader.bytes.equals(numbered(0, pieces * length))).toBe(true);
  expect(reader.buffers.size).toBeLessThanOrEqual(3);
});

test("two bodies of one pool never have the same memory at once", async () => {
  const pool = new ChunkPool();
  const [one, other] = [bodyOf({ transient: true, pool }), bodyOf({ transient: true, pool })];
  const readers = [new Reader(one.body), new Reader(other.body)];
  for (let round = 0; round < 10; round++) {
    one.body.push(Buffer.alloc(chunkBytes, round));
    other.body.push(Buffer.alloc(chunkBytes, 255 - round));
    for (const reader of readers) reader.ask();
    await new Promise((resolve) => setImmediate(resolve));
  }
  one.body.end();
  other.body.end();
  for (const reader of readers) await reader.rest();
  expect(readers.map(({ bytes }) => [bytes[chunkBytes * 3], bytes[chunkBytes * 9]])).toEqual([
    [3, 9],
    [252, 246],
  ]);
});

test("a chunk is given back once, however often its reader says so", async () => {
  const pool = new ChunkPool();
  const { body } = bodyOf({ transient: true, pool });
  body.push(Buffer.alloc(chunkBytes));
  const chunk = await body.next();
  body.release();
  body.release();
  const [first, second] = [pool.take(), pool.take()];
  expect(first.buffer).toBe(chunk?.buffer);
  expect(second.buffer).not.toBe(chunk?.buffer);
});

test("chunks that are the reader's own stay as they are", async () => {
  const { body } = bodyOf({ transient: false });
  body.push(Buffer.alloc(chunkBytes, 1));
  const first = await body.next();
  body.push(Buffer.alloc(chunkBytes, 2));
  const second = await body.next();
  body.end();
  expect(await body.next()).toBeUndefined();
  expect([first?.[0], second?.[0]]).toEqual([1, 2]);
});

test("a small body whose length is known takes no chunk of the pool", async () => {
  const { body } = bodyOf({ transient: true, sizeBytes: 9000 });
  body.push(Buffer.alloc(4000));
  body.push(Buffer.alloc(5000));
  const chunk = await body.next();
  expect(chunk).toHaveLength(9000);
  expect(chunk?.buffer.byteLength).toBeLessThan(chunkBytes);
});

test("a failure behind the end is none", async () => {
  const { body } = bodyOf({ transient: true });
  body.push(Buffer.from("x"));
  body.end();
  body.fail(new Error("late"));
  expect(await body.next()).toHaveLength(1);
  expect(await body.next()).toBeUndefined();
});

test("the end wakes a reader that waits, and nothing tells of room then", async () => {
  const { body, told } = bodyOf({ transient: true });
  const waiting = body.next();
  body.end();
  expect(await waiting).toBeUndefined();
  expect(told.room).toBe(0);
});
