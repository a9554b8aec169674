/** What the driver of Google Cloud Storage makes of servers and networks that fail, behind a proxy that spoils. */
import { describe, expect, test } from "vitest";
import { casesOn } from "../harness/cases-on.ts";
import { startGcsServers } from "../harness/fake-gcs.ts";
import { openGcs } from "../harness/opened-gcs.ts";
import type { OpenedStore } from "../harness/opened-store.ts";
import { bytesSource, sampleBytes } from "../harness/sample-bytes.ts";
import type { SeenRequest } from "../harness/spoiling-proxy.ts";
import { describeFaults } from "./faults-contract.ts";
import { chunkBytes, jsonError, proxiedGcs } from "./proxied-gcs.ts";
import { isOf, kindsSeen, mebibyte, retry, retrying } from "./proxied-store.ts";
import { keysOf, read } from "./storage-fixture.ts";

casesOn("faults: Google Cloud Storage", await startGcsServers(), ({ rough, sessions }) => {
  const store = proxiedGcs(sessions);
  describeFaults(store);

  test("no credentials that are good enough: where to put others is told", async () => {
    await using gcs = await openGcs(rough);
    gcs.proxy.spoil(() => ({ kind: "answer", status: 401, body: jsonError(401, "required") }));
    const hint = expect.stringContaining("GOOGLE_APPLICATION_CREDENTIALS");
    await expect(gcs.storage.get("k")).rejects.toMatchObject({ code: "unauthorized", hint });
  });

  describe("an upload in chunks", () => {
    const bytes = sampleBytes(3 * mebibyte + 77);
    const [isLast, isChunk] = [isOf(store, "end"), isOf(store, "piece", "end", "question")];
    const isSecond = ({ headers }: SeenRequest) => headers["content-range"]?.startsWith("bytes 1048576-") === true;
    const begun = (opened: OpenedStore) => kindsSeen(store, opened).filter((kind) => kind === "begin").length;

    test("of which the store keeps a part goes on from there", async () => {
      await using opened = await store.open({ inPieces: true, retry });
      const { storage, proxy } = opened;
      sessions.takeAtMost(600_000);
      await storage.put("k", bytesSource(bytes));
      expect((await read(storage, "k")).equals(bytes)).toBe(true);
      expect(begun(opened)).toBe(1);
      const ranges = proxy.seen.filter(isChunk).map(({ headers }) => headers["content-range"]);
      expect(ranges.slice(0, 3)).toEqual([
        `bytes 0-1048575/${bytes.length}`,
        `bytes 524288-1048575/${bytes.length}`,
        `bytes 1048576-2097151/${bytes.length}`,
      ]);
    });

    test("in which a bit flips is refused at its end, and mended by another", async () => {
      await using opened = await store.open({ inPieces: true, retry });
      const { storage, proxy } = opened;
      proxy.spoilOne(isSecond, { kind: "flip", at: 700_000 });
      const put = storage.put("k", bytesSource(bytes));
      await expect(put).rejects.toMatchObject({ code: "corrupt", retryable: true });
      expect(await keysOf(storage)).toEqual([]);
      proxy.spoilOne(isLast, { kind: "flip", at: 7 });
      await retrying(storage).put("k", bytesSource(bytes));
      expect((await read(storage, "k")).equals(bytes)).toBe(true);
      expect(begun(opened)).toBe(3);
    });

    test("that the store has lost begins anew", async () => {
      await using opened = await store.open({ inPieces: true, retry });
      const { storage, proxy } = opened;
      let lost = false;
      proxy.spoil((request) => {
        if (lost || !isSecond(request)) return undefined;
        lost = true;
        sessions.forget();
        return undefined;
      });
      await retrying(storage).put("k", bytesSource(bytes));
      expect((await read(storage, "k")).equals(bytes)).toBe(true);
      expect(begun(opened)).toBe(2);
    });

    test("with which the store gets nowhere is given up", async () => {
      await using opened = await store.open({ inPieces: true, retry });
      const { storage, proxy } = opened;
      proxy.spoil((request) => (isChunk(request) ? { kind: "answer", status: 308 } : undefined));
      const failure = { code: "storage", retryable: false };
      await expect(storage.put("k", bytesSource(bytes))).rejects.toMatchObject(failure);
    });

    test("comes through, whole, where the server knows nothing of checksums and answers questions by finishing", async () => {
      await using gcs = await openGcs(rough, { chunkBytes, retry });
      const { storage, proxy } = gcs;
      for (const [fits, spoil] of [
        [isSecond, { kind: "flip", at: 700_000 }],
        [isSecond, { kind: "reset" }],
        [isLast, { kind: "lose-answer" }],
      ] as const) {
        proxy.spoilOne(fits, spoil);
        const put = storage.put("k", bytesSource(bytes));
        await expect(put).rejects.toMatchObject({ retryable: true });
        if (spoil.kind !== "lose-answer") expect(await keysOf(storage)).toEqual([]);
        proxy.spoilOne(fits, spoil);
        await retrying(storage).put("k", bytesSource(bytes));
        expect((await read(storage, "k")).equals(bytes)).toBe(true);
        await storage.delete(["k"]);
      }
    });
  });
});
