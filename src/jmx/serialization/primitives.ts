import type { ByteQueue } from "./byte-queue.ts";
import type { RawValue } from "./graph.ts";
import { need, type Parse } from "./parse.ts";

interface Primitive {
  readonly size: number;
  readonly decode: (bytes: Buffer, at: number) => RawValue;
}

/** Java's primitive types by their code in descriptors; all numbers are big-endian. */
const primitives = {
  B: { size: 1, decode: (bytes, at) => bytes.readInt8(at) },
  C: { size: 2, decode: (bytes, at) => String.fromCharCode(bytes.readUInt16BE(at)) },
  D: { size: 8, decode: (bytes, at) => bytes.readDoubleBE(at) },
  F: { size: 4, decode: (bytes, at) => bytes.readFloatBE(at) },
  I: { size: 4, decode: (bytes, at) => bytes.readInt32BE(at) },
  J: { size: 8, decode: (bytes, at) => bytes.readBigInt64BE(at) },
  S: { size: 2, decode: (bytes, at) => bytes.readInt16BE(at) },
  Z: { size: 1, decode: (bytes, at) => bytes.readUInt8(at) !== 0 },
} as const satisfies Record<string, Primitive>;

type PrimitiveCode = keyof typeof primitives;

export function isPrimitive(type: string): type is PrimitiveCode {
  return Object.hasOwn(primitives, type);
}

export function* primitiveValue(input: ByteQueue, type: PrimitiveCode): Parse<RawValue> {
  const { size, decode } = primitives[type];
  if (input.length < size) yield* need(input, size);
  return input.read<RawValue>(size, decode);
}

/** Elements waited for at once: few enough that a claimed length costs nothing before its bytes arrive. */
const elementsAtOnce = 4096;

export function* primitiveValues(input: ByteQueue, type: PrimitiveCode, count: number, into: RawValue[]): Parse<void> {
  const { size, decode } = primitives[type];
  for (let done = 0; done < count; ) {
    const now = Math.min(count - done, elementsAtOnce);
    yield* need(input, now * size);
    for (let i = 0; i < now; i++) into.push(input.read<RawValue>(size, decode));
    done += now;
  }
}
