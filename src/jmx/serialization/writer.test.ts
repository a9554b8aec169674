import { describe, expect, it } from "vitest";
import { isAppError } from "../../errors.ts";
import { jmx } from "../values.ts";
import { type DescriptorAnnotation, ObjectStreamWriter, type WireValue } from "./writer.ts";

function written(value: WireValue, annotation: DescriptorAnnotation = "none"): string {
  const writer = new ObjectStreamWriter(annotation);
  writer.value(value);
  return writer.finish().toString("hex");
}

describe("ObjectStreamWriter", () => {
  it.each<[string, WireValue, DescriptorAnnotation, string]>([
    [
      "an Integer",
      jmx.int(5),
      "none",
      "aced0005737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b020000787000000005",
    ],
    [
      "an ObjectName",
      { type: "objectName", name: "a:b=c" },
      "none",
      "aced00057372001b6a617661782e6d616e6167656d656e742e4f626a6563744e616d650f03a71beb6d15cf0300007870740005613a623d6378",
    ],
    [
      "an empty HashMap",
      jmx.stringMap({}),
      "none",
      "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f4000000000000c7708000000100000000078",
    ],
    [
      "a String[] with RMI's annotation",
      jmx.stringArray(["x"]),
      "codebase",
      "aced0005757200135b4c6a6176612e6c616e672e537472696e673badd256e7e91d7b470200007078700000000174000178",
    ],
    [
      "a MarshalledObject of null",
      { type: "marshalled", value: null },
      "none",
      "aced0005737200196a6176612e726d692e4d61727368616c6c65644f626a6563747cbd1e97ed63fc3e020003490004686173685b00086c6f6342797465737400025b425b00086f626a42797465737400025b4278700000000d7070",
    ],
  ])("writes %s as java reads it", (_, value, annotation, hex) => {
    expect(written(value, annotation)).toBe(hex);
  });

  it("describes a class once", () => {
    const one = written(jmx.list([jmx.int(1)])).length;
    const two = written(jmx.list([jmx.int(1), jmx.int(1)])).length;
    // An object, a reference to its class, an int.
    expect((two - one) / 2).toBe(1 + 5 + 4);
  });

  it("joins primitives into one block and ends it before an object", () => {
    const writer = new ObjectStreamWriter("none");
    writer.raw((block) => block.int(1));
    writer.raw((block) => block.u1(2));
    writer.value(null);
    expect(writer.finish().toString("hex")).toBe("aced0005" + "7705" + "0000000102" + "70");
  });

  it("refuses to nest deeper than java can read", () => {
    let deep = jmx.list([]);
    for (let i = 0; i < 1_000; i++) deep = jmx.list([deep]);
    expect(() => written(deep)).toThrow(/nests deeper/);
  });

  it.each([
    ["int", jmx.int(2 ** 31)],
    ["int", jmx.int(0.5)],
    ["long", jmx.long(2n ** 63n)],
  ])("refuses what does not fit a java %s", (_, value) => {
    expect(() => written(value)).toThrow(expect.toSatisfy((error) => isAppError(error, "internal")));
  });
});
