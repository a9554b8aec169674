import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LocalFile } from "../cassandra/cassandra.ts";
import { manifestEntries, objectKey, parseObjectKey } from "../repository/repository.ts";
import type { HashAlgorithm } from "../transfer/transfer.ts";
import type { KnownObject } from "./known-hashes.ts";
import type { LocalTable } from "./local-table.ts";
import { newManifest } from "./new-manifest.ts";
import { type BackupPlan, type PlanInputs, type PlannedFile, planBackup } from "./plan.ts";

const tableId = "0978d800e67611f19a07dbe54d2f2ac2";

function hashOf(content: string, algorithm: HashAlgorithm): string {
  return algorithm === "CRC" ? String(crc32(content)) : hash("sha256", content);
}

/** What lies where: local files by component, stored objects by key, and what earlier manifests say. */
interface World {
  readonly local: Readonly<Record<string, string>>;
  readonly stored?: Readonly<Record<string, string>>;
  readonly known?: Readonly<Record<string, KnownObject>>;
  readonly algorithm?: HashAlgorithm;
  /** Objects are encrypted; the stored ones are given as plaintext all the same. */
  readonly encryptor?: NonNullable<PlanInputs["encryptor"]>;
}

function plainKey(component: string, version = "1-42", keyTag?: string): string {
  const file = `nb-1-big-${component}`;
  return objectKey({ keyspace: "ks", table: "t", tableId, index: undefined, version, keyTag, file });
}

const contentKey = (component: string, content: string) =>
  plainKey(component, `1-42-${hashOf(content, "SHA-256").slice(0, 16)}`);

function tableOf(local: Readonly<Record<string, string>>): LocalTable {
  const files = Object.entries(local).map(([component, content]): LocalFile => {
    const name = `nb-1-big-${component}`;
    return { path: component, name, sizeBytes: content.length, inode: 1n, device: 1n, modifiedNs: 1n };
  });
  const sstable = { baseName: "nb-1-big", generation: "1", index: undefined, digest: "42", files };
  return { keyspace: "ks", table: "t", tableId, schema: undefined, sstables: [sstable] };
}

/** The plan, and which contents were read for it. */
async function plan({ local, stored = {}, known = {}, algorithm = "SHA-256", encryptor }: World) {
  const read: string[] = [];
  const asked: string[] = [];
  const made = await planBackup([tableOf(local)], {
    algorithm,
    encryptor,
    stored: (key) => {
      const content = stored[key];
      if (content === undefined) return undefined;
      return { sizeBytes: encryptor?.storedBytes(content.length) ?? content.length, modifiedMs: 7 };
    },
    known: async (keys) => {
      asked.push(...keys);
      return new Map(Object.entries(known).filter(([key]) => keys.has(key)));
    },
    hashLocal: async ({ path }, by) => {
      read.push(`local ${path} ${by}`);
      return hashOf(local[path] ?? "", by);
    },
    hashStored: async (key, by) => {
      read.push(`stored ${by}`);
      return stored[key] === damaged ? undefined : hashOf(stored[key] ?? "", by);
    },
  });
  return { made, read, asked, files: made.tables.flatMap(({ files }) => files) };
}

async function planOne(world: World): Promise<PlannedFile & { readonly read: readonly string[] }> {
  const { files, read } = await plan(world);
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) throw new Error(`${files.length} files are planned`);
  return { ...file, read };
}

const statistics = plainKey("Statistics.db");
const [old, young, damaged] = ["content 1", "content 2", "content ?"];
const sha = (content: string) => hashOf(content, "SHA-256");

describe("what is not stored", () => {
  it("is sent unread, under the SSTable's key", async () => {
    for (const component of ["Data.db", "Statistics.db"]) {
      expect(await planOne({ local: { [component]: old } })).toMatchObject({
        action: "send",
        objectKey: plainKey(component),
        hash: undefined,
        contentSha256: undefined,
        read: [],
      });
    }
  });

  it("counts by file and by byte", async () => {
    const stored = { [plainKey("Data.db")]: "12345" };
    const { made, asked } = await plan({ local: { "Data.db": "12345", "Index.db": "123", "TOC.txt": "" }, stored });
    expect(made).toMatchObject({ send: { files: 2, bytes: 3 }, keep: { files: 1, bytes: 5 } });
    expect(asked).toEqual([plainKey("Data.db")]);
  });
});

describe("a component that never changes", () => {
  const data = plainKey("Data.db");

  it("is kept where it is stored with its size, and its hash comes from the manifest", async () => {
    for (const trusted of [true, false]) {
      const known = { [data]: { hash: sha(old), trusted } };
      const file = await planOne({ local: { "Data.db": old }, stored: { [data]: old }, known });
      expect(file).toMatchObject({ action: "keep", objectKey: data, hash: sha(old), storedModifiedMs: 7, read: [] });
    }
  });

  it("is sent again to the same key where it is stored with another size", async () => {
    const file = await planOne({
      local: { "Data.db": old },
      stored: { [data]: "cut" },
      known: { [data]: { hash: sha(old), trusted: true } },
    });
    expect(file).toMatchObject({ action: "send", objectKey: data, read: [] });
  });

  it("is hashed where no manifest has a hash of the algorithm asked for", async () => {
    const of = (algorithm: HashAlgorithm, hash: string | null) =>
      planOne({
        local: { "Data.db": old },
        stored: { [data]: old },
        known: { [data]: { hash, trusted: true } },
        algorithm,
      });
    expect(await of("SHA-256", hashOf(old, "CRC"))).toMatchObject({ hash: sha(old), read: ["local Data.db SHA-256"] });
    expect(await of("CRC", sha(old))).toMatchObject({ hash: hashOf(old, "CRC"), read: ["local Data.db CRC"] });
    expect(await of("SHA-256", null)).toMatchObject({ hash: sha(old), read: ["local Data.db SHA-256"] });
    expect(await of("NONE", sha(old))).toMatchObject({ action: "keep", hash: null, read: [] });
  });
});

it.each(["Data.db", "Statistics.db"])(
  "what Esop for Java has encrypted is left alone, beside %s in the clear",
  async (name) => {
    for (const content of [old, ""]) {
      const own = contentKey(name, content);
      const world = { local: { [name]: content }, stored: { [plainKey(name)]: `${content}${"?".repeat(16)}` } };
      expect(await planOne(world)).toMatchObject({ action: "send", objectKey: own, contentSha256: sha(content) });
      const again = await planOne({ ...world, stored: { ...world.stored, [own]: content } });
      expect(again).toMatchObject({ action: "keep", objectKey: own, hash: sha(content) });
    }
  },
);

describe("a component that Cassandra rewrites in place", () => {
  const of = (content: string, known?: KnownObject, more: Partial<World> = {}) =>
    planOne({
      local: { "Statistics.db": content },
      stored: { [statistics]: old },
      ...(known === undefined ? {} : { known: { [statistics]: known } }),
      ...more,
    });

  it("is kept where a manifest of ours has its hash", async () => {
    const file = await of(old, { hash: sha(old), trusted: true });
    expect(file).toMatchObject({ action: "keep", objectKey: statistics, hash: sha(old), contentSha256: undefined });
    expect(file.read).toEqual(["local Statistics.db SHA-256"]);
  });

  it("goes under a key of its content where ours has another hash, be the size the same", async () => {
    expect(await of(young, { hash: sha(old), trusted: true })).toMatchObject({
      action: "send",
      objectKey: contentKey("Statistics.db", young),
      contentSha256: sha(young),
    });
  });

  it("of another size goes there too, and never over what earlier backups name", async () => {
    expect(await of("longer content", { hash: sha(old), trusted: true })).toMatchObject({
      action: "send",
      objectKey: contentKey("Statistics.db", "longer content"),
    });
  });

  it("is kept under the key of its content once it is there", async () => {
    const stored = { [statistics]: old, [contentKey("Statistics.db", young)]: young };
    expect(await of(young, { hash: sha(old), trusted: true }, { stored })).toMatchObject({
      action: "keep",
      objectKey: contentKey("Statistics.db", young),
      hash: sha(young),
      storedModifiedMs: 7,
    });
    const cut = { [statistics]: old, [contentKey("Statistics.db", young)]: "cut" };
    expect(await of(young, { hash: sha(old), trusted: true }, { stored: cut })).toMatchObject({ action: "send" });
  });

  it("is not believed of another tool's manifest: the object itself is read", async () => {
    const honest = await of(old, { hash: sha(old), trusted: false });
    expect(honest).toMatchObject({ action: "keep", objectKey: statistics });
    expect(honest.read).toContain("stored SHA-256");
    // Esop's: the new content's hash beside the key of the old content.
    const lie = await of(young, { hash: sha(young), trusted: false });
    expect(lie).toMatchObject({ action: "send", objectKey: contentKey("Statistics.db", young) });
  });

  it("is read where no manifest names the object, as after a run that was cut short", async () => {
    const left = await of(old);
    expect(left).toMatchObject({ action: "keep", objectKey: statistics, hash: sha(old) });
    expect(left.read).toContain("stored SHA-256");
    expect(await of(young)).toMatchObject({ action: "send", objectKey: contentKey("Statistics.db", young) });
  });

  it("is sent where manifests name the object without a hash", async () => {
    for (const known of [
      { hash: null, trusted: true },
      { hash: undefined, trusted: true },
      { hash: "", trusted: false },
    ]) {
      expect(await of(old, known)).toMatchObject({ action: "send", objectKey: contentKey("Statistics.db", old) });
    }
  });

  it("may be known by its CRC; the manifest's hash is of the algorithm asked for", async () => {
    const crc = { hash: hashOf(old, "CRC"), trusted: true };
    expect(await of(old, crc)).toMatchObject({ action: "keep", objectKey: statistics, hash: sha(old) });
    expect(await of(old, crc, { algorithm: "CRC" })).toMatchObject({ action: "keep", hash: hashOf(old, "CRC") });
    expect(await of(young, crc, { algorithm: "CRC" })).toMatchObject({ action: "send", contentSha256: sha(young) });
    expect(await of(old, { hash: sha(old), trusted: true }, { algorithm: "NONE" })).toMatchObject({
      action: "keep",
      hash: null,
    });
    const stored = { [statistics]: old, [contentKey("Statistics.db", young)]: young };
    expect(await of(young, crc, { algorithm: "CRC", stored })).toMatchObject({
      action: "keep",
      hash: hashOf(young, "CRC"),
    });
  });
});

it("SSTables of indexes have keys of their own", async () => {
  const table = tableOf({ "Data.db": old });
  const [sstable] = table.sstables;
  if (sstable === undefined) throw new Error("no SSTable");
  const both = { ...table, sstables: [sstable, { ...sstable, index: ".idx", digest: "43" }] };
  const made = await planBackup([both], {
    algorithm: "NONE",
    stored: () => undefined,
    known: async () => new Map(),
    hashLocal: async () => "",
    hashStored: async () => "",
  });
  const keys = made.tables.flatMap(({ files }) => files.map(({ objectKey }) => objectKey));
  expect(keys).toEqual([plainKey("Data.db"), `data/ks/t-${tableId}/.idx/1-43/nb-1-big-Data.db`]);
});

/**
 * The rule itself, in all states of the world: earlier manifests of ours say the truth of what is stored, those of other
 * tools may say of a rewritten component what they like, and stored objects may be cut short.
 */
const contents = ["", "a", "b", "cc", "dd"] as const;
const content = fc.constantFrom(...contents);
const mutable = fc.record({
  local: content,
  plain: fc.option(content, { nil: undefined }),
  others: fc.uniqueArray(content, { maxLength: 2 }),
  claim: fc.option(fc.record({ of: content, trusted: fc.boolean(), by: fc.constantFrom("SHA-256", "CRC", "NONE") }), {
    nil: undefined,
  }),
});

it("whatever is kept is what the local file holds, and nothing that is stored is overwritten with another content", async () => {
  const algorithms = fc.constantFrom<HashAlgorithm>("SHA-256", "CRC", "NONE");
  await fc.assert(
    fc.asyncProperty(mutable, algorithms, async ({ local, plain, others, claim }, algorithm) => {
      const stored: Record<string, string> = {};
      if (plain !== undefined) stored[statistics] = plain;
      for (const other of others) stored[contentKey("Statistics.db", other)] = other;
      const said = claim?.trusted === true ? (plain ?? "") : (claim?.of ?? "");
      const hash =
        claim === undefined || claim.by === "NONE" ? null : hashOf(said, claim.by === "CRC" ? "CRC" : "SHA-256");
      const known = claim === undefined ? {} : { [statistics]: { hash, trusted: claim.trusted } };
      const file = await planOne({ local: { "Statistics.db": local }, stored, known, algorithm });
      expect(parseObjectKey(file.objectKey)).toBeDefined();
      if (file.action === "keep") {
        expect(stored[file.objectKey]).toBe(local);
        expect(file.hash).toBe(algorithm === "NONE" ? null : hashOf(local, algorithm));
      } else {
        expect(stored[file.objectKey]).toBeUndefined();
        expect(file.objectKey).toBe(plain === undefined ? statistics : contentKey("Statistics.db", local));
      }
    }),
    { numRuns: 400 },
  );
});

describe("the manifest of a plan", () => {
  const facts = { tokens: ["-9", "9"], schemaVersion: "2473304f-e202-3575-b392-28ef6378e7aa" };
  const name = { text: "snap-v-1", tag: "snap", schemaVersion: "v", createdMs: 1 };

  it("names every file, with the hash learned last, and the bytes of all", async () => {
    const stored = { [plainKey("Data.db")]: "12345" };
    const known = { [plainKey("Data.db")]: { hash: sha("12345"), trusted: true } };
    const { made } = await plan({ local: { "Data.db": "12345", "TOC.txt": "1" }, stored, known });
    const hashes = new Map([[plainKey("TOC.txt"), sha("1")]]);
    const manifest = newManifest(made, hashes, name, facts);
    const withKey = [...manifestEntries(newManifest(made, hashes, name, facts, "a-key"))];
    expect(withKey).toEqual([...manifestEntries(manifest)].map((entry) => ({ ...entry, kmsKeyId: "a-key" })));
    expect(manifest).toEqual({
      snapshot: {
        name: "snap-v-1",
        keyspaces: {
          ks: {
            tables: {
              t: {
                id: tableId,
                sstables: {
                  "nb-1-big": [
                    { objectKey: plainKey("Data.db"), type: "FILE", size: 5, hash: sha("12345") },
                    { objectKey: plainKey("TOC.txt"), type: "FILE", size: 1, hash: sha("1") },
                  ],
                },
              },
            },
          },
        },
      },
      ...facts,
      size: 6,
    });
  });

  it("leaves out no keyspace or table, whatever its name", () => {
    const names = ["constructor", "__proto__", "toString", "ks"];
    const tables = names.flatMap((keyspace) =>
      names.map((table) => ({ table: { ...tableOf({}), keyspace, table, schema: "CREATE" }, files: [] })),
    );
    const empty: BackupPlan = { tables, send: { files: 0, bytes: 0 }, keep: { files: 0, bytes: 0 } };
    const written: unknown = JSON.parse(JSON.stringify(newManifest(empty, new Map(), name, facts)));
    const { snapshot } = newManifest(empty, new Map(), name, facts);
    expect(written).toMatchObject({ size: 0 });
    expect(Object.keys(snapshot.keyspaces).sort()).toEqual(names.toSorted());
    for (const keyspace of names) {
      expect(
        Object.entries(snapshot.keyspaces[keyspace]?.tables ?? {})
          .map(([table]) => table)
          .sort(),
      ).toEqual(names.toSorted());
    }
    expect(snapshot.keyspaces["ks"]?.tables["t"]).toBeUndefined();
    expect(JSON.stringify(written).match(/"schemaContent":"CREATE"/g)).toHaveLength(16);
  });
});

describe("an encrypted backup", () => {
  const encryptor = { keyTag: "aes1a2b3c4d", storedBytes: (plainBytes: number) => plainBytes + 64 };
  const [data, rewritten] = ["Data.db", "Statistics.db"].map((name) => plainKey(name, "1-42", encryptor.keyTag));
  if (data === undefined || rewritten === undefined) throw new Error("no keys");

  it("sends what is stored in the clear or under another data key, to keys of its own", async () => {
    const others = [
      plainKey("Data.db"),
      plainKey("Data.db", "1-42", "aes00000000"),
      plainKey("Data.db", "1-42", "kms1a2b3c4d"),
    ];
    const stored = Object.fromEntries(others.map((key) => [key, old]));
    const file = await planOne({ local: { "Data.db": old }, stored, encryptor });
    expect(file).toMatchObject({ action: "send", objectKey: data, storedBytes: old.length + 64 });
    const plain = await planOne({ local: { "Data.db": old }, stored: { [data]: old } });
    expect(plain).toMatchObject({ action: "send", objectKey: plainKey("Data.db"), storedBytes: old.length });
  });

  it("keeps what is stored under its data key with the size that an encrypted file has", async () => {
    const world = { local: { "Data.db": old }, stored: { [data]: old }, encryptor };
    const known = { [data]: { hash: sha(old), trusted: true } };
    expect(await planOne({ ...world, known })).toMatchObject({
      action: "keep",
      objectKey: data,
      hash: sha(old),
      read: [],
    });
    const { made } = await plan({ ...world, known });
    expect(made.keep).toEqual({ files: 1, bytes: old.length + 64 });
    const cut = await planOne({ ...world, stored: { [data]: "cut" } });
    expect(cut).toMatchObject({ action: "send", objectKey: data });
  });

  it("puts a rewritten component under its content's key and the key tag", async () => {
    const world = { local: { "Statistics.db": young }, stored: { [rewritten]: old }, encryptor };
    const known = { [rewritten]: { hash: sha(old), trusted: true } };
    const contentKey = plainKey("Statistics.db", `1-42-${sha(young).slice(0, 16)}`, encryptor.keyTag);
    expect(await planOne({ ...world, known })).toMatchObject({
      action: "send",
      objectKey: contentKey,
      contentSha256: sha(young),
    });
    const again = await planOne({ ...world, known, stored: { ...world.stored, [contentKey]: young } });
    expect(again).toMatchObject({ action: "keep", objectKey: contentKey, hash: sha(young) });
    const leftOver = await planOne({ ...world, stored: { [rewritten]: damaged } });
    expect(leftOver).toMatchObject({ action: "send", objectKey: contentKey });
  });
});
