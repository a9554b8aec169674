import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { patient } from "../../../test/harness/patience.ts";
import { contentOf, replacedKey, replacements } from "../../../test/harness/put-until-killed.ts";
import { collect, seededRandom, toArray } from "../../../test/harness/sample-bytes.ts";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { systemClock } from "../../clock.ts";
import { fileStorage } from "./file.ts";

const script = join(import.meta.dirname, "../../../test/harness/put-until-killed.ts");

/** Lets a process put objects until it has announced so many, kills it at that moment, and gives what it announced. */
async function putAndKill(root: string, seed: number, announcements: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, root, "bucket", String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const announced: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    announced.push(line);
    if (announced.length === announcements) child.kill("SIGKILL");
  }
  expect((await exited)[1]).toBe("SIGKILL");
  return announced;
}

test(
  "processes killed in the middle of puts leave whole objects only, and every finished one",
  async () => {
    await using directory = await temporaryDirectory();
    const root = directory.path;
    const storage = fileStorage({ root, bucket: "bucket", clock: systemClock });
    await storage.createBucket();
    const random = seededRandom(7);
    let leftovers = 0;
    for (let round = 0; round < 20; round++) {
      const announced = await putAndKill(root, round, 1 + Math.floor(random() * 12));
      const listed = (await toArray(storage.list(""))).map(({ key }) => key);
      expect(listed).toEqual(expect.arrayContaining(announced));
      for (const key of listed) {
        const bytes = await collect(await storage.get(key));
        const allowed = key === replacedKey ? replacements : [contentOf(key)];
        expect(allowed.some((content) => content.equals(bytes))).toBe(true);
      }
      leftovers += (await readdir(join(root, "bucket", ".esop-tmp"))).length;
      await storage.delete(listed);
    }
    // Else no process was ever killed in the middle of anything, and nothing was proved.
    expect(leftovers).toBeGreaterThan(20);
  },
  patient(60_000),
);
