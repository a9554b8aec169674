/** Answers that Google does not give: of servers in between, and of servers that leave out what the protocol asks for. */
import { describe, expect, test } from "vitest";
import { answeredStore } from "../../../test/harness/answering-server.ts";
import { bytesSource, toArray } from "../../../test/harness/sample-bytes.ts";

const protocol = { code: "protocol", retryable: true };

test("a 404 of a proxy does not tell that anything is gone", async () => {
  await using store = await answeredStore("gcs", () => ({ status: 404, body: "404 page not found\n" }));
  const told = { code: "storage", retryable: true };
  await expect(store.storage.stat("k")).rejects.toMatchObject(told);
  await expect(store.storage.get("k")).rejects.toMatchObject(told);
  expect((await store.storage.delete(["a"])).failed).toMatchObject([{ key: "a", error: told }]);
  await expect(toArray(store.storage.list(""))).rejects.toMatchObject(told);
});

describe("a success that is not the store's", () => {
  test.each([["", "{}", "[]", '{"status":"ok"}', "null"]].flat())(
    "is no empty bucket and no object: '%s'",
    async (body) => {
      await using store = await answeredStore("gcs", () => ({ body }));
      await expect(store.storage.bucketExists()).rejects.toMatchObject(protocol);
      await expect(toArray(store.storage.list(""))).rejects.toMatchObject(protocol);
      await expect(store.storage.children("")).rejects.toMatchObject(protocol);
      await expect(store.storage.stat("k")).rejects.toMatchObject(protocol);
    },
  );

  test.each(["", "{}", '{"size":"9"}'])(
    "is no put, and takes away nothing that was there before: '%s'",
    async (body) => {
      await using store = await answeredStore("gcs", () => ({ body }));
      await expect(store.storage.put("k", bytesSource(Buffer.alloc(10)))).rejects.toMatchObject(protocol);
      expect(store.asked.filter((asked) => asked.startsWith("DELETE"))).toEqual([]);
    },
  );
});

test("a listing without objects is an empty one", async () => {
  await using store = await answeredStore("gcs", () => ({ body: '{"kind":"storage#objects"}' }));
  expect(await toArray(store.storage.list(""))).toEqual([]);
});

test("words of a server are told in one line, without what a terminal would obey", async () => {
  const error = { code: 403, message: "No.\u001b[2J\r\nesop: done\u009b1A", errors: [{ reason: "for\u0007bidden" }] };
  await using store = await answeredStore("gcs", () => ({ status: 403, body: JSON.stringify({ error }) }));
  const message = "cannot look for 'k' in bucket gcp://bucket: the store answered for bidden: no. [2J  esop: done 1A";
  await expect(store.storage.stat("k")).rejects.toMatchObject({ code: "unauthorized", message });
});

test("an object without a name is not left out of a listing", async () => {
  const body = JSON.stringify({ kind: "storage#objects", items: [{ size: "1" }] });
  await using store = await answeredStore("gcs", () => ({ body }));
  await expect(toArray(store.storage.list(""))).rejects.toMatchObject(protocol);
});
