import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { listening } from "../../test/harness/listening.ts";
import { requestOf } from "../../test/harness/request-of.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { systemClock } from "../clock.ts";
import { silentLogger } from "../log.ts";
import { acquireLock, repositoryLockName } from "../operation/operation.ts";
import { silentProgress } from "../progress.ts";
import type { AppContext } from "./context.ts";
import { run } from "./run.ts";

const context: AppContext = {
  clock: systemClock,
  log: silentLogger,
  progress: silentProgress,
  signal: new AbortController().signal,
  environment: {},
  random: Math.random,
  randomBytes,
};

test("what a verb has opened stays open until the verb has ended", async () => {
  const server = createServer((_, response) => void response.writeHead(404).end());
  await using store = await listening(server);
  const request = requestOf("list", {
    "storage-location": "minio://bucket/cluster/dc/node",
    endpoint: store.address,
    "retry-enabled": "false",
  });
  const environment = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_KEY: "secret" };
  await expect(run("list", request, { ...context, environment })).rejects.toMatchObject({
    code: "not-found",
    message: "there is no bucket s3://bucket",
  });
});

test("rotate-key is refused while a backup of the node holds its part of the repository", async () => {
  await using directory = await temporaryDirectory();
  const [root, cacheDir] = [directory.path, `${directory.path}/cache`];
  const request = requestOf("rotate-key", {
    "storage-location": `file://${root}/bucket/c/dc1/node1`,
    "cache-dir": cacheDir,
    "encryption-key-file": `${root}/key`,
    "new-data-key": "true",
  });
  const node = { cluster: "c", datacenter: "dc1", node: "node1" };
  const name = await repositoryLockName({ protocol: "file", root, bucket: "bucket", node });
  await using _lock = await acquireLock({ ...context, name, subject: "it", verb: "backup", cacheDir });
  await expect(run("rotate-key", request, context)).rejects.toMatchObject({
    code: "busy",
    message: expect.stringMatching(/^the repository of node node1 is in use by backup, process \d+/),
  });
});
