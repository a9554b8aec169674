import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recordedAnswers, recordedValues } from "../../../test/harness/rude-jmx-server.ts";
import { isAppError } from "../../errors.ts";
import { parseReply, type Reply } from "../rmi/call.ts";
import { type JmxArgument, type JmxValue, jmx } from "../values.ts";
import { ByteQueue } from "./byte-queue.ts";
import { toJmxValue } from "./convert.ts";
import type { RawValue } from "./graph.ts";
import type { Parse } from "./parse.ts";
import { ObjectStreamReader } from "./reader.ts";
import { type DescriptorAnnotation, ObjectStreamWriter } from "./writer.ts";

/** The first object of a stream that arrives in the given pieces; throws `incomplete` when they do not hold it. */
function readPieces(pieces: Iterable<Buffer>): RawValue {
  const input = new ByteQueue();
  return drive(input, pieces, readOne(new ObjectStreamReader(input)));
}

function* readOne(reader: ObjectStreamReader): Parse<RawValue> {
  yield* reader.header();
  return yield* reader.value();
}

const incomplete = new Error("incomplete");

function drive<T>(input: ByteQueue, pieces: Iterable<Buffer>, parse: Parse<T>): T {
  const arriving = pieces[Symbol.iterator]();
  for (let step = parse.next(); ; step = parse.next()) {
    if (step.done === true) return step.value;
    while (input.length < step.value) {
      const piece = arriving.next();
      if (piece.done === true) throw incomplete;
      input.push(piece.value);
    }
  }
}

function read(hex: string): JmxValue {
  return toJmxValue(readPieces([Buffer.from(hex.replaceAll(" ", ""), "hex")]));
}

function reply(bytes: Buffer): Reply {
  const input = new ByteQueue();
  return drive(input, [bytes], parseReply(input, "m()Ljava/lang/Object;"));
}

function* singleBytes(bytes: Buffer): Generator<Buffer> {
  for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1);
}

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.string({ unit: "binary" }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(jmx.int),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(jmx.long),
  fc.double({ noNaN: true }).map(jmx.double),
  fc.array(fc.string()).map(jmx.stringArray),
  fc.uniqueArray(fc.string()).map(jmx.stringSet),
  fc.dictionary(fc.string(), fc.string()).map(jmx.stringMap),
);
const argument: fc.Arbitrary<JmxArgument> = fc.letrec<{ any: JmxArgument }>((tie) => ({
  any: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie("any"), { maxLength: 4 }).map(jmx.list)),
})).any;

/** What a server would give back for an argument. */
function asValue(value: JmxArgument): JmxValue {
  if (value === null || typeof value !== "object") return value;
  switch (value.type) {
    case "int":
    case "double":
    case "long":
      return value.value;
    case "stringArray":
      return [...value.values];
    case "set":
    case "list":
      return value.items.map(asValue);
    case "map":
      return new Map(value.entries.map(([key, item]) => [asValue(key), asValue(item)]));
  }
}

function bytesOf(value: JmxArgument, annotation: DescriptorAnnotation): Buffer {
  const writer = new ObjectStreamWriter(annotation);
  writer.value(value);
  return writer.finish();
}

describe("ObjectStreamReader", () => {
  it("reads what the writer wrote, in whatever pieces it arrives", () => {
    fc.assert(
      fc.property(argument, fc.constantFrom<DescriptorAnnotation>("codebase", "none"), (value, annotation) => {
        const bytes = bytesOf(value, annotation);
        expect(toJmxValue(readPieces([bytes]))).toEqual(asValue(value));
        expect(toJmxValue(readPieces(singleBytes(bytes)))).toEqual(asValue(value));
      }),
    );
  });

  it("waits for more where an answer is cut, and never finds an end before the end", () => {
    for (const answer of [...recordedAnswers.values()].filter((bytes) => bytes.length < 3000)) {
      for (let end = 0; end < answer.length; end += 7) {
        const input = new ByteQueue();
        const method = answer.length < 30 ? "m()Z" : "m()Ljava/lang/Object;";
        if (answer.length === 22) continue; // void: its end is that of its header
        expect(() => drive(input, [answer.subarray(0, end)], parseReply(input, method))).toThrow(incomplete);
      }
    }
  });

  it("reads long strings", () => {
    const long = "ü".repeat(40_000);
    expect(toJmxValue(readPieces([bytesOf(long, "none")]))).toBe(long);
  });

  it("resolves references to the same object", () => {
    const list = readPieces([Buffer.from(`${listOf("74000178 71007e0002")}`, "hex")]);
    expect(toJmxValue(list)).toEqual(["x", "x"]);
  });

  it.each([
    ["no stream header", "0000 0005"],
    ["an unknown element", "aced0005 60"],
    ["a reference to nothing", "aced0005 71007e0000"],
    ["a reference below the first handle", "aced0005 7100000000"],
    ["an object without a class", "aced0005 7370"],
    ["an object whose class is a string", "aced0005 7374000178"],
    ["an array whose class is none", "aced0005 75 720001580000000000000000 020000 7870 00000000"],
    ["a negative array length", "aced0005 75 7200025b490000000000000000 020000 7870 ffffffff"],
    ["a field of an unknown type", "aced0005 73 720001580000000000000000 020001 51000161 7870"],
    ["a class that is its own superclass", "aced0005 73 720001580000000000000000 020000 78 71007e0000"],
    ["an object of an unfinished class", "aced0005 72 000158 0000000000000000 02 0001 4c000161 7371007e0000"],
    ["a negative block length", "aced0005 73 720001580000000000000000 030000 7870 7affffffff"],
    ["raw bytes in place of an object", "aced0005 7701 00"],
    ["a long string of negative length", "aced0005 7c ffffffffffffffff"],
    ["a long string of an absurd length", "aced0005 7c 7fffffffffffffff"],
    ["an enum constant without a name", "aced0005 7e 720001580000000000000000 120000 7870 70"],
    ["a proxy with a negative number of interfaces", "aced0005 73 7d ffffffff"],
    ["a reset within an object", `${listOf("79 70")}`],
    ["a string that is not modified utf-8", "aced0005 740001ff"],
    ["an end mark alone", "aced0005 78"],
  ])("refuses %s", (_, hex) => {
    expect(() => read(hex)).toThrow(expect.toSatisfy((error) => isAppError(error, "protocol")));
  });

  it("names the class that only java could read", () => {
    const externalizable = "aced0005 73 720003612e42 0000000000000000 040000 7870";
    expect(() => read(externalizable)).toThrow(
      expect.toSatisfy((error) => isAppError(error, "unsupported") && error.message.includes("a.B")),
    );
  });

  it("reads an externalizable object whose data is delimited", () => {
    expect(read("aced0005 73 720003612e42 0000000000000000 0c0000 7870 7701ff 70 78")).toMatchObject({
      className: "a.B",
    });
  });

  it("asks for the bytes of a claimed length instead of allocating it", () => {
    const input = new ByteQueue();
    input.push(Buffer.from("aced000575720002 5b42 0000000000000000 020000 7870 7fffffff".replaceAll(" ", ""), "hex"));
    expect(readOne(new ObjectStreamReader(input)).next()).toEqual({ done: false, value: 0x7fffffff });
  });

  it("reads objects that nest as deep as it allows, in single bytes, and no deeper", () => {
    const depth = (at: RawValue) => {
      let levels = 0;
      for (let inner: RawValue | undefined = at; typeof inner === "object" && inner?.kind === "array"; levels++) {
        inner = inner.values[0];
      }
      return levels;
    };
    expect(depth(readPieces(singleBytes(nested(499))))).toBe(499);
    expect(() => readPieces([nested(500)])).toThrow(/nest deeper/);
  });

  it("bounds the memory that an endless answer claims", () => {
    const head = Buffer.from("aced000575720002 5b4c 0000000000000000 020000 7870 7fffffff".replaceAll(" ", ""), "hex");
    function* nulls(): Generator<Buffer> {
      yield head;
      for (;;) yield Buffer.alloc(65_536, 0x70);
    }
    expect(() => readPieces(nulls())).toThrow(/more than 64 MiB of memory/);
  });

  it.each(Object.entries(amplified))("bounds the memory that %s claim by few bytes on the wire", (_, hex) => {
    expect(() => readPieces(hex())).toThrow(/more than 64 MiB of memory/);
  });

  it("ends in a value or an AppError for every mutation of real answers", () => {
    const samples = [
      ...recordedValues.values(),
      ...[...recordedAnswers.values()].map((bytes) => bytes.subarray(0, 3000)),
    ];
    const mutation = fc.record({
      sample: fc.constantFrom(...samples),
      edits: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 }),
    });
    let refused = 0;
    fc.assert(
      fc.property(mutation, ({ sample, edits }) => {
        const bytes = Buffer.from(sample);
        for (const [at, value] of edits) bytes[16 + (at % Math.max(1, bytes.length - 16))] = value;
        try {
          const answer = reply(bytes);
          if (answer.kind === "value") toJmxValue(answer.value);
        } catch (error) {
          if (error !== incomplete && !isAppError(error)) throw error;
          refused += 1;
        }
      }),
      { numRuns: 5_000 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});

const bytesFrom = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** An endless list; its elements refer to what stands before the list by the handles from 7e0000 on. */
function* endless(head: string, element: string): Generator<Buffer> {
  yield bytesFrom(head);
  const elements = bytesFrom(element.repeat(Math.ceil(16_384 / element.length)));
  for (let sent = 0; sent < 5 * 1024 * 1024; sent += elements.length) yield elements;
}

const objectArray = "aced0005 75 720002 5b4c 0000000000000000 020000 7870 7fffffff";
/** Streams of a few MiB that would otherwise become hundreds. */
const amplified: Readonly<Record<string, () => Generator<Buffer>>> = {
  "the fields of a class": () =>
    endless(objectArray, `72 000158 0000000000000000 02 ffff ${"42 0000".repeat(65_535)} 7870`),
  "objects of a class with many fields": () =>
    endless(
      `${objectArray} 73 72 000158 0000000000000000 02 4000 ${many(0x4000, (n) => `42 0004 ${ascii(n)}`)} 7870 ${"00".repeat(0x4000)}`,
      `73 71007e0002 ${"00".repeat(0x4000)}`,
    ),
  "objects of a class with many superclasses": () =>
    endless(`${objectArray} 73 ${"72 000158 0000000000000000 02 0000 78".repeat(60)} 70`, "73 71007e0002"),
  "blocks in an annotation": () => endless("aced0005 73 72 000158 0000000000000000 03 0000 7870", "7700"),
  "the interfaces of a proxy": () => endless("aced0005 73 7d 7fffffff", "0000"),
};

function many(count: number, item: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => item(index)).join("");
}

/** The number as four characters, in hex. */
function ascii(index: number): string {
  return Buffer.from(index.toString(16).padStart(4, "0")).toString("hex");
}

/** A stream with an ArrayList whose elements are given as hex. */
function listOf(elements: string): string {
  return `aced0005 73 720013${Buffer.from("java.util.ArrayList").toString("hex")} 7881d21d99c7619d 03 0000 7870 ${elements} 78`.replaceAll(
    " ",
    "",
  );
}

/** Arrays of one element within each other, the innermost holding null. */
function nested(levels: number): Buffer {
  const head = "aced0005 75 720002 5b4c 0000000000000000 020000 7870 00000001".replaceAll(" ", "");
  const inner = "75 71007e0000 00000001".replaceAll(" ", "").repeat(levels - 1);
  return Buffer.from(`${head}${inner}70`, "hex");
}
