import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { patient } from "./patience.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const root = join(import.meta.dirname, "..", "..");

/** Runs tests of a file with the project's runner. Gives the names of the files that its hooks have written. */
async function hooksRun(tests: string, deadline: string): Promise<readonly string[]> {
  await using directory = await temporaryDirectory();
  const runner = join(root, "test", "runner", "budgeted-runner.ts");
  const config = { test: { globals: true, runner, pool: "forks" } };
  await writeFile(join(directory.path, "vitest.config.mjs"), `export default ${JSON.stringify(config)}`);
  const imports = `import { writeFileSync } from "node:fs"; const note = (name) => writeFileSync("hook-" + name, "");`;
  await writeFile(join(directory.path, "a.test.mjs"), `${imports}\n${tests}`);
  const { PATH, HOME } = process.env;
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  await promisify(execFile)(process.execPath, [vitest, "run", "--root", directory.path], {
    cwd: directory.path,
    env: { PATH, HOME, ESOP_TEST_DEADLINE: deadline },
  }).catch(() => undefined);
  const names = (await readdir(directory.path)).filter((name) => name.startsWith("hook-"));
  return names.map((name) => name.slice("hook-".length)).sort();
}

describe("hooks end what was started when it was loaded", { timeout: patient(60_000) }, () => {
  const file = `
    afterAll(() => note("file"));
    describe("suite", () => { afterAll(() => note("suite")); test("t", () => note("test")); });`;

  test.each([
    ["that runs", file, "9999999999", ["file", "suite", "test"]],
    ["whose time is over", file, "1", ["file", "suite"]],
    ["whose suites are skipped", file.replace("describe(", "describe.skip("), "9999999999", ["file", "suite"]],
    [
      "one of whose suites is skipped",
      `${file} describe.skip("other", () => { afterAll(() => note("other")); test("t", () => undefined); });`,
      "9999999999",
      ["file", "other", "suite", "test"],
    ],
    ["whose preparation has not run", `${file} beforeAll(() => note("before"));`, "1", []],
  ])("by a file %s", async (_, tests, deadline, hooks) => {
    expect(await hooksRun(tests, deadline)).toEqual(hooks);
  });
});
