import type { ResponseHeaders } from "../http/http.ts";
import type { ByteStream, ObjectStream } from "./storage.ts";

/** The bytes, with what was put beside them. */
export function objectStream(stream: ByteStream, metadata: ObjectStream["metadata"]): ObjectStream {
  if (metadata === undefined) return stream;
  return { metadata, [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() };
}

export async function* nothing(): AsyncGenerator<Uint8Array, void> {}

/** The headers of a response whose names begin so, by the rest of their names: where stores put the metadata. */
export function prefixedHeaders(headers: ResponseHeaders, prefix: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(prefix) && typeof value === "string") found[name.slice(prefix.length)] = value;
  }
  return found;
}
