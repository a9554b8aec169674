/** The main job with a store that speaks Google Cloud Storage, and asks for a workload's tokens. */
import { afterAll, describe, expect, it } from "vitest";
import { startFakeGcs } from "../harness/fake-gcs.ts";
import { backUpDestroyRestoreRemove } from "../harness/main-job.ts";
import type { ServerProcess } from "../harness/server-process.ts";
import { spoilingProxy } from "../harness/spoiling-proxy.ts";
import { tokenServer } from "../harness/token-server.ts";

const started = await startFakeGcs();

describe.skipIf("reason" in started)(
  `a store of Google Cloud Storage${"reason" in started ? `: ${started.reason}` : ""}`,
  () => {
    const server = started as ServerProcess;
    afterAll(() => server[Symbol.asyncDispose]());

    it("takes backups of a real node, gives every row back, and gets rid of them", async () => {
      await using tokens = await tokenServer();
      await using guard = await spoilingProxy(server);
      guard.spoil(({ headers }) =>
        headers.authorization?.startsWith("Bearer token-") === true ? undefined : { kind: "answer", status: 401 },
      );
      const environment = {
        STORAGE_EMULATOR_HOST: guard.endpoint,
        GOOGLE_APPLICATION_CREDENTIALS: tokens.credentialsFile,
        GOOGLE_CLOUD_PROJECT: "test",
      };
      await backUpDestroyRestoreRemove({ protocol: "gcp", environment });
      expect(tokens.given.length).toBeGreaterThan(3);
    });
  },
);
