import type { ByteQueue } from "./byte-queue.ts";
import { decodeModifiedUtf8 } from "./modified-utf8.ts";

/**
 * A parser that can be left and resumed in the middle: an answer has no length in front, its end is known only by
 * parsing it. It yields how many bytes must be buffered before it makes sense to resume it.
 */
export type Parse<T> = Generator<number, T, void>;

export function* need(input: ByteQueue, count: number): Parse<void> {
  while (input.length < count) yield count;
}

export function* u1(input: ByteQueue): Parse<number> {
  if (input.length < 1) yield* need(input, 1);
  return input.read(1, (bytes, at) => bytes.readUInt8(at));
}

export function* u2(input: ByteQueue): Parse<number> {
  if (input.length < 2) yield* need(input, 2);
  return input.read(2, (bytes, at) => bytes.readUInt16BE(at));
}

export function* int(input: ByteQueue): Parse<number> {
  if (input.length < 4) yield* need(input, 4);
  return input.read(4, (bytes, at) => bytes.readInt32BE(at));
}

export function* long(input: ByteQueue): Parse<bigint> {
  if (input.length < 8) yield* need(input, 8);
  return input.read(8, (bytes, at) => bytes.readBigInt64BE(at));
}

/** u2 length in bytes, then modified UTF-8. */
export function* utf(input: ByteQueue): Parse<string> {
  const length = yield* u2(input);
  yield* need(input, length);
  return decodeModifiedUtf8(input.take(length));
}

/** Runs a parser over bytes that are all there; throws RangeError when they end too soon. */
export function parseAll<T>(parse: Parse<T>): T {
  const step = parse.next();
  if (step.done !== true) throw new RangeError(`the bytes end where ${step.value} more are needed`);
  return step.value;
}
