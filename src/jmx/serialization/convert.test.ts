import { describe, expect, it } from "vitest";
import { expectedValues } from "../../../test/harness/jmx-values.ts";
import { recordedAnswers, recordedValues } from "../../../test/harness/rude-jmx-server.ts";
import { parseReply, type Reply } from "../rmi/call.ts";
import { ByteQueue } from "./byte-queue.ts";
import { toJmxValue } from "./convert.ts";
import type { ClassDescriptor, RawObject, RawValue } from "./graph.ts";
import { parseAll } from "./parse.ts";

function reply(bytes: Buffer | undefined): Reply {
  const input = new ByteQueue();
  input.push(bytes ?? Buffer.alloc(0));
  return parseAll(parseReply(input, "m()Ljava/lang/Object;"));
}

function returned(answer: Reply): RawValue {
  if (answer.kind !== "value") throw answer.error;
  return answer.value;
}

function thrownBy(name: string): Extract<Reply, { kind: "thrown" }> {
  const answer = reply(recordedAnswers.get(name));
  if (answer.kind !== "thrown") throw new Error(`${name} is no exception`);
  return answer;
}

function rawObject(className: string, fields: Record<string, RawValue>): RawObject {
  const descriptor: ClassDescriptor = {
    kind: "descriptor",
    name: className,
    interfaces: [],
    flags: 2,
    fields: [],
    superclass: null,
    chainLength: 1,
  };
  return { kind: "object", descriptor, data: [{ className, fields: new Map(Object.entries(fields)), annotation: [] }] };
}

describe("toJmxValue", () => {
  it.each([...expectedValues])("gives a %s of real Java as plain data", (name, expected) => {
    expect(toJmxValue(returned(reply(recordedValues.get(name))))).toEqual(expected);
  });

  it("keeps the class and fields of what it does not know", () => {
    expect(toJmxValue(rawObject("a.B", { x: 1, y: "z" }))).toEqual({
      className: "a.B",
      fields: new Map<string, RawValue>([
        ["x", 1],
        ["y", "z"],
      ]),
    });
  });

  describe("of parts that an answer shares", () => {
    const nulls = (length: number): RawValue[] => Array.from({ length }, () => null);
    const list = (values: RawValue[]): RawValue => ({ kind: "array", componentType: "Ljava.lang.Object;", values });

    it("converts an array of characters once", () => {
      const characters: RawValue = {
        kind: "array",
        componentType: "C",
        values: Array.from({ length: 100_000 }, () => "x"),
      };
      const converted = toJmxValue(list(Array.from({ length: 100_000 }, () => characters)));
      expect(converted).toHaveLength(100_000);
    });

    it.each<[string, () => RawValue]>([
      [
        "the keys of a map",
        () => {
          const map = rawObject("java.util.HashMap", {});
          const annotation = nulls(20_000).flatMap((_, n): RawValue[] => [n, null]);
          const shared: RawObject = {
            ...map,
            data: [{ className: "java.util.HashMap", fields: new Map(), annotation }],
          };
          return list(nulls(10_000).map(() => rawObject("java.util.Collections$SetFromMap", { m: shared })));
        },
      ],
      [
        "the arrays of a map",
        () => {
          const keys = list(nulls(10_000).map((_, n) => n));
          const form = () =>
            rawObject("com.google.common.collect.ImmutableMap$SerializedForm", { keys, values: list(nulls(1)) });
          return list(nulls(10_000).map(form));
        },
      ],
      [
        "the digits of a number",
        () => {
          const intVal = rawObject("java.math.BigInteger", {
            signum: 1,
            magnitude: { kind: "bytes", bytes: Buffer.alloc(4096, 0xff) },
          });
          return list(nulls(10_000).map(() => rawObject("java.math.BigDecimal", { intVal, scale: 1000 })));
        },
      ],
    ])("bounds the memory of copies of %s", (_, raw) => {
      expect(() => toJmxValue(raw())).toThrow(/more than 64 MiB of memory/);
    });
  });

  it("reads guava's serialized forms", () => {
    const array = (...values: RawValue[]): RawValue => ({ kind: "array", componentType: "Ljava.lang.Object;", values });
    const guava = (name: string, fields: Record<string, RawValue>) =>
      toJmxValue(rawObject(`com.google.common.collect.${name}$SerializedForm`, fields));
    expect(guava("ImmutableList", { elements: array("a") })).toEqual(["a"]);
    expect(guava("ImmutableSet", { elements: array("a") })).toEqual(["a"]);
    expect(guava("ImmutableMap", { keys: array("a"), values: array(1) })).toEqual(new Map([["a", 1]]));
  });

  it("gives the same object for the same object", () => {
    const inner = rawObject("a.B", {});
    const outer = toJmxValue({ kind: "array", componentType: "La.B;", values: [inner, inner] });
    expect(Array.isArray(outer) && outer[0] === outer[1]).toBe(true);
  });

  it("refuses views that lead back to themselves", () => {
    const fields: Record<string, RawValue> = {};
    const view = rawObject("java.util.Arrays$ArrayList", fields);
    const data = view.data[0];
    view.data[0] = { className: data?.className ?? "", fields: new Map([["a", view]]), annotation: [] };
    expect(() => toJmxValue(view)).toThrow(/view of itself/);
  });

  it("refuses chains of references that nest deeper than any stream", () => {
    let at: RawValue = null;
    for (let i = 0; i < 5_000; i++) at = rawObject("a.B", { next: at });
    expect(() => toJmxValue(at)).toThrow(/nest deeper/);
  });
});

describe("toRemoteError", () => {
  it.each([
    ["no such mbean", ["javax.management.InstanceNotFoundException"], "test:type=None"],
    ["no such attribute", ["javax.management.AttributeNotFoundException"], "No such attribute: None"],
    ["no such operation", ["javax.management.ReflectionException", "java.lang.NoSuchMethodException"], undefined],
    [
      "checked exception",
      ["javax.management.MBeanException", "java.io.IOException", "java.lang.IllegalStateException"],
      "inner words",
    ],
  ])("follows the causes of %s", (name, classes, message) => {
    const { error, closing } = thrownBy(name);
    const chain: string[] = [];
    for (let at: typeof error | undefined = error; at !== undefined; at = at.javaCause) chain.push(at.className);
    expect(chain).toEqual(classes);
    if (message !== undefined) expect(error.innermost.message).toBe(message);
    expect(closing).toBe(false);
    expect(error.frames.length).toBeGreaterThan(0);
  });

  it("knows superclasses by name", () => {
    expect(thrownBy("no such mbean").error.classNames).toContain("javax.management.JMException");
    expect(thrownBy("checked exception").error.involves("java.io.IOException")).toBe(true);
    expect(thrownBy("checked exception").error.involves("java.lang.Error")).toBe(false);
  });

  it.each(["malformed name", "not serializable"])("says that %s closes the connection", (name) => {
    expect(thrownBy(name).closing).toBe(true);
  });
});
