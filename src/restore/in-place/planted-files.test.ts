/**
 * What the account of Cassandra could plant in the directories of a restore, for root to act on: links, files of others
 * and a journal.
 */
import { chmod, chown, lchown, mkdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FileTree, readTree, writeTree } from "../../../test/harness/file-tree.ts";
import { ids, StoppedSample, tableDirectory } from "../../../test/harness/stopped-sample.ts";

let node: StoppedSample;

beforeEach(async () => {
  node = await StoppedSample.create();
  await writeTree(node.path, { "precious/root-only": "secret", "precious/ks/file": "precious" });
});

afterEach(() => node[Symbol.asyncDispose]());

const root = () => `esop-restore/${node.backup}`;

/** The restore must be refused with nothing changed, whatever was planted. */
async function refused(code: string): Promise<void> {
  const before: FileTree = await readTree(node.path);
  await expect(node.restore()).rejects.toMatchObject({ code });
  expect(await readTree(node.path)).toEqual(before);
}

describe("a link in place of a directory of the restore is refused", () => {
  it.each(["staged-0", "replaced-0", "commitlog", "staged-0/ks", "journal.json"])("%s", async (name) => {
    const path = node.at(`${root()}/${name}`);
    await mkdir(node.at(name.includes("/") ? `${root()}/staged-0` : root()), { recursive: true });
    await symlink(node.at("precious"), path);
    await refused("already-exists");
  });

  it("the restore's own", async () => {
    await mkdir(node.at("esop-restore"));
    await symlink(node.at("precious"), node.at(root()));
    await refused("already-exists");
  });

  it("the one for all restores", async () => {
    await symlink(node.at("precious"), node.at("esop-restore"));
    await refused("already-exists");
  });
});

it("a link in place of a commit log segment is not read", async () => {
  await rename(node.at("commitlog/CommitLog-7-1.log"), node.at("precious/segment"));
  await symlink(node.at("precious/segment"), node.at("commitlog/CommitLog-7-1.log"));
  await refused("io");
});

describe("a journal", () => {
  const plant = async (more: object) => {
    const journal = {
      done: false,
      tables: ["ks.t"],
      directories: {
        data: [node.at("data0")],
        commitlog: node.at("commitlog"),
        hints: node.at("hints"),
        saved_caches: node.at("saved_caches"),
      },
      aside: [],
      asideDone: false,
      mask: { segments: [], wanted: [], foreign: [] },
      kept: { commitlog: "commitlog", hints: "hints", saved_caches: "saved_caches" },
      ...more,
    };
    await writeTree(node.path, { [`${root()}/journal.json`]: JSON.stringify(journal) });
  };

  it("that names paths is refused", async () => {
    await plant({ aside: [[node.at("precious/ks/file"), node.at("precious/taken")]] });
    await refused("corrupt");
    await plant({
      originals: node.at("precious"),
      mask: { segments: ["../precious/root-only"], wanted: [], foreign: [] },
    });
    await refused("corrupt");
    await plant({ aside: [[0, `../precious/ks/file`]] });
    await refused("corrupt");
  });

  it("of other directories than this node's is refused", async () => {
    const directories = { data: [node.at("precious")], commitlog: "/c", hints: "/h", saved_caches: "/s" };
    await plant({ directories });
    await refused("usage");
  });

  it("that names what is a link now moves nothing from behind it", async () => {
    await plant({ aside: [[0, `${tableDirectory("t")}/root-only`]] });
    await rename(node.at(`data0/${tableDirectory("t")}`), node.at("former"));
    await symlink(node.at("precious"), node.at(`data0/ks/t-${ids.t}`));
    await expect(node.restore()).rejects.toMatchObject({ code: "node-state" });
    expect(await readTree(node.at("precious"))).toEqual({ "root-only": "secret", "ks/file": "precious" });
  });
});

describe.runIf(process.geteuid?.() === 0)("as root", () => {
  const cassandra = { uid: 4711, gid: 4712 };

  beforeEach(async () => {
    for (const path of Object.keys(await readTree(node.path))) {
      for (let name = path; name !== "."; name = name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : ".") {
        if (!name.startsWith("precious")) await chown(node.at(name), cassandra.uid, cassandra.gid);
      }
    }
  });

  it("a directory or journal of a third user is refused", async () => {
    await mkdir(node.at(root()), { recursive: true });
    await chown(node.at(root()), 4799, 4799);
    await refused("already-exists");
    await chown(node.at(root()), cassandra.uid, cassandra.gid);
    await writeFile(node.at(`${root()}/journal.json`), "{}");
    await chown(node.at(`${root()}/journal.json`), 4799, 4799);
    await refused("already-exists");
  });

  it.each(["hints", "saved_caches", "commitlog"])(
    "a link in place of the %s directory to root's files is refused",
    async (name) => {
      await chmod(node.at("precious"), 0o755);
      await rm(node.at(name), { recursive: true });
      await symlink(node.at("precious"), node.at(name));
      await lchown(node.at(name), cassandra.uid, cassandra.gid);
      const before = await readTree(node.path);
      await expect(node.restore({ entities: "", "restore-system-keyspace": "true" })).rejects.toMatchObject({
        code: "usage",
      });
      expect(await readTree(node.path)).toEqual(before);
    },
  );

  it("a cassandra.yaml that is a link to root's file is not edited", async () => {
    await writeTree(node.path, { "precious/app.yaml": "a: 1\n" });
    await symlink(node.at("precious/app.yaml"), node.at("conf/cassandra.yaml"));
    await node.restore({ "dry-run": "true", "update-cassandra-yaml": "true" });
    await lchown(node.at("conf/cassandra.yaml"), cassandra.uid, cassandra.gid);
    const before = await readTree(node.path);
    await expect(node.restore({ "update-cassandra-yaml": "true" })).rejects.toMatchObject({ code: "usage" });
    expect(await readTree(node.path)).toEqual(before);
  });

  it("all directories that the restore makes are the owner's of the data directory, for nobody else", async () => {
    await node.restore();
    for (const path of ["esop-restore", root(), `${root()}/replaced-0`, `${root()}/replaced-0/ks`]) {
      const { uid, gid, mode } = await stat(node.at(path));
      expect([path, uid, gid, mode & 0o777]).toEqual([path, cassandra.uid, cassandra.gid, 0o700]);
    }
    const restored = await stat(node.at(`data0/${tableDirectory("t")}/nb-1-big-Data.db`));
    expect([restored.uid, restored.gid]).toEqual([cassandra.uid, cassandra.gid]);
  });
});
