import { constants } from "node:fs";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { PartFile, type PartFileOptions } from "./part-file.ts";

/** The flags of this process's descriptor of the file, as Linux tells them. */
async function flagsOf(path: string): Promise<number> {
  for (const descriptor of await readdir("/proc/self/fd")) {
    const target = await readlink(`/proc/self/fd/${descriptor}`).catch(() => "");
    if (target !== path) continue;
    const flags = /^flags:\s*([0-7]+)$/m.exec(await readFile(`/proc/self/fdinfo/${descriptor}`, "utf8"))?.[1];
    return Number.parseInt(flags ?? "", 8);
  }
  throw new Error(`${path} is not open`);
}

const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

test.each<[string, PartFileOptions, number]>([
  ["a small file's bytes", { sizeBytes: 4096 }, constants.O_DSYNC],
  ["a small file's bytes and owner", { sizeBytes: 4096, owner: self }, constants.O_SYNC],
  ["a large file's bytes at its end only", { sizeBytes: 10_000_000 }, 0],
  ["bytes of unknown number at the end only", {}, 0],
  ["nothing at the end only", { sizeBytes: 0 }, 0],
])("each write brings to the disk: %s", async (_, options, expected) => {
  await using directory = await temporaryDirectory();
  const [path, target] = [join(directory.path, "part"), join(directory.path, "target")];
  const file = await PartFile.create(path, options);
  expect((await flagsOf(path)) & constants.O_SYNC).toBe(expected);
  await file.write(Buffer.from("bytes"));
  await file.finish(target);
  expect(await readFile(target, "utf8")).toBe("bytes");
  expect(await readdir(directory.path)).toEqual(["target"]);
});

test("what is discarded is gone; what is there already is left alone", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "part");
  const file = await PartFile.create(path);
  await expect(PartFile.create(path)).rejects.toMatchObject({ code: "EEXIST" });
  await file.write(Buffer.from("bytes"));
  expect((await stat(path)).size).toBe(5);
  await file.discard();
  await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
});
