/** Answers that no store of S3 gives: of servers in between, and of servers that leave out what the protocol asks for. */
import { describe, expect, test } from "vitest";
import { answeredStore } from "../../../test/harness/answering-server.ts";
import { bytesSource, collect, toArray } from "../../../test/harness/sample-bytes.ts";

const date = "Wed, 01 Jan 2025 00:00:00 GMT";
const xml = { "content-type": "application/xml" };

describe("an object's length that is not told", () => {
  test.each([
    ["left out", {}],
    ["no number", { "content-length": "1e3" }],
  ])("is %s: the object is not taken for an empty one, nor overwritten as one", async (_, length) => {
    await using store = await answeredStore("s3", ({ method, headers }) => {
      if (method === "HEAD")
        return { headers: { "last-modified": date, etag: '"e"', "transfer-encoding": "chunked", ...length } };
      // A server that does not copy an object onto itself.
      return headers["x-amz-copy-source"] === undefined
        ? { headers: { etag: '"e"' } }
        : { status: 501, headers: xml, body: "<Error><Code>NotImplemented</Code></Error>" };
    });
    await expect(store.storage.stat("k")).rejects.toMatchObject({ code: "protocol" });
    await expect(store.storage.refresh("k")).rejects.toMatchObject({ code: "protocol" });
    expect(store.asked.filter((asked) => !asked.startsWith("HEAD"))).toEqual([]);
  });
});

describe("a listing", () => {
  test.each([
    ["another document", "<Maintenance><Until>noon</Until></Maintenance>"],
    ["the list of all buckets", "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"],
    ["an object without a key", "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>"],
    ["an object without a size", "<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>"],
    ["a folder without a name", "<ListBucketResult><CommonPrefixes/><Contents/></ListBucketResult>"],
    [
      "a key that cannot be decoded",
      "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%</Key><Size>1</Size></Contents></ListBucketResult>",
    ],
  ])("that is %s is none", async (_, body) => {
    await using store = await answeredStore("s3", () => ({ headers: xml, body }));
    await expect(toArray(store.storage.list(""))).rejects.toMatchObject({ code: "protocol", retryable: true });
  });
});

describe("a success that is not the store's", () => {
  const page = { headers: xml, body: "<Maintenance/>" };

  test("is no deletion", async () => {
    await using store = await answeredStore("s3", () => page);
    await expect(store.storage.delete(["a", "b"])).rejects.toMatchObject({ code: "protocol", retryable: true });
  });

  test.each([10, 300_000])("is no put of %i bytes: it has no ETag", async (sizeBytes) => {
    await using store = await answeredStore("s3", () => page);
    const put = store.storage.put("k", bytesSource(Buffer.alloc(sizeBytes)));
    await expect(put).rejects.toMatchObject({ code: "protocol", retryable: true });
  });

  test("is no renewal", async () => {
    const head = { headers: { "last-modified": date, etag: '"e"', "content-length": "5" } };
    await using store = await answeredStore("s3", ({ method }) => (method === "HEAD" ? head : page));
    await expect(store.storage.refresh("k")).rejects.toMatchObject({ code: "protocol", retryable: true });
  });
});

test.each([
  ["of a proxy, in plain text", "404 page not found\n"],
  ["of a proxy, as a page", "<html><body>Not Found</body></html>"],
])("a 404 %s does not tell that objects are gone", async (_, body) => {
  await using store = await answeredStore("s3", () => ({ status: 404, body }));
  const told = { code: "storage", retryable: true };
  await expect(store.storage.delete(["a", "b"])).rejects.toMatchObject(told);
  await expect(store.storage.get("k")).rejects.toMatchObject(told);
  await expect(toArray(store.storage.list(""))).rejects.toMatchObject(told);
});

describe("a read", () => {
  const part = (range: string) => ({ status: 206, headers: { "content-range": range }, body: "abc" });

  test("of the whole object is not answered by a part of it", async () => {
    await using store = await answeredStore("s3", () => part("bytes 0-2/9"));
    await expect(store.storage.get("k")).rejects.toMatchObject({ code: "protocol" });
  });

  test.each([["bytes 0-2/9"], ["bytes 5-7/9"], ["bytes 4-8/9"], ["bytes */9"], [""]])(
    "of a range is not answered by the range '%s'",
    async (range) => {
      await using store = await answeredStore("s3", () => part(range));
      const read = store.storage.get("k", { range: { start: 4, end: 7 } });
      await expect(read).rejects.toMatchObject({ code: "protocol" });
    },
  );

  test.each([["bytes 4-6/9"], ["bytes 4-6/*"], ["bytes 4-5/6"]])("of a range is answered by '%s'", async (range) => {
    await using store = await answeredStore("s3", () => part(range));
    expect(String(await collect(await store.storage.get("k", { range: { start: 4, end: 7 } })))).toBe("abc");
  });
});

describe("a server in between", () => {
  test("that redirects is told, and is no region", async () => {
    const redirect = { status: 301, headers: { location: "https://s3.example:8443/k?secret" }, body: "<html></html>" };
    await using store = await answeredStore("s3", () => redirect);
    const hint = "it redirects to https://s3.example:8443: name the store itself with --endpoint";
    const told = { code: "storage", retryable: false, hint };
    await expect(store.storage.get("k")).rejects.toMatchObject(told);
  });

  test("that wants a login of its own is told", async () => {
    await using store = await answeredStore("s3", () => ({ status: 407, body: "<html>Login</html>" }));
    const hint = "a proxy wants a login: see --proxy-username";
    await expect(store.storage.get("k")).rejects.toMatchObject({ code: "unauthorized", retryable: false, hint });
  });

  test("that finds nothing is told", async () => {
    await using store = await answeredStore("s3", () => ({ status: 404, body: "404 page not found" }));
    const hint = "the answer is not the store's: see --endpoint, and proxies on the way";
    await expect(store.storage.get("k")).rejects.toMatchObject({ code: "storage", retryable: true, hint });
  });
});
