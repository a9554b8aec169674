import { describe, expect, test } from "vitest";
import { ManualClock } from "../../test/harness/manual-clock.ts";
import { bytesSource, collect } from "../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { AppError } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import { openStorage } from "./open.ts";
import { faultyStorage } from "./testing/faulty.ts";
import { memoryStorage } from "./testing/memory.ts";
import { withLogging } from "./wrappers/logging.ts";

const options = { clock: new ManualClock(), random: () => 0.5, log: silentLogger };

describe("openStorage", () => {
  test("Azure is opened without asking it, and wants to know who asks", async () => {
    const opening = openStorage({ protocol: "azure", bucket: "b" }, options);
    await expect(opening).rejects.toMatchObject({ code: "unauthorized" });
    const environment = { AZURE_STORAGE_ACCOUNT: "account", AZURE_STORAGE_KEY: "a2V5" };
    const storage = await openStorage({ protocol: "azure", bucket: "b" }, { ...options, settings: { environment } });
    expect(storage.description).toBe("container azure://b");
    await storage.close();
  });

  test("a file store needs a root", async () => {
    await expect(openStorage({ protocol: "file", bucket: "b" }, options)).rejects.toMatchObject({ code: "usage" });
  });

  test("for reading only it reads, and refuses every change", async () => {
    await using directory = await temporaryDirectory();
    const location = { protocol: "file", root: directory.path, bucket: "b" } as const;
    const writable = await openStorage(location, options);
    await writable.createBucket();
    await writable.put("k", bytesSource(Buffer.from("x")));
    const storage = await openStorage(location, { ...options, readOnly: true });
    const refused = { code: "internal" };
    await expect(storage.createBucket()).rejects.toMatchObject(refused);
    await expect(storage.put("k2", bytesSource(Buffer.from("y")))).rejects.toMatchObject(refused);
    await expect(storage.refresh("k")).rejects.toMatchObject(refused);
    await expect(storage.delete(["k"])).rejects.toMatchObject(refused);
    expect((await collect(await storage.get("k"))).toString()).toBe("x");
    expect(await storage.stat("k2")).toBeUndefined();
  });
});

describe("withLogging", () => {
  test("says what was called, how long it took and how it failed", async () => {
    const lines: string[] = [];
    const log: Logger = { ...silentLogger, debug: (line) => lines.push(line) };
    const clock = new ManualClock();
    const error = new AppError("unreachable", "no answer");
    const slow = faultyStorage(memoryStorage({ clock }), [
      { method: "stat", fault: { kind: "before", error } },
      { method: "refresh", fault: { kind: "wait", until: clock.sleep(1500) } },
    ]);
    const storage = withLogging(slow, log, clock);
    await storage.put("d/k", bytesSource(Buffer.alloc(2048)));
    await expect(storage.stat("d/k")).rejects.toBe(error);
    const refreshing = storage.refresh("d/k");
    await clock.advance(1500);
    await refreshing;
    await storage.get("d/k", { range: { start: 1, end: 3 } });
    await storage.delete(["a", "b"]);
    expect(lines).toEqual([
      "put d/k (2.00 KiB): 0 ms",
      "stat d/k: failed after 0 ms: no answer (unreachable)",
      "refresh d/k: 1.5 s",
      "get d/k from 1 to 3: 0 ms",
      "delete 2 objects, from a: 0 ms",
    ]);
  });
});
