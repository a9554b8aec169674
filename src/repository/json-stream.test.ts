import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonPieces, readJson } from "./json-stream.ts";

async function* chunks(text: string, bytes: number): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text);
  for (let start = 0; start < all.length; start += bytes) yield all.subarray(start, start + bytes);
}

const read = (text: string, { levels = 3, bytes = 3, pieceBytes = 1000 } = {}) =>
  readJson(chunks(text, bytes), { levels, pieceBytes });

const json = fc.jsonValue({ maxDepth: 6 });
const levels = fc.integer({ min: 0, max: 8 });

describe("JSON in pieces", () => {
  it("is written as JSON.stringify writes it", () => {
    fc.assert(
      fc.property(json, levels, (value, levels) => {
        expect([...jsonPieces(value, levels)].join("")).toBe(JSON.stringify(value));
      }),
    );
    const withUndefined = { a: undefined, b: { c: undefined, d: [1] }, e: null };
    for (const levels of [0, 1, 2, 9]) {
      expect([...jsonPieces(withUndefined, levels)].join("")).toBe(JSON.stringify(withUndefined));
    }
  });

  it("is read as JSON.parse reads it, wherever it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        json,
        levels,
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (value, levels, bytes, wide) => {
          const text = JSON.stringify(value, undefined, wide ? "\t " : undefined);
          expect(await read(`\n${text}\r\n `, { levels, bytes })).toEqual(JSON.parse(text));
        },
      ),
    );
  });

  it("keeps own members of any name, and the last of two with one name", async () => {
    const value = await read('{"__proto__":{"a":1},"b":1,"b":2}');
    expect(Object.entries(value ?? {})).toEqual([
      ["__proto__", { a: 1 }],
      ["b", 2],
    ]);
  });

  it.each([
    "",
    "{",
    '{"a"',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    "[1",
    "[1,]",
    "[1 2]",
    "{} {}",
    "{]",
    "nul",
    '"a',
    "[}",
    '{"a":1 "b":2}',
  ])("%j is refused", async (text) => {
    for (const levels of [0, 1, 4]) await expect(read(text, { levels })).rejects.toBeInstanceOf(SyntaxError);
  });

  it("is bounded by piece, and leaves out the elements that are not kept", async () => {
    await expect(read(`{"a":"${"x".repeat(2000)}"}`)).rejects.toThrow("a value is too long");
    const seen: string[] = [];
    const keep = (element: unknown, path: readonly string[]) => {
      seen.push(`${path.join(".")} ${JSON.stringify(element)}`);
      return element !== 2;
    };
    const text = '{"a":{"b":[1,2,{"c":[3]}]},"d":[2]}';
    expect(await readJson(chunks(text, 4), { levels: 3, pieceBytes: 100, keep })).toEqual({
      a: { b: [1, { c: [3] }] },
      d: [],
    });
    expect(seen).toEqual(["a.b 1", "a.b 2", 'a.b {"c":[3]}', "d 2"]);
  });
});
