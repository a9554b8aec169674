import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAppError } from "../../errors.ts";
import { decodeModifiedUtf8, encodeModifiedUtf8 } from "./modified-utf8.ts";

describe("modified utf-8", () => {
  it("encodes as java does", () => {
    expect(encodeModifiedUtf8("a\0ü€😀").toString("hex")).toBe("61c080c3bce282aceda0bdedb880");
  });

  it("gives back every text, lone surrogates included", () => {
    const units = fc.array(fc.nat({ max: 0xffff }), { maxLength: 30 });
    fc.assert(
      fc.property(units, (units) => {
        const text = String.fromCharCode(...units);
        expect(decodeModifiedUtf8(encodeModifiedUtf8(text))).toBe(text);
      }),
    );
  });

  it("gives back texts longer than it decodes at once", () => {
    const long = "é€".repeat(20_000);
    expect(decodeModifiedUtf8(encodeModifiedUtf8(long))).toBe(long);
  });

  it.each(["80", "c3", "e282", "f09f9880", "c341", "e28241"])("refuses %s", (hex) => {
    expect(() => decodeModifiedUtf8(Buffer.from(hex, "hex"))).toThrow(
      expect.toSatisfy((error) => isAppError(error, "protocol")),
    );
  });
});
