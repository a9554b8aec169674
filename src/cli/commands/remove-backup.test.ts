import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { requestOf } from "../../../test/harness/request-of.ts";
import { quietLog, SampleNode } from "../../../test/harness/sample-node.ts";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { systemClock } from "../../clock.ts";
import { AppError } from "../../errors.ts";
import { acquireLock, repositoryLockName } from "../../operation/operation.ts";
import { silentProgress } from "../../progress.ts";
import { openStorage } from "../../storage/storage.ts";
import { removeBackupCommand } from "./remove-backup.ts";

it("--rate goes on after a removal that was refused since a backup was running", async () => {
  await using directory = await temporaryDirectory();
  const [root, cacheDir] = [directory.path, `${directory.path}/cache`];
  const location = { protocol: "file", root, bucket: "bucket" } as const;
  await using stack = new AsyncDisposableStack();
  const open = {
    clock: systemClock,
    log: quietLog,
    random: Math.random,
    readOnly: false,
    settings: { environment: {} },
  };
  const retry = { intervalMs: 1, strategy: "linear", maxAttempts: 1 } as const;
  const storage = stack.adopt(await openStorage(location, { ...open, retry }), (opened) => opened.close());
  await storage.createBucket({});
  const node = new SampleNode(storage);
  await node.backUp("old", 1000, [1]);
  await node.backUp("new", 2000, [1]);

  const { path } = node.repository;
  const name = await repositoryLockName({ ...location, node: path });
  const lock = await acquireLock({ name, subject: "it", verb: "backup", cacheDir, clock: systemClock, log: quietLog });
  const stop = new AbortController();
  const seen: string[][] = [];
  const sleep = async () => {
    seen.push(await node.names());
    await lock[Symbol.asyncDispose]();
    if (seen.length > 1) throw new AppError("cancelled", "stopped");
  };
  const request = requestOf("remove-backup", {
    "storage-location": `file://${root}/bucket/${path.cluster}/${path.datacenter}/${path.node}`,
    "older-than": "1h",
    rate: "1day",
    "cache-dir": cacheDir,
  });
  const warnings: string[] = [];
  const log = { ...quietLog, warn: (message: string) => warnings.push(message) };
  const nothing = () => undefined;
  const settings = { json: false, quiet: true, debug: false };
  const output = {
    settings,
    columns: undefined,
    result: nothing,
    note: nothing,
    warn: nothing,
    progress: silentProgress,
  };
  const context = {
    clock: { ...systemClock, sleep },
    log,
    output,
    progress: silentProgress,
    signal: stop.signal,
    environment: {},
    random: Math.random,
    randomBytes,
  };
  await expect(removeBackupCommand.run(request, context)).rejects.toMatchObject({ code: "cancelled" });
  expect(seen.map((names) => names.length)).toEqual([2, 1]);
  expect(warnings).toEqual([expect.stringMatching(/in use by backup, process .*; retrying in 24 h/)]);
});
