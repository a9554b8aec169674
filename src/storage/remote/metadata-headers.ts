import type { ResponseHeaders } from "../../http/http.ts";

/** The headers of a response whose names begin so, by the rest of their names: where stores put the metadata. */
export function prefixedHeaders(headers: ResponseHeaders, prefix: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(prefix)) found[name.slice(prefix.length)] = value;
  }
  return found;
}
