/** Encrypted backups of a real node, in a directory and in a store of S3: nothing readable there, every row back. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CassandraNode, useCassandra } from "../harness/cassandra.ts";
import { esop } from "../harness/esop.ts";
import { type ObjectStore, startStore } from "../harness/object-stores.ts";
import { failureOf, filesBelow, type Report } from "../harness/operator.ts";
import { patient } from "../harness/patience.ts";
import { createSampleTables, type SampleTables } from "../harness/sample-tables.ts";

/** What a row of an uncompressed table has. */
const marker = "street 17";

const server = await startStore("versitygw");
const s3 = "reason" in server ? undefined : server;

afterAll(async () => s3?.[Symbol.asyncDispose]());

interface Place {
  /** Where the store keeps its objects as plain files. */
  readonly directory: string;
  readonly bucketLocation: string;
  readonly environment: Readonly<Record<string, string>>;
}

function placeOf(store: ObjectStore): Place {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = store.credentials;
  const credentials = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT: store.endpoint };
  return {
    directory: store.directory,
    bucketLocation: "s3://encrypted",
    environment: { ...credentials, AWS_ENABLE_PATH_STYLE_ACCESS: "true", AWS_REGION: "us-east-1" },
  };
}

/** An operator with one place to store to. */
class World {
  readonly node: CassandraNode;
  readonly tables: SampleTables;
  readonly place: Place;
  readonly location: string;
  readonly keyFile: string;
  readonly otherKeyFile: string;
  readonly passphraseFile: string;

  private constructor(node: CassandraNode, tables: SampleTables, place: Place, hostId: string, secrets: string) {
    this.node = node;
    this.tables = tables;
    this.place = place;
    this.location = `${place.bucketLocation}/sandbox/dc1/${hostId}`;
    this.keyFile = join(secrets, "key");
    this.otherKeyFile = join(secrets, "other-key");
    this.passphraseFile = join(secrets, "passphrase");
  }

  static async create(makePlace: (node: CassandraNode) => Promise<Place>): Promise<World> {
    const node = await useCassandra({ version: "5.0" });
    const secrets = await node.temporaryDirectory();
    const { rows } = await node.cql.execute("SELECT host_id FROM system.local");
    const tables = await createSampleTables(node);
    const world = new World(node, tables, await makePlace(node), String(rows[0]?.["host_id"]), secrets);
    await writeFile(world.keyFile, randomBytes(32));
    await writeFile(world.otherKeyFile, `${randomBytes(32).toString("base64")}\n`);
    await writeFile(world.passphraseFile, "correct horse battery staple\n");
    return world;
  }

  get key(): readonly string[] {
    return ["--encryption-key-file", this.keyFile];
  }

  get passphrase(): readonly string[] {
    return ["--encryption-passphrase-file", this.passphraseFile];
  }

  esop(verb: string, ...more: readonly string[]) {
    const withNode = ["backup", "restore", "check"].includes(verb);
    const jmx = withNode ? ["--jmx-service", `127.0.0.1:${this.node.sandbox.jmxPort}`] : [];
    const command = [verb, "--storage-location", this.location, ...jmx, ...more, "--json"];
    return esop(command, { environment: this.place.environment });
  }

  async ok(verb: string, ...more: readonly string[]): Promise<Report> {
    const { status, json, stdout, stderr } = await this.esop(verb, ...more);
    if (status !== 0) throw new Error(`esop ${verb} ended with ${status}: ${stdout}${stderr}`);
    return json;
  }

  backup(tag: string, ...more: readonly string[]): Promise<Report> {
    return this.ok(...this.backupCommand(tag), ...more);
  }

  backupCommand(tag: string): [string, ...string[]] {
    return ["backup", "--snapshot-tag", tag, "--entities", this.tables.keyspace, "--create-missing-bucket"];
  }

  restoreCommand(tag: string): [string, ...string[]] {
    const { configDirectory } = this.node.sandbox;
    return [
      "restore",
      "--snapshot-tag",
      tag,
      "--entities",
      this.tables.keyspace,
      "--config-directory",
      configDirectory,
    ];
  }

  /** Names of all stored objects that hold the text. */
  async holding(text: string): Promise<string[]> {
    const found = await filesBelow(this.place.directory);
    return [...found].filter(([, content]) => content.includes(text)).map(([name]) => name);
  }

  async objects(folder: string): Promise<string[]> {
    return [...(await filesBelow(this.place.directory)).keys()].filter((name) => name.includes(`/${folder}/`)).sort();
  }

  /** Backups by their tag. */
  async list(): Promise<Readonly<Record<string, Report>>> {
    const { nodes } = (await this.ok("list")) as { readonly nodes: readonly [{ readonly backups: readonly Report[] }] };
    return Object.fromEntries(nodes[0].backups.map((backup) => [String(backup["tag"]), backup]));
  }

  /** What a restore that was refused must not have left beside the data. */
  async leftovers(): Promise<string[]> {
    const entries = await readdir(this.node.sandbox.directory, { recursive: true });
    return entries.filter((entry) => /(^|\/)esop-restore|snapshots\/(esop|truncated)-/.test(entry));
  }
}

const stores: readonly { readonly name: string; readonly make: (node: CassandraNode) => Promise<Place> }[] = [
  {
    name: "a directory",
    make: async (node) => {
      const directory = await node.temporaryDirectory();
      return { directory, bucketLocation: `file://${directory}/encrypted`, environment: {} };
    },
  },
  ...(s3 === undefined ? [] : [{ name: "a store of S3", make: async () => placeOf(s3) }]),
];

describe.each(stores)("encrypted backups in $name", ({ make }) => {
  it("show nothing to readers, give every row back for their key alone, and change keys", {
    timeout: patient(300_000),
  }, async () => {
    const world = await World.create(make);
    for (const directory of world.node.sandbox.dataDirectories) {
      await rm(join(directory, "..", "esop-restore"), { recursive: true, force: true });
    }
    await takeBackups(world);
    await keepOthersOut(world);
    await restoreBothWays(world);
    await refuseToBare(world);
    await rotate(world);
    await beginDataKey(world);
  });
});

/** Three backups: of stage 1, of stage 2, and of nothing new. */
async function takeBackups(world: World): Promise<void> {
  const { tables } = world;
  const encrypt = ["--encrypt", ...world.key];
  const first = await world.backup("first", ...encrypt);
  await tables.write(2);
  const second = await world.backup("second", ...encrypt);
  expect(second).toMatchObject({ kept: first["sent"] });
  expect(second["sent"]).not.toMatchObject({ files: 0 });
  expect(await world.backup("third", ...encrypt)).toMatchObject({ sent: { files: 0, bytes: 0 } });
  expect(await world.holding(marker)).toEqual([]);
  expect(await world.objects("keys")).toHaveLength(1);
}

/** Without the right key nothing is touched. */
async function keepOthersOut(world: World): Promise<void> {
  const { tables } = world;
  const before = await world.leftovers();
  const refused = failureOf("unauthorized", await world.esop(...world.restoreCommand("second")));
  expect(refused.message).toMatch(/^backup second-\S+ is encrypted with key aes[0-9a-f]{8} of this repository$/);
  expect(refused.hint).toBe("add --encryption-key-file or --encryption-passphrase-file");
  const wrong = ["--encryption-key-file", world.otherKeyFile];
  for (const dry of [[], ["--dry-run"]]) {
    const said = failureOf("unauthorized", await world.esop(...world.restoreCommand("second"), ...wrong, ...dry));
    expect(said.message).toMatch(/^the given key file does not open key aes/);
  }
  failureOf("unauthorized", await world.esop(...world.backupCommand("fourth"), "--encrypt", ...wrong));
  expect(await world.leftovers()).toEqual(before);
  await tables.expectRows(2);
}

/** On the running node, and on the stopped one. */
async function restoreBothWays(world: World): Promise<void> {
  const { tables } = world;
  const dry = await world.ok(...world.restoreCommand("second"), ...world.key, "--dry-run");
  await tables.destroy();
  const restored = await world.ok(...world.restoreCommand("second"), ...world.key);
  expect(restored).toMatchObject({ strategy: "IMPORT", fetched: dry["fetched"] });
  await tables.expectRows(2);

  await tables.destroy();
  await world.node.stop();
  const inPlace = ["--restoration-strategy-type", "IN_PLACE"];
  expect(await world.ok(...world.restoreCommand("second"), ...world.key, ...inPlace)).toMatchObject({
    strategy: "IN_PLACE",
  });
  await world.node.start();
  await tables.expectRows(2);
  const cleanup = [...inPlace, "--restoration-phase-type", "cleanup"];
  await world.ok(...world.restoreCommand("second"), ...cleanup);
}

/** A backup in the clear after an encrypted one must be said to be one. */
async function refuseToBare(world: World): Promise<void> {
  const refused = failureOf("usage", await world.esop(...world.backupCommand("bare")));
  expect(refused.message).toMatch(/^the newest backup, third-\S+, is encrypted, and this one would not be$/);
  expect(refused.hint).toContain("--encrypt=false");
  expect(await world.holding(marker)).toEqual([]);
  await world.backup("bare", "--encrypt=false");
  expect(await world.holding(marker)).not.toEqual([]);
  const { third, bare } = await world.list();
  expect(third?.["encryptedWith"]).toEqual([expect.stringMatching(/^aes[0-9a-f]{8}$/)]);
  expect(bare?.["encryptedWith"]).toEqual([]);
  await world.ok("remove-backup", "--name", "bare");
  expect(await world.holding(marker)).toEqual([]);
}

/** The new key opens everything, the old one nothing, and no data is sent. */
async function rotate(world: World): Promise<void> {
  const { tables } = world;
  const rotateKey = () => world.ok("rotate-key", ...world.key, "--new-passphrase-file", world.passphraseFile);
  const before = await world.objects("data");
  expect(await rotateKey()).toMatchObject({ unchanged: [] });
  expect(await rotateKey()).toMatchObject({ rewrapped: [] });
  expect(await world.objects("data")).toEqual(before);
  const said = failureOf("unauthorized", await world.esop(...world.restoreCommand("first"), ...world.key));
  expect(said.hint).toBe("it opens with a passphrase");
  await tables.destroy();
  await world.ok(...world.restoreCommand("first"), ...world.passphrase);
  await tables.expectRows(1);
  const checked = await world.esop("check", "--skip-node", ...world.passphrase);
  expect(checked.stdout).toMatch(/"check":"encryption",.*"verdict":"ok"/);
  expect((await world.esop("check", "--skip-node", ...world.key)).status).toBe(7);
  expect((await world.esop("check", "--skip-node")).stdout).toMatch(/"check":"encryption",.*"verdict":"warn"/);
}

/** Everything is sent again, and what the former data key opens can be removed. */
async function beginDataKey(world: World): Promise<void> {
  const { tables } = world;
  const { begun } = await world.ok("rotate-key", ...world.passphrase, "--new-data-key");
  const report = await world.backup("afresh", "--encrypt", ...world.passphrase);
  expect(report).toMatchObject({ kept: { files: 0 } });
  const { afresh, third } = await world.list();
  expect(afresh?.["encryptedWith"]).toEqual([begun]);
  expect(third?.["encryptedWith"]).not.toEqual([begun]);
  for (const tag of ["first", "second", "third"]) await world.ok("remove-backup", "--name", tag);
  const left = await world.objects("data");
  expect(left.length).toBeGreaterThan(0);
  expect(left.filter((name) => !name.includes(`-${begun}/`))).toEqual([]);
  await tables.destroy();
  await world.ok(...world.restoreCommand("afresh"), ...world.passphrase);
  await tables.expectRows(1);
}

describe("what cannot be encrypted with", () => {
  let world: World;

  beforeAll(async () => {
    world = await World.create(async (node) => {
      const directory = await node.temporaryDirectory();
      return { directory, bucketLocation: `file://${directory}/encrypted`, environment: {} };
    });
    await mkdir(`${world.keyFile}-directory`);
    await writeFile(`${world.keyFile}-short`, "secret\n");
  });

  it.each([
    ["no key at all", "usage", () => []],
    ["a key file that is missing", "not-found", () => ["--encryption-key-file", `${world.keyFile}-none`]],
    ["a key file that is a directory", "io", () => ["--encryption-key-file", `${world.keyFile}-directory`]],
    ["a key file that holds no key", "usage", () => ["--encryption-key-file", `${world.keyFile}-short`]],
    ["a passphrase that is too short", "usage", () => ["--encryption-passphrase-file", `${world.keyFile}-short`]],
    ["two keys", "usage", () => [...world.key, ...world.passphrase]],
    ["a passphrase on the command line", "usage", () => ["--encryption-passphrase", "correct horse battery"]],
  ] as const)("is refused, and nothing is touched: %s", async (_, code, key) => {
    const before = await world.leftovers();
    failureOf(code, await world.esop(...world.backupCommand("bad"), "--encrypt", ...key()));
    expect(await world.leftovers()).toEqual(before);
    expect(await filesBelow(world.place.directory)).toEqual(new Map());
  });
});
