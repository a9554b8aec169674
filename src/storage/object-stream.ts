import type { ByteStream, ObjectStream } from "./contract.ts";

/** The bytes, with what was put beside them. */
export function objectStream(stream: ByteStream, metadata: ObjectStream["metadata"]): ObjectStream {
  if (metadata === undefined) return stream;
  return { metadata, [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() };
}

export async function* nothing(): AsyncGenerator<Uint8Array, void> {}
