import type { HttpResponse } from "./exchange.ts";

/** The whole body as UTF-8. Throws what the terms of the exchange make of a body that does not arrive whole. */
export async function responseText({ stream }: Pick<HttpResponse, "stream">): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
