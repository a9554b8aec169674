/** What an IN_PLACE restore refuses before it has changed anything of the node. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { body, mutation, mutationsIn, of, segment } from "../../../test/harness/commit-log.ts";
import { writeTree } from "../../../test/harness/file-tree.ts";
import { ids, StoppedSample, tableDirectory } from "../../../test/harness/stopped-sample.ts";
import type { Storage } from "../../storage/storage.ts";

let node: StoppedSample;

beforeEach(async () => {
  node = await StoppedSample.create();
});

afterEach(() => node[Symbol.asyncDispose]());

/** The refusal, after which the node must be as it was. */
async function refused(how: () => Promise<unknown>): Promise<unknown> {
  const before = await node.tree();
  const refusal = await how().then(
    () => "not refused",
    (error: unknown) => error,
  );
  expect(await node.tree()).toEqual(before);
  return refusal;
}

describe("the strategy", () => {
  it("is not IN_PLACE unless it is named, since a wrong JMX address looks like a stopped node", async () => {
    expect(await refused(() => node.restore({ "restoration-strategy-type": "" }))).toMatchObject({
      code: "unreachable",
      hint: expect.stringContaining("--restoration-strategy-type IN_PLACE"),
    });
    await node.restore();
  });
});

/** The store, where something happens when the first data object is read. */
function withEvent(storage: Storage, event: () => Promise<void>): Storage {
  let happened = false;
  const get: Storage["get"] = async (key, options) => {
    if (key.includes("/data/") && !happened) {
      happened = true;
      await event();
    }
    return storage.get(key, options);
  };
  return new Proxy(storage, {
    get: (target, property) => {
      if (property === "get") return get;
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A process that holds the file open, once the first object is read. */
function startingMeanwhile(storage: Storage, path: string) {
  const program = `require("fs").openSync(${JSON.stringify(path)}); console.log("open"); setInterval(() => {}, 1000)`;
  let child: ReturnType<typeof spawn> | undefined;
  const intercepted = withEvent(storage, async () => {
    child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    if (child.stdout !== null) await once(child.stdout, "data");
  });
  return { storage: intercepted, end: () => child?.kill("SIGKILL") };
}

describe("a node that is started while the restore downloads", () => {
  it.runIf(process.platform === "linux")("is noticed before anything is replaced, and may start again", async () => {
    const meanwhile = startingMeanwhile(node.storage, node.at("commitlog/CommitLog-7-1.log"));
    try {
      expect(await refused(() => node.restore({}, meanwhile.storage))).toMatchObject({ code: "node-state" });
    } finally {
      meanwhile.end();
    }
  });

  it("and stopped again has its new commit log and its changed components looked at", async () => {
    const log = node.at("commitlog/CommitLog-9-1.log");
    const newer = segment({ sections: [[mutation(body(of(ids.t))), mutation(body(of(ids.u)))]] });
    await node.restore(
      {},
      withEvent(node.storage, () => writeFile(log, newer)),
    );
    const left = mutationsIn(await readFile(log)).map(({ table }) => table);
    expect(left).toContain(ids.u);
    expect(left).not.toContain(ids.t);
    await rm(node.at("esop-restore"), { recursive: true });
    await rm(node.at(`data0/${tableDirectory("t")}/nb-2-big-Data.db`));
    const overwrite = () => writeFile(node.at(`data0/${tableDirectory("t")}/nb-1-big-Filter.db`), "another 12");
    await expect(node.restore({}, withEvent(node.storage, overwrite))).rejects.toMatchObject({ code: "node-state" });
    expect(Object.keys(await node.tree()).filter((path) => path.includes("unfinished"))).toEqual([]);
  });
});

describe("a node that does not answer at the given JMX address", () => {
  it.each([
    ["rpc_address", "native_transport_port"],
    ["listen_address", "storage_port"],
  ])("runs if something listens at its %s", async (address, port) => {
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const listening = server.address();
    if (listening === null || typeof listening === "string") throw new Error("no port");
    const yaml = `${address}: 127.0.0.1\n${port}: ${listening.port}\n`;
    await writeTree(node.path, { "conf/cassandra.yaml": yaml });
    try {
      expect(await refused(() => node.restore())).toMatchObject({
        code: "node-state",
        message: expect.stringContaining(`127.0.0.1:${listening.port}`),
      });
    } finally {
      server.close();
    }
    await node.restore();
  });
});

describe("options, cassandra.yaml and directories that contradict each other", () => {
  const yaml = (lines: readonly string[]) => writeTree(node.path, { "conf/cassandra.yaml": `${lines.join("\n")}\n` });

  it("in the commit log directory", async () => {
    await cp(node.at("commitlog"), node.at("log"), { recursive: true });
    await yaml([`commitlog_directory: ${node.at("log")}`]);
    expect(await refused(() => node.restore())).toMatchObject({
      code: "usage",
      message: expect.stringContaining("commitlog"),
    });
    await yaml([`commitlog_directory: ${node.at("commitlog")}/`]);
    await node.restore();
  });

  it("in the data directories, by their real paths", async () => {
    await cp(node.at("data0"), node.at("other"), { recursive: true });
    await yaml([`data_file_directories: [${node.at("other")}]`]);
    expect(await refused(() => node.restore())).toMatchObject({ code: "usage" });
    await symlink(node.at("data0"), node.at("link"));
    await yaml([`data_file_directories: [${node.at("link")}]`]);
    await node.restore();
  });

  it("in a directory that is named for two purposes", async () => {
    await yaml([`local_system_data_file_directory: ${node.at("hints")}`]);
    expect(await refused(() => node.restore())).toMatchObject({ code: "usage" });
  });

  it.each(["commitlog", "hints", "saved_caches"])(
    "in a %s directory that a node with tables does not have",
    async (name) => {
      await rename(node.at(name), node.at(`${name}-elsewhere`));
      expect(await refused(() => node.restore())).toMatchObject({
        code: "not-found",
        message: expect.stringContaining(name),
      });
    },
  );

  it("in a data directory of a node with tables that is not there, such as one that is not mounted", async () => {
    await yaml([`data_file_directories: [${node.at("data0")}, ${node.at("data1")}]`]);
    expect(await refused(() => node.restore({ "data-dir": "" }))).toMatchObject({ code: "not-found" });
  });

  it("in a data directory that is one level too high", async () => {
    await rename(node.at("data0"), node.at("moved"));
    await writeTree(node.path, { "data0/lost+found/x": "" });
    await rename(node.at("moved"), node.at("data0/data"));
    const whole = { entities: "", "restore-system-keyspace": "true" };
    expect(await refused(() => node.restore(whole))).toMatchObject({ code: "usage" });
  });

  it("in a relative path", async () => {
    await yaml(["hints_directory: hints"]);
    expect(await refused(() => node.restore({ "cassandra-dir": "" }))).toMatchObject({ code: "corrupt" });
  });
});

describe("a directory of a restored table", () => {
  let elsewhere = "";

  afterEach(async () => {
    if (elsewhere !== "") await rm(elsewhere, { recursive: true });
    elsewhere = "";
  });

  const whole = { entities: "", "restore-system-keyspace": "true" };

  it.each([
    ["table", tableDirectory("t"), { entities: "ks.t" }],
    ["table, in a restore of the whole node", tableDirectory("t"), whole],
    ["keyspace", "ks", whole],
    ["index", `${tableDirectory("t")}/.idx`, whole],
  ])("that is a link is refused: %s", async (_, path, flags) => {
    await writeTree(node.path, { [`data0/${tableDirectory("t")}/.idx/nb-1-big-Data.db`]: "former index" });
    elsewhere = await mkdtemp(join(tmpdir(), "esop-test-"));
    await cp(node.at(`data0/${path}`), join(elsewhere, "there"), { recursive: true });
    await rm(node.at(`data0/${path}`), { recursive: true });
    await symlink(join(elsewhere, "there"), node.at(`data0/${path}`));
    const linked = Object.keys(await node.tree());
    expect(linked.length).toBeGreaterThan(0);
    expect(await refused(() => node.restore(flags))).toMatchObject({
      code: "node-state",
      message: expect.stringContaining("is a link"),
    });
  });
});

/** Whether this process may mount; see the test. */
function mount(...parameters: readonly string[]): boolean {
  return spawnSync("mount", parameters).status === 0;
}

it("a table directory that is a bind mount of the same file system is refused", async (context) => {
  const table = node.at(`data0/${tableDirectory("t")}`);
  await cp(table, node.at("part"), { recursive: true });
  if (!mount("--bind", node.at("part"), table)) context.skip();
  try {
    expect(await refused(() => node.restore())).toMatchObject({ code: "node-state" });
  } finally {
    spawnSync("umount", [table]);
  }
});

it("a keyspace directory on another file system is refused before the download", async (context) => {
  const keyspace = node.at("data0/ks");
  await rename(keyspace, node.at("former"));
  await mkdir(keyspace);
  if (!mount("-t", "tmpfs", "tmpfs", keyspace)) context.skip();
  try {
    await cp(node.at("former"), keyspace, { recursive: true });
    expect(await refused(() => node.restore())).toMatchObject({
      code: "node-state",
      message: expect.stringContaining("another file system"),
    });
    expect(await stat(node.at("esop-restore")).catch(() => undefined)).toBeUndefined();
  } finally {
    spawnSync("umount", [keyspace]);
  }
});

describe("the commit log", () => {
  it.each([
    ["restore-system-keyspace", "ks.t"],
    ["restore-into-new-cluster", "ks.t"],
  ])("keeps other tables' unflushed writes where --%s restores named tables", async (flag, entities) => {
    await node.restore({ entities, [flag]: "true" });
    const log = (await node.tree())["commitlog/CommitLog-7-1.log"] ?? "";
    const left = mutationsIn(Buffer.from(log, "latin1")).map(({ table }) => table);
    expect(left).toContain(ids.u);
    expect(left).not.toContain(ids.t);
    expect((await node.tree())["hints/1.hints"]).toBe("hints");
  });
});

describe("local system tables", () => {
  const whole = { entities: "", "restore-system-keyspace": "true", "data-dir": "" };
  const local = `${tableDirectory("local")}/nb-1-big-Data.db`;

  it("go to the directory that cassandra.yaml has for them alone, and nothing else does", async () => {
    await writeTree(node.path, { [`system/${local}`]: "former" });
    await rm(node.at("data0/system"), { recursive: true });
    await writeTree(node.path, {
      "conf/cassandra.yaml": `data_file_directories: [${node.at("data0")}]\nlocal_system_data_file_directory: ${node.at("system")}\n`,
    });
    await node.restore(whole);
    const tree = await node.tree();
    expect(tree[`system/${local}`]).toBe("restored local 1");
    expect(Object.keys(tree).filter((path) => path.startsWith("system/ks"))).toEqual([]);
    expect(Object.keys(tree).filter((path) => path.startsWith("data0/system"))).toEqual([]);
  });

  it("go to the first directory of cassandra.yaml, in whatever order --data-dir names them", async () => {
    await writeTree(node.path, { "data1/ks/x": "" });
    const order = [node.at("data0"), node.at("data1")];
    await writeTree(node.path, { "conf/cassandra.yaml": `data_file_directories: [${order.join(", ")}]\n` });
    await node.restore({ ...whole, "data-dir": order.toReversed() });
    expect((await node.tree())[`data0/${local}`]).toBe("restored local 1");
  });

  it("go where they lie if there is no cassandra.yaml, and are refused where that is nowhere", async () => {
    await writeTree(node.path, { "data1/ks/x": "" });
    const flags = { ...whole, "data-dir": [node.at("data1"), node.at("data0")] };
    await node.restore(flags);
    expect((await node.tree())[`data0/${local}`]).toBe("restored local 1");
    await rm(node.at("data0/system"), { recursive: true });
    await rm(node.at("esop-restore"), { recursive: true });
    expect(await refused(() => node.restore(flags))).toMatchObject({ code: "usage" });
  });
});

describe("permissions", () => {
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

  it("of what is kept, staged and restored are not wider than those of the node", async () => {
    await writeTree(node.path, { "conf/cassandra.yaml": "cluster_name: c\nkeystore_password: secret\n" });
    await chmod(node.at("conf/cassandra.yaml"), 0o600);
    await chmod(node.at("data0"), 0o700);
    await chmod(node.at("commitlog/CommitLog-7-1.log"), 0o640);
    await node.restore({ "update-cassandra-yaml": "true" });
    const kept = node.at(`esop-restore/${node.backup}`);
    expect(await modeOf(node.at("esop-restore"))).toBe(0o700);
    expect(await modeOf(kept)).toBe(0o700);
    expect(await modeOf(join(kept, "cassandra.yaml"))).toBe(0o600);
    expect(await modeOf(node.at("conf/cassandra.yaml"))).toBe(0o600);
    expect(await modeOf(join(kept, "journal.json"))).toBe(0o600);
    expect(await modeOf(join(kept, "commitlog/CommitLog-7-1.log"))).toBe(0o640);
    expect(await modeOf(node.at("commitlog/CommitLog-7-1.log"))).toBe(0o640);
    expect(await modeOf(node.at(`data0/${tableDirectory("t")}/nb-2-big-Data.db`))).toBe(0o600);
  });
});
