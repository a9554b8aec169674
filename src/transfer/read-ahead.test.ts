import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sampleBytes } from "../../test/harness/sample-bytes.ts";
import { AppError } from "../errors.ts";
import type { ByteRange, ByteStream, ObjectStream } from "../storage/storage.ts";
import { type RangedObject, ReadAhead, readInRanges } from "./read-ahead.ts";

const rangeBytes = 1000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Each chunk is the reader's only until it asks for the next. */
async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

interface Script {
  /** Event loop turns before each range's first byte. */
  readonly delays?: readonly number[];
  /** The range with this number fails after so many bytes. */
  readonly failing?: { readonly range: number; readonly after: number };
}

/** An object that notes which ranges were asked for, and how many were under way at once. */
function scripted(bytes: Buffer, { delays = [], failing }: Script = {}) {
  const asked: ByteRange[] = [];
  const noted = { under: 0, most: 0 };
  async function* body(
    { start, end }: ByteRange,
    number: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    noted.under += 1;
    noted.most = Math.max(noted.most, noted.under);
    try {
      for (let turns = delays[number % Math.max(1, delays.length)] ?? 0; turns > 0; turns -= 1) await turn();
      for (let at = start; at < Math.min(end, bytes.length); at += 300) {
        signal.throwIfAborted();
        if (failing?.range === number && at - start >= failing.after) throw new AppError("unreachable", "cut");
        yield bytes.subarray(at, Math.min(at + 300, end, bytes.length));
        await turn();
      }
    } finally {
      noted.under -= 1;
    }
  }
  const open = async (range: ByteRange, signal: AbortSignal): Promise<ObjectStream> => {
    asked.push(range);
    return Object.assign(body(range, asked.length - 1, signal), { metadata: { of: "all" } });
  };
  const object: RangedObject = { sizeBytes: bytes.length, name: "'k'", open };
  return { object, asked, noted };
}

const spared = (ahead: ReadAhead) => {
  const blocks: Buffer[] = [];
  while (ahead.hasSpare) blocks.push(ahead.take());
  for (const block of blocks) ahead.giveBack(block);
  return blocks.length;
};

describe("readInRanges", () => {
  test("gives the bytes in order, however ranges come and whatever can be spared, and gives every connection back", async () => {
    const sizes = fc.integer({ min: 1, max: 12_000 });
    const delays = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 6 }), delays, async (size, connections, delays) => {
        const bytes = sampleBytes(size);
        const { object, noted } = scripted(bytes, { delays });
        const ahead = new ReadAhead(connections, rangeBytes);
        await ahead.object(async () => {
          const stream = await readInRanges(object, ahead);
          expect(stream.metadata).toEqual({ of: "all" });
          expect((await collect(stream)).equals(bytes)).toBe(true);
        });
        expect(noted.most).toBeLessThanOrEqual(connections);
        expect(spared(ahead)).toBe(connections);
      }),
      { numRuns: 60 },
    );
  });

  test("uses what the run can spare, and long ranges where it can spare nothing", async () => {
    const bytes = sampleBytes(20_000);
    const alone = scripted(bytes);
    const busy = new ReadAhead(1, rangeBytes);
    await busy.object(async () => collect(await readInRanges(alone.object, busy)));
    expect(alone.asked.map(({ start }) => start)).toEqual([0, 8000, 16_000]);
    expect(alone.noted.most).toBe(1);
    const helped = scripted(bytes, { delays: [5] });
    const idle = new ReadAhead(5, rangeBytes);
    await idle.object(async () => collect(await readInRanges(helped.object, idle)));
    expect(helped.asked).toHaveLength(20);
    expect(helped.noted.most).toBe(5);
    expect(helped.asked.at(-1)).toEqual({ start: 19_000, end: Number.MAX_SAFE_INTEGER });
  });

  test("never holds more than eight ranges ahead", async () => {
    const { object, noted } = scripted(sampleBytes(60_000), { delays: [40, 0, 0] });
    const ahead = new ReadAhead(100, rangeBytes);
    await ahead.object(async () => collect(await readInRanges(object, ahead)));
    expect(noted.most).toBeLessThanOrEqual(9);
    expect(noted.most).toBeGreaterThan(5);
  });

  test.each([0, 3])("a failure of range %i is thrown, and leaves nothing under way", async (range) => {
    const { object, noted } = scripted(sampleBytes(9000), { failing: { range, after: 600 } });
    const ahead = new ReadAhead(4, rangeBytes);
    const reading = ahead.object(async () => collect(await readInRanges(object, ahead)));
    await expect(reading).rejects.toMatchObject({ code: "unreachable" });
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(noted.under).toBe(0);
    expect(spared(ahead)).toBe(4);
  });

  test("a reader that leaves gives every connection back", async () => {
    const { object } = scripted(sampleBytes(9000));
    const ahead = new ReadAhead(4, rangeBytes);
    for await (const _ of await readInRanges(object, ahead)) break;
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(spared(ahead)).toBe(4);
  });

  test("a range that is too short is corrupt; the length of the whole is the reader's to see", async () => {
    const { object } = scripted(sampleBytes(2500));
    const long = { ...object, sizeBytes: 5000 };
    const ahead = new ReadAhead(1, 300);
    await expect(readInRanges(long, ahead).then(collect)).rejects.toMatchObject({ code: "corrupt" });
    const short = { ...object, sizeBytes: 2450 };
    expect(await collect(await readInRanges(short, ahead))).toHaveLength(2500);
  });

  test.each([1, 4])("the last range gives all there is, however much, to %i connections", async (connections) => {
    const bytes = sampleBytes(7000);
    const { object } = scripted(bytes);
    const ahead = new ReadAhead(connections, 300);
    const stream = await readInRanges({ ...object, sizeBytes: 2450 }, ahead);
    expect((await collect(stream)).equals(bytes)).toBe(true);
    expect(spared(ahead)).toBe(connections);
  });
});

test("objects wait for a connection, first come, first served; who gives up leaves the queue", async () => {
  const ahead = new ReadAhead(2);
  const order: string[] = [];
  const gates = new Map<string, () => void>();
  const start = (name: string, signal?: AbortSignal) =>
    ahead.object(() => {
      order.push(name);
      return new Promise<void>((resolve) => gates.set(name, resolve));
    }, signal);
  const stop = new AbortController();
  const runs = [start("a"), start("b")];
  const given = expect(start("given up", stop.signal)).rejects.toMatchObject({ code: "cancelled" });
  runs.push(start("c"), start("d"));
  await turn();
  expect(order).toEqual(["a", "b"]);
  stop.abort();
  await given;
  gates.get("b")?.();
  await turn();
  expect(order).toEqual(["a", "b", "c"]);
  gates.get("a")?.();
  await turn();
  for (const name of ["c", "d"]) gates.get(name)?.();
  await Promise.all(runs);
  expect(order).toEqual(["a", "b", "c", "d"]);
  expect(spared(ahead)).toBe(2);
});
