import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { parseStorageLocation } from "../request/request.ts";
import { dataLockFiles, repositoryLockName } from "./lock-names.ts";

const node = { cluster: "c", datacenter: "dc1", node: "n" };
const nameOf = (location: string) => repositoryLockName({ node, ...parseStorageLocation(location) });

it("the lock of a repository has one name for all protocols and paths that reach it", async () => {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, "real"));
  await symlink("real", join(directory.path, "link"));
  const names = await Promise.all(
    ["s3://b", "s3://b/c/dc1/n/", "minio://b/c/dc1/n", "ceph://b", "oracle://b/c/dc1/n"].map(nameOf),
  );
  expect(new Set(names).size).toBe(1);
  // The bucket need not exist yet.
  const below = (name: string) => nameOf(`file://${directory.path}/${name}/bucket/c/dc1/n`);
  expect(await below("link")).toBe(await below("real"));
});

it("the locks of other nodes, buckets and kinds of stores have other names", async () => {
  const all = ["s3://b", "gcp://b", "azure://b", "file:///r/b", "s3://b2", "s3://b/c/dc1/n2", "s3://b/c2/dc1/n"];
  expect(new Set(await Promise.all(all.map(nameOf))).size).toBe(all.length);
});

it("the lock file of a data directory is next to it", async () => {
  await using directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  await mkdir(data);
  expect(await dataLockFiles([data], "backup")).toEqual([join(directory.path, ".esop-backup-data.lock")]);
});
