import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { escapeXml, parseXml, tryParseXml } from "./xml.ts";

describe("an XML body", () => {
  test("is read with its attributes, blanks and references", () => {
    const root = parseXml(
      '<?xml version="1.0"?>\n<List xmlns="http://x/"><B Encoded="true"> a&amp;b&#13;&#x41; </B><B>2</B><Empty/></List>',
    );
    expect(root.name).toBe("List");
    expect(root.all("B").map(({ text }) => text)).toEqual([" a&b\rA ", "2"]);
    expect(root.first("B")?.attributes["Encoded"]).toBe("true");
    expect(root.textOf("Empty")).toBe("");
    expect(root.textOf("Missing")).toBeUndefined();
  });

  test.each([
    "",
    "hello",
    "<a>",
    "<a><b></a></b>",
    "<a></a><b/>",
    "<a>&undeclared;</a>",
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "<a",
  ])("that is not well-formed is refused: %s", (body) => {
    expect(() => parseXml(body)).toThrow();
    expect(tryParseXml(body)).toBeUndefined();
  });

  test("gives back any text that was escaped", () => {
    const isXml = (one: string) => (one >= " " || "\t\r\n".includes(one)) && !/[\ufffe\uffff]/.test(one);
    const characters = fc.string({ unit: "grapheme" }).filter((text) => [...text].every(isXml));
    fc.assert(
      fc.property(characters, (text) => {
        const root = parseXml(`<a n="${escapeXml(text)}">${escapeXml(text)}</a>`);
        expect([root.text, root.attributes["n"]]).toEqual([text, text]);
      }),
    );
  });

  test("of names that objects inherit has them as any others", () => {
    const root = parseXml("<a><constructor>1</constructor><__proto__>2</__proto__></a>");
    expect([root.textOf("constructor"), root.textOf("__proto__"), root.textOf("toString")]).toEqual([
      "1",
      "2",
      undefined,
    ]);
  });
});
