/**
 * A process that puts objects into a file store until it is killed: `put-until-killed.ts <root> <bucket> <seed>`. Prints
 * the key of each put that has finished, one a line. Keys tell what must be in them: see contentOf.
 */
import { pathToFileURL } from "node:url";
import { systemClock } from "../../src/clock.ts";
import { fileStorage } from "../../src/storage/file/file.ts";
import { bytesSource, sampleBytes, seededRandom } from "./sample-bytes.ts";

/** The bytes of the object of a key ".../<size>-<seed>". */
export function contentOf(key: string): Buffer {
  const [size, seed] = (key.split("/").at(-1) ?? "").split("-").map(Number);
  return sampleBytes(size ?? 0, seed);
}

/** One of these, at random, is what the replaced key holds. */
export const replacedKey = "d/replaced";
export const replacements = [sampleBytes(90_000, 1), sampleBytes(60_000, 2), sampleBytes(30_000, 3)];

async function putForever(root: string, bucket: string, seed: number): Promise<never> {
  const random = seededRandom(seed);
  const storage = fileStorage({ root, bucket, clock: systemClock });
  const putSome = async () => {
    for (;;) {
      const [size, number] = [Math.floor(random() * 100_000), Math.floor(random() * 1e9)];
      const key = `d/${number % 3}/e${number % 2}/${size}-${number}`;
      await storage.put(key, bytesSource(contentOf(key), 8192), { ifAbsent: number % 2 === 0 });
      process.stdout.write(`${key}\n`);
      const replacement = replacements[number % replacements.length];
      if (replacement !== undefined) await storage.put(replacedKey, bytesSource(replacement, 8192));
    }
  };
  return Promise.race(Array.from({ length: 4 }, putSome));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [root = "", bucket = "", seed = "0"] = process.argv.slice(2);
  await putForever(root, bucket, Number(seed));
}
