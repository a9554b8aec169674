/** What the S3 driver makes of servers and networks that fail, on a real server behind a proxy that spoils. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { casesOn } from "../harness/cases-on.ts";
import { startStore } from "../harness/object-stores.ts";
import { openS3 } from "../harness/opened-s3.ts";
import { bytesSource, sampleBytes } from "../harness/sample-bytes.ts";
import { describeFaults } from "./faults-contract.ts";
import { proxiedS3 } from "./proxied-s3.ts";
import { mebibyte } from "./proxied-store.ts";

casesOn("faults: S3", await startStore("versitygw"), (server) => {
  describeFaults(proxiedS3(server));

  test("a bit that flips in the first body of all is no wrong key where the store has answered before", async () => {
    await using made = await openS3(server);
    await using s3 = await openS3(server, { bucket: made.bucket, dialect: { integrity: "signed-chunks" } });
    const { storage, proxy } = s3;
    expect(await storage.bucketExists()).toBe(true);
    proxy.spoilOne(({ method }) => method === "PUT", { kind: "flip", at: 2 * mebibyte - 500 });
    const put = storage.put("k", bytesSource(sampleBytes(2 * mebibyte)));
    await expect(put).rejects.toMatchObject({ code: "corrupt", retryable: true });
  });

  test("a bucket that is elsewhere is told, with its region", async () => {
    await using s3 = await openS3(server);
    const { storage, proxy } = s3;
    const headers = { "x-amz-bucket-region": "eu-central-1" };
    proxy.spoil(() => ({ kind: "answer", status: 301, headers }));
    const elsewhere = { code: "usage", hint: "add --region eu-central-1" };
    await expect(storage.bucketExists()).rejects.toMatchObject(elsewhere);
    await expect(storage.get("k")).rejects.toMatchObject(elsewhere);
  });

  describe("credentials", () => {
    afterEach(() => {
      vi.unstubAllEnvs();
    });

    test("that are nowhere are unauthorized, and say where to put them", async () => {
      for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
      vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
      vi.stubEnv("AWS_CONFIG_FILE", "/nowhere");
      vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
      const opening = openS3(server, { bucket: "bbb", s3: { environment: {} } });
      const hint = expect.stringContaining("AWS_ACCESS_KEY_ID");
      await expect(opening).rejects.toMatchObject({ code: "unauthorized", hint });
    });
  });
});
