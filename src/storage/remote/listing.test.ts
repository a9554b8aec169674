import { expect, test } from "vitest";
import { type Lister, type ListingPage, listFolders, listObjects } from "./listing.ts";

const operation = { what: "list it", permission: "" };
const page = (names: readonly string[], next?: string): ListingPage => ({
  objects: names.map((key) => ({ key, sizeBytes: 1, modifiedMs: 0 })),
  folders: names.map((name) => `${name}/`),
  next,
});

/** Pages by their markers. */
function lister(pages: Readonly<Record<string, ListingPage>>): Lister {
  return { operation, page: async ({ marker = "first" }) => pages[marker] ?? page([]) };
}

async function keysOf(of: Lister, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of listObjects(of, prefix)) keys.push(key);
  return keys;
}

test("pages follow each other, an empty one as well, and what is no key or does not begin with the prefix is left out", async () => {
  const three = lister({
    first: page(["a/1", "a//2", "b"], "2"),
    "2": page([], "3"),
    "3": page(["a/3", "a/.", "a/3"], ""),
  });
  expect(await keysOf(three, "a/")).toEqual(["a/1", "a/3", "a/3"]);
  expect(await listFolders(three, "a/")).toEqual(["1", "3"]);
});

test("a store that does not go on is told", async () => {
  const stuck = lister({ first: page(["a"], "2"), "2": page(["b"], "2") });
  const failure = { code: "protocol", retryable: false, message: expect.stringMatching(/^cannot list it/) };
  await expect(keysOf(stuck, "")).rejects.toMatchObject(failure);
  await expect(listFolders(stuck, "")).rejects.toMatchObject(failure);
});

test("an abort ends a listing between two objects", async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const aborted = async () => {
    for await (const { key } of listObjects(lister({ first: page(["a", "b"]) }), "", { signal: stop.signal })) {
      seen.push(key);
      stop.abort();
    }
  };
  await expect(aborted()).rejects.toMatchObject({ code: "cancelled" });
  expect(seen).toEqual(["a"]);
});
