/** What the driver of Google Cloud Storage asks of a server, counted and looked at on the wire. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { casesOn } from "../harness/cases-on.ts";
import { startFakeGcs } from "../harness/fake-gcs.ts";
import { openGcs } from "../harness/opened-gcs.ts";
import { bytesSource, sampleBytes } from "../harness/sample-bytes.ts";
import { chunkBytes, proxiedGcs } from "./proxied-gcs.ts";
import { describeRequests } from "./requests-contract.ts";
import { keysOf, text } from "./storage-fixture.ts";

casesOn("requests: Google Cloud Storage", await startFakeGcs(), (server) => {
  describeRequests(proxiedGcs(server));

  test("a listing asks for no more than it shows", async () => {
    await using gcs = await openGcs(server);
    const { storage, proxy } = gcs;
    await storage.put("k", text("x"));
    proxy.forget();
    expect(await keysOf(storage)).toEqual(["k"]);
    const asked = proxy.seen.map(({ url }) => new URL(url, "http://h").searchParams.get("fields"));
    expect(asked).toEqual(["kind,items(name,size,timeCreated),nextPageToken"]);
  });

  test("each chunk of a session says where it belongs, and the last one what all of them come to", async () => {
    await using gcs = await openGcs(server, { chunkBytes });
    const { storage, proxy } = gcs;
    const bytes = sampleBytes(3 * chunkBytes + 5);
    proxy.forget();
    await storage.put("c/d/n/k", bytesSource(bytes));
    expect(proxy.seen[0]?.headers["x-upload-content-length"]).toBe(String(bytes.length));
    expect(proxy.seen.slice(1).map(({ headers }) => headers["content-range"])).toEqual([
      "bytes 0-1048575/3145733",
      "bytes 1048576-2097151/3145733",
      "bytes 2097152-3145727/3145733",
      "bytes 3145728-3145732/3145733",
    ]);
    const hashed = proxy.seen.map(({ headers }) => headers["x-goog-hash"] !== undefined);
    expect(hashed).toEqual([false, false, false, false, true]);
  });

  test("a rewrite that takes several calls is continued", async () => {
    await using gcs = await openGcs(server);
    const { storage, proxy } = gcs;
    await storage.put("k", bytesSource(sampleBytes(10)));
    proxy.forget();
    const isRewrite = (url: string) => url.includes("/rewriteTo/");
    proxy.spoil(({ url }) => {
      const count = proxy.seen.filter((seen) => isRewrite(seen.url)).length;
      if (!isRewrite(url) || count > 2) return undefined;
      return { kind: "answer", status: 200, body: JSON.stringify({ done: false, rewriteToken: `t${count}` }) };
    });
    await storage.refresh("k");
    const tokens = proxy.seen.slice(1).map(({ url }) => new URL(url, "http://h").searchParams.get("rewriteToken"));
    expect(tokens).toEqual([null, "t1", "t2"]);
  });

  test("a bucket is created in the project that is named", async () => {
    const bucket = `b-${randomUUID()}`;
    await using gcs = await openGcs(server, { bucket });
    expect(await gcs.storage.bucketExists()).toBe(false);
    await gcs.storage.createBucket();
    await gcs.storage.createBucket();
    expect(await gcs.storage.bucketExists()).toBe(true);
    expect(gcs.proxy.seen.map(({ url }) => url)).toContain("/storage/v1/b?fields=name&project=p");
    await using unknown = await openGcs(server, { bucket: "bbb", options: { environment: {} } });
    const hint = expect.stringContaining("GOOGLE_CLOUD_PROJECT");
    await expect(unknown.storage.createBucket()).rejects.toMatchObject({ code: "usage", hint });
  });
});
