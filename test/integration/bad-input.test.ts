/**
 * Whatever is wrong with what was asked: one sentence, a hint, the documented exit status, and nothing touched: no
 * snapshot, no object, no row.
 */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type ErrorCode, errorTable } from "../../src/errors.ts";
import { type CassandraNode, useCassandra } from "../harness/cassandra.ts";
import { esop } from "../harness/esop.ts";
import { compileAgent, jdks, startAgent } from "../harness/jmx-agent.ts";
import { Operator } from "../harness/operator.ts";
import { createSampleTables, type SampleTables } from "../harness/sample-tables.ts";
import { makeTlsStores } from "../harness/tls-stores.ts";

interface Case {
  readonly name: string;
  /** Without the common `--storage-location` and `--jmx-service`, which are added where `bare` is not set. */
  readonly command: readonly string[];
  readonly bare?: true;
  readonly code: ErrorCode;
  readonly sentence: RegExp;
  readonly hint?: RegExp;
}

let node: CassandraNode;
let operator: Operator;
let tables: SampleTables;

beforeAll(async () => {
  node = await useCassandra({ version: "5.0" });
  tables = await createSampleTables(node);
  operator = await Operator.of(node, await node.temporaryDirectory());
  await operator.backup("good", "--entities", tables.keyspace);
  await operator.backup("goods", "--entities", tables.keyspace);
});

async function expectRefusal({ command, bare, code, sentence, hint }: Case): Promise<void> {
  const common = bare ? [] : ["--storage-location", operator.location, "--jmx-service", jmx()];
  const worded = await esop([...command, ...common]);
  expect(worded.stderr).toMatch(sentence);
  const said = /^esop: [^\n]+[^.\n]\n(?:hint: (?<hint>[^\n]+[^.\n])\n)?$/m.exec(worded.stderr);
  expect(said, worded.stderr).not.toBeNull();
  if (hint !== undefined) expect(said?.groups?.["hint"]).toMatch(hint);
  expect(worded.stderr).not.toMatch(/^\s+at /m);
  expect(worded.status).toBe(errorTable[code].exit);
  const json = await esop([...command, ...common, "--json"]);
  expect(json.json).toMatchObject({ type: "error", code, exit: errorTable[code].exit });
  expect(json.status).toBe(errorTable[code].exit);
}

const jmx = () => `127.0.0.1:${node.sandbox.jmxPort}`;

async function untouched(): Promise<unknown> {
  const snapshots: string[] = [];
  for (const directory of node.sandbox.dataDirectories) {
    const entries = await readdir(join(directory, ".."), { recursive: true });
    snapshots.push(...entries.filter((entry) => /esop|snapshots\/[^/]+$/.test(entry)));
  }
  return { snapshots, objects: (await readdir(operator.bucket, { recursive: true })).sort() };
}

const command = (verb: string) => [verb, "--snapshot-tag", "good"];

describe("the command line", () => {
  const location = "file:///root/bucket/c/d/n";
  const cases: readonly Case[] = [
    { name: "unknown command", command: ["bakcup"], bare: true, code: "usage", sentence: /bakcup/, hint: /backup/ },
    { name: "unknown flag", command: [...command("backup"), "--snapshto", "x"], code: "usage", sentence: /--snapshto/ },
    {
      name: "flag without value",
      command: ["backup", "--snapshot-tag"],
      bare: true,
      code: "usage",
      sentence: /snapshot-tag/,
    },
    { name: "no location", command: command("backup"), bare: true, code: "usage", sentence: /storage-location/ },
    {
      name: "unknown strategy",
      command: [...command("restore"), "--restoration-strategy-type", "COPY"],
      code: "usage",
      sentence: /COPY/,
    },
    {
      name: "unknown phase",
      command: [...command("restore"), "--restoration-phase-type", "undo"],
      code: "usage",
      sentence: /undo/,
    },
    {
      name: "entities of two kinds",
      command: [...command("backup"), "--entities", "a,b.c"],
      code: "usage",
      sentence: /a,b\.c|mixed|both/,
    },
    { name: "bad rate", command: [...command("backup"), "--bandwidth", "fast"], code: "usage", sentence: /'fast'/ },
    {
      name: "bad duration",
      command: [...command("backup"), "--duration", "1 fortnight"],
      code: "usage",
      sentence: /fortnight/,
    },
    { name: "bad tag", command: ["backup", "--snapshot-tag", "../x"], code: "usage", sentence: /\.\.\/x/ },
    {
      name: "unknown hash",
      command: [...command("backup"), "--hash-algorithm", "MD5"],
      code: "usage",
      sentence: /MD5/,
    },
    {
      name: "no config file",
      command: [...command("backup"), "--config-file", "/nowhere.yaml"],
      code: "not-found",
      sentence: /nowhere\.yaml/,
    },
    {
      name: "global without a sidecar",
      command: [...command("backup"), "--global-request"],
      code: "unsupported",
      sentence: /--global-request/,
    },
    ...[
      ["no protocol", "/root/bucket/c/d/n"],
      ["unknown protocol", "ftp://bucket/c/d/n"],
      ["two slashes", "file://root/bucket/c/d/n"],
      ["empty part", "file:///root//bucket/c/d/n"],
      ["dots", "file:///root/../bucket/c/d/n"],
      ["missing node", "s3://bucket/c/d"],
      ["too many parts", "s3://bucket/c/d/n/x"],
      ["blank", "s3://buck et/c/d/n"],
      ["nothing", ""],
    ].map(
      ([name, text]): Case => ({
        name: `location with ${name}`,
        command: [...command("backup"), "--storage-location", text ?? ""],
        bare: true,
        code: "usage",
        sentence: /location/,
      }),
    ),
    {
      name: "a store without credentials",
      command: [...command("list").slice(0, 1), "--storage-location", "azure://b/c/d/n"],
      bare: true,
      code: "unauthorized",
      sentence: /no credentials for Azure/,
    },
    {
      name: "nothing at the location",
      command: ["list", "--storage-location", location],
      bare: true,
      code: "not-found",
      sentence: /\/root\/bucket/,
    },
    { name: "too little to remove by", command: ["remove-backup"], code: "usage", sentence: /name|oldest/ },
  ];
  it.each(cases)("$name", expectRefusal);
});

describe("what is asked for does not exist", () => {
  const cases: readonly Case[] = [
    {
      name: "keyspace of a backup",
      command: [...command("backup"), "--entities", "nope"],
      code: "not-found",
      sentence: /'nope'/,
      hint: /system/,
    },
    {
      name: "table of a backup",
      command: [...command("backup"), "--entities", "system.nope"],
      code: "not-found",
      sentence: /'system\.nope'/,
    },
    {
      name: "keyspace of a restore",
      command: [...command("restore"), "--entities", "nope"],
      code: "not-found",
      sentence: /'nope'/,
    },
    { name: "tag", command: ["restore", "--snapshot-tag", "goo"], code: "not-found", sentence: /'goo'/, hint: /good/ },
    { name: "name to remove", command: ["remove-backup", "--name", "nope"], code: "not-found", sentence: /'nope'/ },
    {
      name: "data directory",
      command: [...command("backup"), "--data-dir", "/nowhere"],
      code: "not-found",
      sentence: /\/nowhere/,
    },
    {
      name: "data directory of the node",
      command: [...command("backup"), "--data-dir", "/tmp"],
      code: "usage",
      sentence: /\/tmp/,
    },
    {
      name: "schema version",
      command: [...command("restore"), "--schema-version", "9e26f2e9-9b9f-3fea-9d36-2ff8dccea02c"],
      code: "not-found",
      sentence: /schema version/,
    },
    {
      name: "target of a rename",
      command: [...command("restore"), "--entities", "KS.simple", "--rename", "KS.simple=KS.other"],
      code: "not-found",
      sentence: /\.other'/,
      hint: /create/,
    },
    {
      name: "JMX",
      command: [...command("backup"), "--storage-location", "file:///tmp/b", "--jmx-service", "127.0.0.1:9"],
      bare: true,
      code: "unreachable",
      sentence: /127\.0\.0\.1:9/,
      hint: /jmx-service/,
    },
  ];
  it.each(cases)("$name", async (bad) => {
    const before = await untouched();
    await expectRefusal({ ...bad, command: bad.command.map((word) => word.replaceAll("KS", tables.keyspace)) });
    expect(await untouched()).toEqual(before);
    await tables.expectRows(1);
  });
});

describe("a manifest that is no manifest", () => {
  const damages: readonly {
    readonly name: string;
    readonly damage: (text: string) => string;
    readonly sentence: RegExp;
  }[] = [
    { name: "not JSON", damage: (text) => text.slice(0, -100), sentence: /is not JSON/ },
    {
      name: "climbs out of the repository",
      damage: (text) => text.replace(/data\/\w+\/simple-/, "data/../../../x/simple-"),
      sentence: /no part of an SSTable/,
    },
    {
      name: "names a file outside",
      damage: (text) => text.replace(/"objectKey":"data\/[^"]+"/, '"objectKey":"../../x"'),
      sentence: /\.\.\/\.\.\/x/,
    },
    { name: "a list", damage: () => "[]", sentence: /manifest/ },
  ];
  it.each(damages)("$name", async ({ damage, sentence }) => {
    const own = await Operator.of(node);
    await own.backup("good", "--entities", tables.keyspace);
    const folder = join(own.bucket, "sandbox/dc1", own.hostId, "manifests");
    const [name = ""] = await readdir(folder);
    await writeFile(join(folder, name), damage(await readFile(join(folder, name), "utf8")));
    const run = await esop(own.restoreCommand("good"));
    expect(run.stderr).toMatch(sentence);
    expect(run.status).toBe(errorTable.corrupt.exit);
    await tables.expectRows(1);
  });
});

describe.runIf(jdks.length > 0)("JMX that lets nobody in", () => {
  it("a wrong password, and a truststore that does not trust", async () => {
    const [jdk] = jdks;
    if (jdk === undefined) throw new Error("no JDK");
    await using agentClasses = await compileAgent();
    await using stores = await makeTlsStores(jdk, agentClasses.classes);
    const directory = await node.temporaryDirectory();
    const passwords = join(directory, "jmxremote.password");
    await writeFile(passwords, "operator secret\n");
    await chmod(passwords, 0o600);
    await writeFile(join(directory, "jmxremote.access"), "operator readwrite\n");
    await using agent = await startAgent({
      jdk,
      classes: agentClasses.classes,
      properties: {
        "com.sun.management.jmxremote.authenticate": "true",
        "com.sun.management.jmxremote.password.file": passwords,
        "com.sun.management.jmxremote.access.file": join(directory, "jmxremote.access"),
      },
    });
    const to = (port: number) => [
      ...command("backup"),
      "--storage-location",
      operator.location,
      "--jmx-service",
      `127.0.0.1:${port}`,
    ];
    const wrong = await esop([...to(agent.port), "--jmx-user", "operator", "--jmx-password", "guess"]);
    expect(wrong.status).toBe(errorTable.unauthorized.exit);
    expect(wrong.stderr).not.toContain("guess");
    expect(wrong.stderr).toMatch(/^hint: .*jmx user/m);
    const missing = await esop(to(agent.port));
    expect(missing.status).toBe(errorTable.unauthorized.exit);
    const noTrust = await esop([...to(node.sandbox.jmxPort), "--jmx-truststore", stores.path("nowhere.p12")]);
    expect(noTrust.stderr).toMatch(/nowhere\.p12/);
    expect(noTrust.status).not.toBe(0);
    const badPassword = await esop([
      ...to(node.sandbox.jmxPort),
      ...["--jmx-truststore", stores.path("trust.p12"), "--jmx-truststore-password", "guess"],
    ]);
    expect(badPassword.status).not.toBe(0);
    expect(badPassword.stderr).not.toContain("guess");
  });
});

it("a place that is another node's", async () => {
  const own = await Operator.of(node);
  const place = ["--storage-location", own.location.replace(own.hostId, "node1"), "--entities", tables.keyspace];
  await own.backup("mine", ...place);
  const folder = join(own.bucket, "sandbox/dc1/node1/manifests");
  const [name = ""] = await readdir(folder);
  const manifest: { tokens: string[] } = JSON.parse(await readFile(join(folder, name), "utf8"));
  await writeFile(join(folder, name), JSON.stringify({ ...manifest, tokens: ["1", "2"] }));
  const run = await esop(own.backupCommand("theirs", ...place));
  expect(run.stderr).toMatch(/^esop: .*node1 holds backups of a node with other tokens$/m);
  expect(run.stderr).toContain(own.hostId);
  expect(run.status).toBe(errorTable.usage.exit);
  expect(await readdir(folder)).toHaveLength(1);
});

describe("directories", () => {
  it("a bucket that is a file, and one that is missing", async () => {
    const directory = await node.temporaryDirectory();
    await writeFile(join(directory, "file"), "");
    await mkdir(join(directory, "empty"));
    const at = (path: string) => ["backup", "--storage-location", `file://${path}/c/d/n`, "--jmx-service", jmx()];
    const isFile = await esop(at(join(directory, "file")));
    expect(isFile.status).not.toBe(0);
    expect(isFile.stderr).toMatch(/^esop: .*file/m);
    const missing = await esop(at(join(directory, "empty", "bucket")));
    expect(missing.status).toBe(errorTable["not-found"].exit);
    expect(missing.stderr).toMatch(/^hint: .*--create-missing-bucket/m);
    expect(await readdir(join(directory, "empty"))).toEqual([]);
    await rm(directory, { recursive: true });
  });
});
