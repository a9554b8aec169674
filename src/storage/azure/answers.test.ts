/** Answers that are not the store's, and those of accounts with a hierarchical namespace. */
import { describe, expect, test } from "vitest";
import { answeredStore } from "../../../test/harness/answering-server.ts";
import { bytesSource, toArray } from "../../../test/harness/sample-bytes.ts";

const ofStore = { "x-ms-request-id": "1", "x-ms-version": "2021-12-02" };
const listing = (blobs: string) => ({
  headers: ofStore,
  body: `<EnumerationResults><Blobs>${blobs}</Blobs><NextMarker/></EnumerationResults>`,
});
const blob = (name: string, properties: string) =>
  `<Blob><Name>${name}</Name><Properties>${properties}</Properties></Blob>`;

test.each([
  ["in plain text", "404 page not found\n"],
  ["without a body", ""],
])("a 404 of a proxy, %s, does not tell that anything is gone", async (_, body) => {
  await using store = await answeredStore("azure", () => ({ status: 404, body }));
  const told = { code: "storage", retryable: true };
  await expect(store.storage.stat("k")).rejects.toMatchObject(told);
  await expect(store.storage.get("k")).rejects.toMatchObject(told);
  await expect(store.storage.delete(["a", "b"])).rejects.toMatchObject(told);
  expect((await store.storage.delete(["a"])).failed).toMatchObject([{ key: "a", error: told }]);
  await expect(toArray(store.storage.list(""))).rejects.toMatchObject(told);
});

describe("a success that is not the store's", () => {
  const told = { code: "protocol", retryable: true };

  test("is no put, no renewal and no deletion", async () => {
    await using store = await answeredStore("azure", () => ({ headers: { etag: '"e"' }, body: "welcome" }));
    await expect(store.storage.put("k", bytesSource(Buffer.alloc(10)))).rejects.toMatchObject(told);
    await expect(store.storage.refresh("k")).rejects.toMatchObject(told);
    expect((await store.storage.delete(["a"])).failed).toMatchObject([{ key: "a", error: told }]);
  });
});

test("a blob whose length is not told is not taken for an empty one", async () => {
  await using store = await answeredStore("azure", () => listing(blob("k", "")));
  await expect(toArray(store.storage.list(""))).rejects.toMatchObject({ code: "protocol", retryable: true });
});

test("directories of a hierarchical namespace are no objects", async () => {
  const directory = "<Content-Length>0</Content-Length><ResourceType>directory</ResourceType>";
  const file = "<Content-Length>3</Content-Length><ResourceType>file</ResourceType>";
  await using store = await answeredStore("azure", ({ method }) =>
    method === "HEAD"
      ? { headers: { ...ofStore, "content-length": "0", "x-ms-resource-type": "directory" } }
      : listing(blob("a", directory) + blob("a/k", file)),
  );
  expect((await toArray(store.storage.list(""))).map(({ key }) => key)).toEqual(["a/k"]);
  expect(await store.storage.stat("a")).toBeUndefined();
});
