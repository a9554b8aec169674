import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isAppError } from "../errors.ts";
import { hashAlgorithmOf, type ManifestEntry, manifestEntries, manifestFiles, parseManifest } from "./manifest.ts";

/** Two SSTables as the real Esop described them. */
const esopText = readFileSync(new URL("../../test/fixtures/esop/manifest.json", import.meta.url), "utf8");
const id = "0978d800e67611f19a07dbe54d2f2ac2";
const key = `data/ks/t-${id}/1-2/nb-1-big-Data.db`;

function withEntry(entry: unknown): string {
  return withTable({ id, sstables: { "nb-1-big": [entry] } });
}

function withTable(table: unknown): string {
  return withKeyspaces({ ks: { tables: { t: table } } });
}

function withKeyspaces(keyspaces: unknown): string {
  return JSON.stringify({ snapshot: { name: "n", keyspaces }, tokens: ["1"], schemaVersion: "v", size: 1 });
}

function onlyEntry(text: string): ManifestEntry | undefined {
  const [entry, ...more] = manifestEntries(parseManifest(text, "n"));
  expect(more).toEqual([]);
  return entry;
}

describe("a manifest of Esop's own", () => {
  const manifest = parseManifest(esopText, "esop");

  it("is read with every entry and what its key says", () => {
    const files = [...manifestFiles(manifest)];
    expect(files).toHaveLength(17);
    expect(files.map(({ entry }) => entry)).toEqual([...manifestEntries(manifest)]);
    expect(files.reduce((sum, { entry }) => sum + (entry.size ?? 0), 0)).toBe(manifest.size);
    expect(files.filter(({ path }) => path.index === ".indexed_city")).toHaveLength(3);
    expect(new Set(files.map(({ baseName }) => baseName))).toEqual(new Set(["nb-2-big"]));
    expect(files.every(({ entry }) => hashAlgorithmOf(entry.hash) === "SHA-256")).toBe(true);
  });

  it("may name empty components", () => {
    const empty = [...manifestFiles(manifest)].filter(({ entry }) => entry.size === 0);
    expect(empty.map(({ path }) => path.file)).toEqual(["nb-2-big-SAI+aa+GroupComplete.db"]);
  });

  it("gives the files of wanted tables alone", () => {
    const tables = [...manifestFiles(manifest, (keyspace, table) => keyspace === "ks" && table === "simple")];
    expect(tables).toHaveLength(8);
    expect(tables.every(({ path }) => path.table === "simple")).toBe(true);
  });
});

describe("two objects for one file of a table", () => {
  const other = `data/ks/t-${id}/1-3/nb-1-big-Data.db`;
  const filesOf = (...keys: readonly string[]) => {
    const entries = keys.map((objectKey) => ({ objectKey, type: "FILE" }));
    return [...manifestFiles(parseManifest(withTable({ id, sstables: { "nb-1-big": entries } }), "n"))];
  };

  it("are refused, since only one could be restored", () => {
    expect(() => filesOf(key, other)).toThrow("the backup has two SSTables nb-1-big of ks.t, and one path for both");
    const otherId = `data/ks/t-1${id.slice(1)}/1-2/nb-1-big-Data.db`;
    expect(() => filesOf(key, otherId)).toThrow("two SSTables");
  });

  it("are not the same object twice, nor the file of an index", () => {
    expect(filesOf(key, key, `data/ks/t-${id}/.i/1-3/nb-1-big-Data.db`)).toHaveLength(3);
  });
});

describe("what other tools may write", () => {
  it("fields nobody knows are ignored, at every level", () => {
    const text = esopText.replaceAll('"objectKey"', '"strange":{"a":[1]},"objectKey"');
    const more = text.replace('"tokens"', '"strange":null,"tokens"').replace('"id"', '"strange":1,"id"');
    expect([...manifestFiles(parseManifest(more, "n"))]).toHaveLength(17);
  });

  it.each([{}, { size: null, hash: null }])("size and hash may be missing: %j", (rest) => {
    const entry = onlyEntry(withEntry({ objectKey: key, type: "FILE", ...rest }));
    expect(entry?.objectKey).toBe(key);
    expect(entry?.size).toBeUndefined();
    expect(hashAlgorithmOf(entry?.hash)).toBe("NONE");
  });

  it.each([
    ["a".repeat(64), "SHA-256"],
    ["A".repeat(64), "SHA-256"],
    ["3872815340", "CRC"],
    ["0", "CRC"],
    ["", "NONE"],
    [null, "NONE"],
    [undefined, "NONE"],
  ] as const)("a hash of %j is of %s", (hash, algorithm) => {
    const entry = onlyEntry(withEntry({ objectKey: key, size: 1, hash }));
    expect(hashAlgorithmOf(entry?.hash)).toBe(algorithm);
  });

  it("a hash means the same in upper case", () => {
    expect(onlyEntry(withEntry({ objectKey: key, hash: "AB".repeat(32) }))?.hash).toBe("ab".repeat(32));
  });

  it("a table may be without SSTables, and its schema may be missing or null", () => {
    for (const rest of [{}, { schemaContent: null }, { schemaContent: "CREATE TABLE" }]) {
      const { snapshot } = parseManifest(withTable({ id, sstables: {}, ...rest }), "n");
      expect(snapshot.keyspaces["ks"]?.tables["t"]?.schemaContent).toBe(rest.schemaContent ?? undefined);
    }
  });

  it("names of the language's own objects are names like any other", () => {
    const sstables = { "nb-1-big": [{ objectKey: `data/constructor/__proto__-${id}/1-2/nb-1-big-Data.db`, size: 1 }] };
    const tables = `{"__proto__":${JSON.stringify({ id, sstables })}}`;
    const text = withKeyspaces({ constructor: { tables: 0 } }).replace('"tables":0', `"tables":${tables}`);
    expect([...manifestFiles(parseManifest(text, "n"))].map(({ path }) => path.table)).toEqual(["__proto__"]);
  });
});

describe("a malformed manifest is refused by name", () => {
  const valid = { objectKey: key, type: "FILE", size: 1, hash: "1" };
  it.each([
    ["", "is not JSON"],
    ["{", "is not JSON"],
    [esopText.slice(0, 3000), "is not JSON"],
    ["[]", "has no content"],
    ["null", "has no content"],
    ["1", "has no content"],
    ["{}", "has no snapshot"],
    ['{"snapshot":{}}', "has no keyspaces"],
    [withKeyspaces([]), "has no keyspaces"],
    [withKeyspaces({ ks: 1 }), "has no keyspace ks"],
    [withKeyspaces({ ks: {} }), "has no tables of ks"],
    [
      withKeyspaces({ "../../other/data/bank": { tables: {} } }),
      'gives "../../other/data/bank" as the name of a keyspace',
    ],
    [withKeyspaces({ "./system_auth": { tables: {} } }), 'gives "./system_auth" as the name of a keyspace'],
    [withKeyspaces({ "": { tables: {} } }), 'gives "" as the name of a keyspace'],
    [withKeyspaces({ "\u001b[2J": { tables: {} } }), 'gives "\\u001b[2J" as the name of a keyspace'],
    [withKeyspaces({ ["k".repeat(223)]: { tables: {} } }), "as the name of a keyspace"],
    [withKeyspaces({ ks: { tables: { "../t": { id, sstables: {} } } } }), 'gives "../t" as the name of a table'],
    [withKeyspaces({ ks: { tables: { "t;": { id, sstables: {} } } } }), 'gives "t;" as the name of a table'],
    [withTable({ id, sstables: { "../nb-1-big": [] } }), 'gives "../nb-1-big" as the name of an SSTable'],
    [withTable({ id, sstables: { "": [] } }), 'gives "" as the name of an SSTable'],
    [withTable(null), "has no table ks.t"],
    [withTable({ sstables: {} }), "has no valid id for table ks.t"],
    [withTable({ id: "../x", sstables: {} }), "has no valid id for table ks.t"],
    [withTable({ id: id.slice(1), sstables: {} }), "has no valid id for table ks.t"],
    [withTable({ id }), "has no SSTables of ks.t"],
    [withTable({ id, sstables: [] }), "has no SSTables of ks.t"],
    [withTable({ id, sstables: { "nb-1-big": {} } }), "has no components for an SSTable of ks.t"],
    [withTable({ id, sstables: {}, schemaContent: {} }), "has no readable schema of ks.t"],
    [withEntry(null), "has no object behind an entry"],
    [withEntry([]), "has no object behind an entry"],
    [withEntry({ ...valid, objectKey: undefined }), "names an object that is no part of an SSTable"],
    [withEntry({ ...valid, objectKey: 7 }), "names an object that is no part of an SSTable: 7"],
    [withEntry({ ...valid, objectKey: "../../x" }), 'names an object that is no part of an SSTable: "../../x"'],
    [withEntry({ ...valid, objectKey: `data/ks/../../x-${id}/1-2/f` }), "names an object that is no part"],
    [withEntry({ ...valid, objectKey: key.replace("/ks/", "/other/") }), "names an object that is no part"],
    [withEntry({ ...valid, objectKey: key.replace("/t-", "/other-") }), "names an object that is no part"],
    [withEntry({ ...valid, objectKey: key.replace(/[^/]+$/, "snapshots") }), "names an object that is no part"],
    [withEntry({ ...valid, objectKey: key.replace(/[^/]+$/, "manifest.json") }), "names an object that is no part"],
    [withEntry({ ...valid, size: -1 }), "gives -1 as the size of"],
    [withEntry({ ...valid, size: 1.5 }), "gives 1.5 as the size of"],
    [withEntry({ ...valid, size: "1" }), 'gives "1" as the size of'],
    [withEntry({ ...valid, hash: 1 }), "gives 1 as the hash of"],
    [withKeyspaces({}).replace('"tokens":["1"]', '"tokens":"1"'), "has no tokens"],
    [withKeyspaces({}).replace('"tokens":["1"]', '"tokens":[1]'), "has no tokens"],
    [withKeyspaces({}).replace('"tokens":["1"]', '"tokens":["1\\nseeds: x"]'), "has no tokens"],
  ])("%.90s: %s", (text, complaint) => {
    let thrown: unknown;
    try {
      parseManifest(text, "snap1");
    } catch (error) {
      thrown = error;
    }
    expect(isAppError(thrown, "corrupt") && thrown.message).toMatch(/^manifest 'snap1' /);
    expect(isAppError(thrown) && thrown.message).toContain(complaint);
  });
});

it("reads a manifest of many entries in time proportional to their number", () => {
  const entriesOf = (generation: number) =>
    Array.from({ length: 10 }, (_, n) => ({
      objectKey: `data/ks/t-${id}/${generation}-1/nb-${generation}-big-C${n}.db`,
      type: "FILE",
      size: n,
      hash: "0".repeat(64),
    }));
  const sstables = Array.from({ length: 2000 }, (_, n) => [`nb-${n}-big`, entriesOf(n)] as const);
  const text = withTable({ id, sstables: Object.fromEntries(sstables) });
  const startedMs = performance.now();
  let files = 0;
  for (const _ of manifestFiles(parseManifest(text, "n"))) files += 1;
  expect(files).toBe(20_000);
  // Some fifty milliseconds on a small machine; a look at every other entry for each would take minutes.
  expect(performance.now() - startedMs).toBeLessThan(2000);
});
