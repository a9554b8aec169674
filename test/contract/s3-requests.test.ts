/** What the S3 driver asks of a server, counted and looked at on the wire. */
import { expect, test } from "vitest";
import { upload } from "../../src/transfer/transfer.ts";
import { casesOn } from "../harness/cases-on.ts";
import { countedBudget } from "../harness/counted-budget.ts";
import { startStore } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import { bytesSource, collect, sampleBytes } from "../harness/sample-bytes.ts";
import { partBytes, proxiedS3 } from "./proxied-s3.ts";
import { mebibyte } from "./proxied-store.ts";
import { describeRequests } from "./requests-contract.ts";

casesOn("requests: S3", await startStore("versitygw"), (server) => {
  describeRequests(proxiedS3(server));

  test("what an object was told goes with the request that makes it, and with no part", async () => {
    const s3Options = {
      storageClass: "STANDARD_IA",
      tags: { team: "db + co", stage: "ünï" },
      encryption: { kind: "s3" },
    } as const;
    await using s3 = await openS3(server, { partBytes, s3: s3Options });
    const { storage, proxy } = s3;
    const settings = {
      "x-amz-storage-class": "STANDARD_IA",
      "x-amz-tagging": "team=db+%2B+co&stage=%C3%BCn%C3%AF",
      "x-amz-server-side-encryption": "AES256",
    };
    proxy.forget();
    await storage.put("c/d/n/k", bytesSource(sampleBytes(2 * partBytes + 5)));
    const [begin, ...rest] = proxy.seen;
    expect(begin?.headers).toMatchObject(settings);
    expect(rest).toHaveLength(4);
    for (const { headers } of rest) expect(Object.keys(headers)).not.toContain("x-amz-storage-class");
    proxy.forget();
    await storage.put("c/d/n/small", bytesSource(sampleBytes(100)));
    await storage.put("c/d/n/middle", bytesSource(sampleBytes(300_000)));
    const [small, middle] = proxy.seen;
    expect(middle?.headers).toMatchObject(settings);
    expect(small?.headers).toMatchObject({ "x-amz-tagging": settings["x-amz-tagging"] });
    expect(Object.keys(small?.headers ?? {})).not.toContain("x-amz-storage-class");
  });

  test("no body is stored with the frames it was sent in", async () => {
    for (const integrity of ["crc32-trailer", "signed-chunks", "hash-first"] as const) {
      await using s3 = await openS3(server, { dialect: { integrity } });
      const { storage, proxy } = s3;
      const bytes = sampleBytes(3 * mebibyte + 11);
      const budget = countedBudget();
      await upload(storage, "k", bytesSource(bytes), { algorithm: "SHA-256", rateLimit: budget });
      expect(budget.takenBytes).toBe(bytes.length);
      expect((await collect(await storage.get("k"))).equals(bytes)).toBe(true);
      expect(proxy.seen.some(({ headers }) => headers["x-amz-trailer"] !== undefined)).toBe(
        integrity === "crc32-trailer",
      );
      const response = await fetch(`${proxy.endpoint}/${s3.bucket}/k`);
      expect(response.headers.get("content-encoding")).not.toBe("aws-chunked");
    }
  });
});
