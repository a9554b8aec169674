import { describe, expect, it } from "vitest";
import { type VerbName, verbs } from "../commands/verbs.ts";
import { parseConfigFile } from "./config-file.ts";

const context = { homeDirectory: "/home/op" };
const read = (text: string, verb: VerbName = "backup") => parseConfigFile(text, "esop.yaml", verbs, verb);

describe("parseConfigFile", () => {
  it("lets a verb's section win over the top, and defaults fill the rest", async () => {
    const sources = await read(`
storage-location: s3://b/c/d/n
timeout: 1
older-than: 14day
backup:
  timeout: 2
  data-dir: [/a, /b]
  dry-run: true
restore:
  timeout: 3
list:
`);
    expect(verbs.backup.parse(sources, context)).toMatchObject({
      storageLocation: { bucket: "b" },
      timeoutMs: 7_200_000,
      dataDirs: ["/a", "/b"],
      dryRun: true,
      concurrentConnections: 10,
    });
  });

  it("takes an empty file for nothing given", async () => {
    expect(await read("# nothing\n")).toEqual([new Map(), new Map()]);
  });

  it("reads maps and null as the command line would give them", async () => {
    const [section] = await read("restore:\n  rename: {ks.a: ks.b}\n  timeout: null\n", "restore");
    expect(section?.get("rename")?.texts).toEqual(["ks.a=ks.b"]);
    expect(section?.has("timeoutMs")).toBe(false);
  });

  it("reads a list for an option that takes commas", async () => {
    const sources = await read("storage-location: s3://b\nentities: [shop.orders, shop.items]\ndata-dir: [/a, /b]");
    expect(verbs.backup.parse(sources, context)).toMatchObject({
      entities: { kind: "tables", tables: [{ table: "orders" }, { table: "items" }] },
      dataDirs: ["/a", "/b"],
    });
    const [, none] = await read("entities: []");
    expect(none?.has("entities")).toBe(false);
    await expect(read("entities: {a: b}")).rejects.toThrow("has a wrong shape");
  });

  it("refuses a rate without a unit", async () => {
    const sources = await read("storage-location: s3://b\nbandwidth: 50");
    expect(() => verbs.backup.parse(sources, context)).toThrow("'bandwidth' in esop.yaml: '50' has no unit");
  });

  it.each([
    ["storage-locatoin: x", "unknown option 'storage-locatoin' in esop.yaml", "did you mean storage-location"],
    ["bakup: {}", "unknown option 'bakup' in esop.yaml", "did you mean backup"],
    ["list:\n  duration: 1h", "unknown option 'duration' in section 'list' of esop.yaml", "keys are the long flags"],
    ["config-file: x", "unknown option 'config-file' in esop.yaml", "keys are the long flags without dashes"],
    ["__proto__: 1", "unknown option '__proto__' in esop.yaml", "keys are the long flags without dashes"],
    ["constructor: 1", "unknown option 'constructor' in esop.yaml", "keys are the long flags without dashes"],
    ["timeout: [1]", "'timeout' in esop.yaml has a wrong shape", "write one value"],
  ])("refuses %j", async (text, message, hint) => {
    await expect(read(text)).rejects.toMatchObject({ code: "usage", message, hint: expect.stringContaining(hint) });
  });

  it.each([
    ["- a", "esop.yaml is not a map of options"],
    ["backup: 3", "the section 'backup' in esop.yaml is not a map of options"],
    ["timeout: 1\ntimeout: 2", "esop.yaml is not YAML: map keys must be unique (line 2)"],
    ["timeout: *x", "esop.yaml has aliases that cannot be followed"],
    ["a: b: c", "esop.yaml is not YAML"],
  ])("refuses %j", async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it("names the file in complaints about values", async () => {
    const sources = await read("storage-location: s3://b\nbackup:\n  duration: soon");
    expect(() => verbs.backup.parse(sources, context)).toThrow(
      "'duration' in section 'backup' of esop.yaml: 'soon' is not a duration",
    );
  });
});
