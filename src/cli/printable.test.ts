import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printable, printableJson, printableLine } from "./printable.ts";

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;
const anyText = fc.string({ unit: "binary" });

describe("printable text", () => {
  it.each([
    ["a\u001b]0;owned\u0007b", String.raw`a\x1b]0;owned\x07b`],
    ["\u009b31m", String.raw`\x9b31m`],
    ["a\rb\bc\u007f", String.raw`a\rb\x08c\x7f`],
    ["a\u202eb\u2066", String.raw`a\u202eb\u2066`],
    ["a\nb\tc", String.raw`a\nb\tc`],
    ["\ud800", String.raw`\ud800`],
    ["\u{e0041}", String.raw`\u{e0041}`],
    ["Grüße 表 🙂", "Grüße 表 🙂"],
  ])("shows %j as %s", (text, shown) => {
    expect(printableLine(text)).toBe(shown);
  });

  it("keeps line ends and tabs only where they are our own", () => {
    expect(printable("a\tb\n\u001b[2J")).toBe("a\tb\n\\x1b[2J");
  });

  it("never holds a control character", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printableLine(text)).not.toMatch(unprintable);
        expect(printable(text).replace(/[\n\t]/g, "")).not.toMatch(unprintable);
      }),
    );
  });

  it("of JSON reads as the exact value", () => {
    fc.assert(
      fc.property(fc.record({ name: anyText }), (value) => {
        const text = printableJson(value);
        expect(text).not.toMatch(unprintable);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
