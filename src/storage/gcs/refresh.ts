/** Renewing an object's date: the store rewrites it onto itself, with everything it has beside its bytes. */
import { AppError } from "../../errors.ts";
import { type Operation, textOf } from "../../http/http.ts";
import type { CallOptions } from "../contract.ts";
import type { GcsContext } from "./context.ts";
import { objectPath } from "./object.ts";
import { jsonBody, slowMs } from "./wire.ts";

/** Properties that a rewrite takes from the bucket or loses. */
const kept =
  "cacheControl,contentDisposition,contentEncoding,contentLanguage,contentType,customTime,metadata,storageClass";

/** Two requests; more where the store copies the bytes, and does so in several calls. */
export async function renewDate(
  { bucket, wire }: GcsContext,
  key: string,
  operation: Operation,
  { signal }: CallOptions = {},
): Promise<void> {
  const path = objectPath(bucket, key);
  const old = await wire.ask({ method: "GET", path, query: { fields: kept }, signal, operation });
  const rewrite = {
    method: "POST",
    path: `${path}/rewriteTo${path.slice("/storage/v1".length)}`,
    ...jsonBody(old),
  } as const;
  let rewriteToken: string | undefined;
  for (;;) {
    const query = { fields: "done,rewriteToken", rewriteToken };
    const answer = await wire.ask({ ...rewrite, query, signal, operation }, slowMs);
    if (answer["done"] === true) return;
    rewriteToken = textOf(answer, "rewriteToken");
    if (rewriteToken === "") {
      throw new AppError("protocol", `cannot ${operation.what}: the store does not say how the rewrite goes on`);
    }
  }
}
