/** Stores and download directories that are full or read-only: small file systems, which only root can mount. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BulkTables, createBulkTables } from "../../harness/bulk-tables.ts";
import { type CassandraNode, useCassandra } from "../../harness/cassandra.ts";
import { esop, type RunningEsop } from "../../harness/esop.ts";
import { fails, failureOf, filesBelow, Operator } from "../../harness/operator.ts";
import { usual } from "../traps/kinds.ts";

const run = promisify(execFile);

interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  remount(options: string): Promise<void>;
}

/** A file system in memory; undefined where this process may not mount one. */
async function smallDisk(size: string): Promise<SmallDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), "esop-disk-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  return {
    path,
    remount: async (options) => void (await run("mount", ["-o", `remount,${options}`, path])),
    async [Symbol.asyncDispose]() {
      await run("umount", [path]);
      await rm(path, { recursive: true });
    },
  };
}

const mayMount = await smallDisk("64k").then(async (disk) => {
  await disk?.[Symbol.asyncDispose]();
  return disk !== undefined;
});

let node: CassandraNode;
let operator: Operator;
let tables: BulkTables;
let expected: string;

beforeAll(async () => {
  if (!mayMount) return;
  node = await useCassandra(usual);
  operator = await Operator.of(node, await node.temporaryDirectory());
  tables = await createBulkTables(node, operator, 60);
  expected = await tables.digest();
});

afterAll(async () => {
  if (mayMount) await rm(join(operator.bucket, ".."), { recursive: true, force: true });
});

async function disk(size: string): Promise<SmallDisk> {
  const made = await smallDisk(size);
  if (made === undefined) throw new Error("cannot mount a file system");
  return made;
}

describe.runIf(mayMount)("a store", () => {
  it("that is full ends the backup, holds whole objects only, and takes the rest when there is room", async () => {
    await using store = await disk("9m");
    const other = await Operator.of(node, store.path);
    const slowly = ["--entities", tables.keyspace, "--concurrent-connections", "1"];
    const { message, hint } = await fails("no-space", other.backupCommand("full", ...slowly));
    expect(message).toContain(store.path);
    expect(hint).toContain("space");
    const objects = await other.objects();
    expect(objects.size).toBeGreaterThan(0);
    expect(await filesBelow(other.objectPath("manifests"))).toEqual(new Map());
    expect(await readdir(other.bucket)).toEqual(["sandbox"]);
    expect((await other.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
    await store.remount("size=64m");
    expect(await other.backup("roomy", "--entities", tables.keyspace)).toMatchObject({ kept: { files: objects.size } });
    await tables.disturb();
    await other.restore("roomy", "--entities", tables.keyspace);
    expect(await tables.digest()).toBe(expected);
  });

  it("that is read-only is an error of the file system, and the snapshot is cleared", async () => {
    await using store = await disk("64m");
    const other = await Operator.of(node, store.path);
    await mkdir(other.bucket);
    await store.remount("ro");
    const { message } = await fails("io", other.backupCommand("refused", "--entities", tables.keyspace));
    expect(message).toContain("read-only");
    expect((await other.snapshots()).filter((name) => name.startsWith("esop-"))).toEqual([]);
    await store.remount("rw");
    await other.backup("written", "--entities", tables.keyspace);
    // Reading needs no writing.
    await store.remount("ro");
    await tables.disturb();
    await other.restore("written", "--entities", tables.keyspace);
    expect(await tables.digest()).toBe(expected);
    await fails("io", ["remove-backup", "--storage-location", other.location, "--name", "written"]);
    await store.remount("rw");
  });
});

describe.runIf(mayMount)("a directory for downloads", () => {
  const restore = (from: SmallDisk) =>
    operator.restoreCommand("base", "--entities", tables.keyspace, "--import-source-dir", join(from.path, "downloads"));

  it("that is too small is refused before a file is fetched", async () => {
    await using downloads = await disk("4m");
    await tables.disturb();
    const disturbed = await tables.digest();
    const { message } = await fails("no-space", restore(downloads));
    expect(message).toContain("free");
    expect(await filesBelow(downloads.path)).toEqual(new Map());
    expect(await tables.digest()).toBe(disturbed);
    await downloads.remount("size=64m");
    expect((await esop(restore(downloads))).status).toBe(0);
    expect(await tables.digest()).toBe(expected);
    expect(await filesBelow(downloads.path)).toEqual(new Map());
  });

  it("that fills up meanwhile ends the restore before a row is touched, and what is there serves the next run", async () => {
    await using downloads = await disk("16m");
    await tables.disturb();
    const disturbed = await tables.digest();
    let child: RunningEsop | undefined;
    let over = false;
    const end = esop([...restore(downloads), "--json"], {
      onStart: (started) => {
        child = started;
      },
    }).finally(() => {
      over = true;
    });
    while (!over && (await readdir(downloads.path)).length === 0) await new Promise((resolve) => setImmediate(resolve));
    child?.kill("SIGSTOP");
    // More than is left, whatever has been fetched by now.
    await writeFile(join(downloads.path, "filler"), Buffer.alloc(16 * 1024 * 1024)).catch(() => undefined);
    child?.kill("SIGCONT");
    failureOf("no-space", await end);
    expect(await tables.digest()).toBe(disturbed);
    const files = [...(await filesBelow(join(downloads.path, "downloads"))).keys()];
    expect(files.filter((path) => path.endsWith(".esop-part"))).toEqual([]);
    await rm(join(downloads.path, "filler"));
    const second = await esop([...restore(downloads), "--json"]);
    expect(second.json, second.stdout).toMatchObject({ type: "restore", reused: { files: files.length } });
    expect(await tables.digest()).toBe(expected);
  });

  it("that is read-only is an error of the file system, before a row is touched", async () => {
    await using downloads = await disk("64m");
    await downloads.remount("ro");
    await tables.disturb();
    const disturbed = await tables.digest();
    const { message } = await fails("io", restore(downloads));
    expect(message).toContain("read-only");
    expect(await tables.digest()).toBe(disturbed);
  });
});
