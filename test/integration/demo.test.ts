/** `esop demo` as an operator runs it: it proves what it says, and leaves nothing, or a node to go on with. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { cacheDirectory, stopNodes } from "../harness/cassandra.ts";
import { esop, esopOk } from "../harness/esop.ts";
import { temporaryDirectory } from "../harness/temporary-directory.ts";

beforeAll(stopNodes);

const demo = (...more: readonly string[]) => ["demo", "--cache-dir", cacheDirectory(), ...more];

test("shows each step with the commands, compares every row, and leaves nothing", async () => {
  await using place = await temporaryDirectory();
  const run = await esop(demo(), { environment: { TMPDIR: place.path } });
  expect(run.stderr).toBe("");
  expect(run.status).toBe(0);
  expect(run.stdout).toMatch(/\$ \.\/esop backup \\\n/);
  expect(run.stdout).toMatch(/shop\.orders: truncated/);
  expect(run.stdout).toMatch(/\$ \.\/esop restore \\\n/);
  expect(run.stdout).toMatch(/shop\.orders: 2500 rows, 0 missing, 0 changed, 0 too many/);
  expect(run.stdout).toMatch(/restored all 3850 rows of 3 tables/);
  expect(await readdir(place.path)).toEqual([]);
});

test("keeps the node and the store on request, with commands to go on", async () => {
  await using place = await temporaryDirectory();
  const directory = join(place.path, "here");
  const report = await esopOk(...demo("--keep", "--directory", directory));
  expect(report).toMatchObject({ type: "demo", rows: 3850, tables: 3, kept: { directory } });
  const kept = JSON.stringify(report["kept"]);
  const [, pid = ""] = /"pid":(\d+)/.exec(kept) ?? [];
  onTestFinished(() => endProcess(Number(pid)));
  const [, location = ""] = /"location":"([^"]+)"/.exec(kept) ?? [];
  const [, jmxPort = ""] = /"jmxPort":(\d+)/.exec(kept) ?? [];
  expect(kept).toContain(`kill -9 ${pid} && rm -r ${directory}`);
  const service = ["--storage-location", location, "--jmx-service", `127.0.0.1:${jmxPort}`, "--cache-dir", place.path];
  expect(await esopOk("backup", ...service, "--snapshot-tag", "wednesday")).toMatchObject({ type: "backup" });
  expect(await esopOk("restore", ...service, "--snapshot-tag", "monday", "--entities", "shop.orders")).toMatchObject({
    strategy: "IMPORT",
    tables: 1,
  });
  expect(await esopOk("list", "--storage-location", location)).toMatchObject({ nodes: [{ total: { backups: 3 } }] });
});

test("an interrupt stops the node and deletes everything", async () => {
  await using place = await temporaryDirectory();
  const directory = join(place.path, "here");
  let heard = "";
  const run = await esop(demo("--json", "--directory", directory), {
    onStart: (child) => {
      child.onOutput((text) => {
        heard += text;
        const [, pid] = /process (\d+)/.exec(heard) ?? [];
        if (pid !== undefined) child.kill("SIGINT");
      });
    },
  });
  expect(run.status).toBe(130);
  expect(run.json).toMatchObject({ type: "error", code: "cancelled" });
  await expect(stat(directory)).rejects.toThrow("ENOENT");
  const [, pid = ""] = /process (\d+)/.exec(heard) ?? [];
  expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
});

test("names what is missing, and refuses a directory that holds something", async () => {
  await using place = await temporaryDirectory();
  const bare = { environment: { PATH: place.path, JAVA_HOME: "", TMPDIR: place.path } };
  const withoutJava = await esop(demo(), bare);
  expect(withoutJava).toMatchObject({ status: 3, stdout: "" });
  expect(withoutJava.stderr).toMatch(/no Java found.*\nhint: install a Java 17/);
  expect(await readdir(place.path)).toEqual([]);
  const occupied = await esop(demo("--directory", join(import.meta.dirname)));
  expect(occupied.status).toBe(5);
  expect(occupied.stderr).toMatch(/is not empty/);
});

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
