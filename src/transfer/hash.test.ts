import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sampleBytes } from "../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { createHasher, hashFile } from "./hash.ts";

describe("hashes as manifests write them", () => {
  test.each([
    ["SHA-256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["SHA-256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["CRC", "", "0"],
    ["CRC", "123456789", "3421780262"],
    ["NONE", "abc", undefined],
  ] as const)("%s of '%s'", async (algorithm, text, expected) => {
    const hasher = createHasher(algorithm);
    for (const letter of text) await hasher.update(Buffer.from(letter));
    expect(await hasher.digest()).toBe(expected);
  });

  test("of a file of several chunks", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "file");
    const bytes = sampleBytes(700_001);
    await writeFile(path, bytes);
    expect(await hashFile(path, "SHA-256")).toBe(createHash("sha256").update(bytes).digest("hex"));
    await expect(hashFile(path, "CRC", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
    await expect(hashFile(join(directory.path, "no"), "CRC")).rejects.toMatchObject({ code: "not-found" });
  });
});
