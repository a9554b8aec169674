import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteQueue } from "./byte-queue.ts";

describe("ByteQueue", () => {
  it("gives the same bytes however they were cut", () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 20 });
    fc.assert(
      fc.property(pieces, fc.array(fc.nat({ max: 12 })), (chunks, reads) => {
        const queue = new ByteQueue();
        for (const chunk of chunks) queue.push(Buffer.from(chunk));
        const all = Buffer.concat(chunks);
        let at = 0;
        for (const count of reads.filter((count) => count > 0)) {
          if (at + count > all.length) break;
          expect(queue.take(count)).toEqual(all.subarray(at, at + count));
          at += count;
        }
        expect(queue.length).toBe(all.length - at);
      }),
    );
  });

  it("decodes a number that lies across chunks", () => {
    const queue = new ByteQueue();
    for (const byte of [0, 0, 1, 2]) queue.push(Buffer.of(byte));
    expect(queue.read(4, (bytes, at) => bytes.readInt32BE(at))).toBe(258);
  });

  it("throws rather than giving fewer bytes", () => {
    const queue = new ByteQueue();
    queue.push(Buffer.of(1));
    expect(() => queue.take(2)).toThrow(RangeError);
  });
});
