import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { quietLog } from "../../test/harness/sample-node.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import type { LocalFile } from "../cassandra/cassandra.ts";
import { HashRecord } from "./hash-record.ts";

let directory: TemporaryDirectory;
let path: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, "hashes/node.json");
});

afterEach(() => directory[Symbol.asyncDispose]());

const file: LocalFile = {
  path: "/d/nb-1-big-Statistics.db",
  name: "nb-1-big-Statistics.db",
  sizeBytes: 10,
  inode: 2n ** 60n + 1n,
  device: 5n,
  modifiedNs: 1_795_353_054_515_123_457n,
};
const [hash, other] = ["a".repeat(64), "b".repeat(64)];

describe("the record of hashes", () => {
  it("knows a file again by what it is, whatever its path", async () => {
    const first = await HashRecord.load(path, quietLog);
    expect(first.get(file)).toBeUndefined();
    first.set(file, hash);
    await first.save();
    const second = await HashRecord.load(path, quietLog);
    expect(second.get({ ...file, path: "/d/snapshots/x", name: "other" })).toBe(hash);
  });

  it.each([{ sizeBytes: 11 }, { inode: 2n ** 60n }, { device: 6n }, { modifiedNs: file.modifiedNs + 1n }])(
    "does not know a file that differs in %o",
    async (difference) => {
      const record = await HashRecord.load(path, quietLog);
      record.set(file, hash);
      await record.save();
      expect((await HashRecord.load(path, quietLog)).get({ ...file, ...difference })).toBeUndefined();
    },
  );

  it("forgets what a run neither used nor learned", async () => {
    const [used, unused, learned] = [file, { ...file, inode: 2n }, { ...file, inode: 3n }];
    const first = await HashRecord.load(path, quietLog);
    first.set(used, hash);
    first.set(unused, hash);
    await first.save();
    const second = await HashRecord.load(path, quietLog);
    expect(second.get(used)).toBe(hash);
    second.set(learned, other);
    await second.save();
    const third = await HashRecord.load(path, quietLog);
    expect([used, unused, learned].map((each) => third.get(each))).toEqual([hash, undefined, other]);
    expect(await readdir(dirname(path))).toEqual(["node.json"]);
  });

  it.each(["", "{", "null", "[]", "7", '"text"', '{"5:1:1:1":7}', '{"x":"short"}'])(
    "that is damaged is as good as none: %j",
    async (text) => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      const record = await HashRecord.load(path, quietLog);
      expect(record.get(file)).toBeUndefined();
      record.set(file, hash);
      await record.save();
      expect(Object.values(JSON.parse(await readFile(path, "utf8")))).toEqual([hash]);
    },
  );

  it("takes no hash that is none", async () => {
    const record = await HashRecord.load(path, quietLog);
    record.set(file, hash);
    await record.save();
    await writeFile(path, (await readFile(path, "utf8")).replace(hash, hash.toUpperCase()));
    expect((await HashRecord.load(path, quietLog)).get(file)).toBeUndefined();
  });

  it("that cannot be kept fails nothing, and says so", async () => {
    const warnings: string[] = [];
    const log = { ...quietLog, warn: (text: string) => void warnings.push(text) };
    await writeFile(join(directory.path, "hashes"), "in the way");
    const record = await HashRecord.load(path, log);
    record.set(file, hash);
    await record.save();
    expect(warnings).toMatchObject([expect.stringContaining("cannot keep the record of hashes")]);
  });
});
