/** What every driver makes of servers that refuse, and of bytes that are spoiled or of which a piece does not arrive. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import { bytesSource, sampleBytes, toArray } from "../harness/sample-bytes.ts";
import type { SeenRequest, Spoil } from "../harness/spoiling-proxy.ts";
import { describeNetwork } from "./faults-contract-network.ts";
import { isOf, kindsSeen, mebibyte, type ProxiedStore, retry, retrying } from "./proxied-store.ts";
import { keysOf, read, text } from "./storage-fixture.ts";

/** One suite for every driver that speaks HTTP. */
export function describeFaults(store: ProxiedStore): void {
  describe("a bit that flips on the way", () => describeFlips(store));
  describe("answers of the server", () => describeRefusals(store));
  describe("a network that fails", () => describeNetwork(store));
  describe("an upload in pieces", () => {
    describePieces(store);
    describeEnd(store);
  });
}

function describeFlips(store: ProxiedStore): void {
  const cases = store.proofs.flatMap((proof) => [1000, 300_000, 3 * mebibyte].map((size) => ({ proof, size })));
  test.each(cases)("is refused by $proof in $size bytes, and succeeds when tried again", async ({ proof, size }) => {
    await using opened = await store.open({ proof });
    const { storage, proxy } = opened;
    const bytes = sampleBytes(size);
    // Behind whatever frames the bytes.
    proxy.spoilOne(isOf(store, "put"), { kind: "flip", at: size - 300 });
    await expect(storage.put("k", bytesSource(bytes))).rejects.toMatchObject({ code: "corrupt", retryable: true });
    expect(await keysOf(storage)).toEqual([]);
    proxy.spoilOne(isOf(store, "put"), { kind: "flip", at: size / 2 + 200 });
    await retrying(storage).put("k", bytesSource(bytes));
    expect((await read(storage, "k")).equals(bytes)).toBe(true);
  });

  if (!store.pieces.provedAlone) return;
  test.each(store.proofs)("in a piece that %s proves costs that piece alone", async (proof) => {
    await using opened = await store.open({ proof, inPieces: true });
    const { storage, proxy } = opened;
    const bytes = sampleBytes(2 * store.pieces.sizeBytes + 7);
    proxy.spoilOne(isOf(store, "piece"), { kind: "flip", at: 700_000 });
    await storage.put("k", bytesSource(bytes));
    expect(proxy.seen.filter(isOf(store, "piece"))).toHaveLength(4);
    expect((await read(storage, "k")).equals(bytes)).toBe(true);
  });
}

/** What an answer without a code comes to, which servers in between give. */
const bare: readonly (readonly [status: number, code: "", comesTo: ErrorCode, retryable: boolean])[] = [
  [401, "", "unauthorized", false],
  [403, "", "unauthorized", false],
  [404, "", "storage", true],
  [408, "", "storage", true],
  [429, "", "throttled", true],
  [500, "", "storage", true],
  [501, "", "unsupported", false],
  [502, "", "storage", true],
  [503, "", "throttled", true],
];

function describeRefusals(store: ProxiedStore): void {
  const { refusals } = store;
  const rows = [...refusals.coded, ...bare];
  test.each(rows)("%i %s is %s, worth trying again: %s", async (status, answered, code, retryable) => {
    await using opened = await store.open();
    const { storage, proxy } = opened;
    proxy.spoil((request) => refusals.answer(request, status, answered));
    const calls = [
      () => storage.put("k", text("x")),
      () => storage.get("k"),
      () => storage.children("a/"),
      () => toArray(storage.list("")),
      // Looks at the object first.
      ...(refusals.toldWithoutBody || (answered === "" && status !== 404) ? [() => storage.refresh("k")] : []),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code, retryable });
  });

  test("name what the operator can do", async () => {
    await using opened = await store.open();
    const { storage, proxy } = opened;
    const { code, write, look, bucket } = refusals.denied;
    proxy.spoil((request) => refusals.answer(request, 403, code));
    const denied = (hint: string) => ({ code: "unauthorized", hint: expect.stringContaining(hint) });
    await expect(storage.put("a/k", text("x"))).rejects.toMatchObject({
      ...denied(write),
      message: `cannot write 'a/k' in ${storage.description}: the store answered ${code}: said so`,
    });
    await expect(storage.stat("a/k")).rejects.toMatchObject(denied(look));
    await expect(storage.bucketExists()).rejects.toMatchObject(denied(bucket));
  });

  test("of single keys of a deletion are told apart", async () => {
    await using opened = await store.open();
    const { storage, proxy } = opened;
    proxy.spoil((request) => refusals.deletion(request));
    const { failed } = await storage.delete(["a", "b", "c", "d"]);
    expect([...failed].sort((x, y) => (x.key < y.key ? -1 : 1))).toMatchObject([
      { key: "a", error: { code: "unauthorized" } },
      { key: "b", error: { code: "storage", retryable: true } },
    ]);
  });

  const { openWithWrongKey } = store;
  if (openWithWrongKey === undefined) return;
  test("to a wrong key are unauthorized, and never say it", async () => {
    const secret = Buffer.from("another key").toString("base64");
    await using opened = await openWithWrongKey(secret);
    const refused = (call: Promise<unknown>) => call.catch((error: unknown) => error);
    const errors = [await refused(opened.storage.get("k")), await refused(opened.storage.bucketExists())];
    expect(errors[0]).toMatchObject({ hint: expect.stringContaining("key") });
    for (const error of errors) {
      expect(error).toMatchObject({ code: "unauthorized" });
      expect(inspect(error, { depth: 10 })).not.toContain(secret);
    }
  });
}

/** Pieces may go side by side: whichever comes second. */
function second(fits: (request: SeenRequest) => boolean): (request: SeenRequest) => boolean {
  let count = 0;
  return (request) => {
    if (fits(request)) count += 1;
    return count === 2;
  };
}

const faults: readonly { readonly name: string; readonly spoil: Spoil }[] = [
  { name: "a 503", spoil: { kind: "answer", status: 503 } },
  { name: "a 429", spoil: { kind: "answer", status: 429 } },
  { name: "a reset", spoil: { kind: "reset" } },
  { name: "silence", spoil: { kind: "silence" } },
  { name: "a lost answer", spoil: { kind: "lose-answer" } },
];

function describePieces(store: ProxiedStore): void {
  const { sizeBytes, asksAfterFailure } = store.pieces;
  const bytes = sampleBytes(2 * sizeBytes + 77);
  const [isPiece, isEnd] = [isOf(store, "piece"), isOf(store, "end")];
  const cases = faults.flatMap(({ name, spoil }) => [
    { name, spoil, which: "second", fits: second(isPiece) },
    // An SDK would wait too long.
    ...(spoil.kind !== "silence" || store.sendsAll ? [{ name, spoil, which: "last", fits: isEnd }] : []),
  ]);
  test.each(cases)("goes on where it was after $name to its $which request", async ({ spoil, fits }) => {
    const timeouts = { connectMs: 5000, idleMs: 2 * store.idleMs };
    await using opened = await store.open({ inPieces: true, retry, ...(spoil.kind === "silence" ? { timeouts } : {}) });
    const { storage, proxy } = opened;
    proxy.spoilOne(fits, spoil);
    await storage.put("k", bytesSource(bytes));
    expect((await read(storage, "k")).equals(bytes)).toBe(true);
    const kinds = kindsSeen(store, opened);
    expect(kinds.filter((kind) => kind === "begin")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "question")).toHaveLength(asksAfterFailure ? 1 : 0);
    const sent = proxy.seen.filter((request) => isPiece(request) || isEnd(request));
    const distinct = new Set(sent.map(({ url, headers }) => `${url} ${headers["content-range"]}`));
    expect(sent.length - distinct.size).toBe(spoil.kind === "lose-answer" && asksAfterFailure ? 0 : 1);
  });

  test.each(["piece", "end"] as const)(
    "that cannot get through its %s makes no object, and is not tried as a whole",
    async (kind) => {
      await using opened = await store.open({ inPieces: true, retry });
      const { storage, proxy } = opened;
      const fits = isOf(store, kind);
      proxy.spoil((request) => (fits(request) ? { kind: "answer", status: 500 } : undefined));
      const failure = { code: "storage", retryable: false };
      await expect(retrying(storage).put("k", bytesSource(bytes))).rejects.toMatchObject(failure);
      expect(kindsSeen(store, opened).filter((seen) => seen === "begin")).toHaveLength(1);
      if (kind === "end") expect(proxy.seen.filter(isEnd)).toHaveLength(retry.maxAttempts);
      expect(await storage.stat("k")).toBeUndefined();
      expect(await keysOf(storage)).toEqual([]);
    },
  );
}

function describeEnd(store: ProxiedStore): void {
  const sizeBytes = 2 * store.pieces.sizeBytes + 5;
  const [bytes, others] = [sampleBytes(sizeBytes), sampleBytes(sizeBytes, 2)];
  const isEnd = isOf(store, "end");

  test.each(["lose-answer", "reset"] as const)(
    "whose end meets a %s is there, also where it must be new",
    async (kind) => {
      await using opened = await store.open({ inPieces: true, retry });
      const { storage, proxy } = opened;
      proxy.spoilOne(isEnd, { kind });
      await storage.put("k", bytesSource(bytes), { ifAbsent: true });
      expect((await read(storage, "k")).equals(bytes)).toBe(true);
    },
  );

  test.each(["undisturbed", "reset"] as const)(
    "of a key that another has taken is not taken for ours: %s",
    async (how) => {
      await using opened = await store.open({ inPieces: true, retry });
      const { storage, proxy } = opened;
      await storage.put("k", bytesSource(others));
      if (how === "reset") proxy.spoilOne(isEnd, { kind: "reset" });
      const put = storage.put("k", bytesSource(bytes), { ifAbsent: true });
      await expect(put).rejects.toMatchObject({ code: "already-exists" });
      expect((await read(storage, "k")).equals(others)).toBe(true);
    },
  );
}
