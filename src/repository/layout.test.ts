import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backupName, objectKey, parseBackupName, parseObjectKey } from "./layout.ts";

const id = "0978d800e67611f19a07dbe54d2f2ac2";
const uuid = "2473304f-e202-3575-b392-28ef6378e7aa";

const path = fc.record({
  keyspace: fc.stringMatching(/^\w{1,12}$/),
  table: fc.stringMatching(/^\w{1,12}$/),
  tableId: fc.stringMatching(/^[0-9a-f]{32}$/),
  index: fc.option(fc.stringMatching(/^\.\w{1,12}$/), { nil: undefined }),
  version: fc.stringMatching(/^[A-Za-z0-9_]{1,28}-\d{1,10}(-[0-9a-f]{16})?$/),
  keyTag: fc.option(fc.stringMatching(/^(aes|kms)[0-9a-f]{8}$/), { nil: undefined }),
  file: fc.stringMatching(
    /^[a-z]{2}-\d{1,4}-(big|bti)-([A-Z][a-z]{2,9}\.db|Digest\.crc32|SAI\+aa\+\w{1,5}\+Meta\.db)$/,
  ),
});

describe("object keys", () => {
  it("come back as the path they were made of", () => {
    fc.assert(
      fc.property(path, (made) => {
        expect(parseObjectKey(objectKey(made))).toEqual(made);
      }),
    );
  });

  it.each([
    [`data/ks/simple-${id}/2-3872815340/nb-2-big-Data.db`, undefined, "2-3872815340"],
    [`data/ks/t-${id}/.indexed_city/2-42/nb-2-big-Data.db`, ".indexed_city", "2-42"],
    [`data/ks/t-${id}/2-42-0123456789abcdef/nb-2-big-Statistics.db`, undefined, "2-42-0123456789abcdef"],
    [
      `data/ks/t-${id}/3gy0_111j_2u8ka1z4k2vcw67ubc-42/nb-3gy0_111j_2u8ka1z4k2vcw67ubc-big-Data.db`,
      undefined,
      undefined,
    ],
    [`data/ks/t-${id}/2-42-aes1a2b3c4d/nb-2-big-Data.db`, undefined, "2-42"],
    [`data/ks/t-${id}/.idx/2-42-0123456789abcdef-kms1a2b3c4d/nb-2-big-Data.db`, ".idx", "2-42-0123456789abcdef"],
    [`data/ks/t-${id}/2-42-aes1a2b3c4/nb-2-big-Data.db`, undefined, "2-42-aes1a2b3c4"],
    [`data/ks/t-${id}/aes1a2b3c4d/nb-2-big-Data.db`, undefined, "aes1a2b3c4d"],
    [`data/ks/t-${id}/2-42/nb-2-big-SAI+aa+GroupComplete.db`, undefined, "2-42"],
  ])("%s is one", (key, index, version) => {
    const parsed = parseObjectKey(key);
    expect(parsed).toMatchObject({ index, ...(version === undefined ? {} : { version }) });
    expect(parsed === undefined ? "" : objectKey(parsed)).toBe(key);
  });

  it.each([
    "",
    "data/",
    `data/ks/t-${id}/2-42/`,
    `data/ks/t-${id}/2-42`,
    `data/ks/t-${id}/nb-2-big-Data.db`,
    `/data/ks/t-${id}/2-42/nb-2-big-Data.db`,
    `manifests/ks/t-${id}/2-42/nb-2-big-Data.db`,
    `data/ks/t-${id}/2-42/nb-2-big-Data.db/more`,
    `data/ks/t-${id}/.idx/.idx/2-42/nb-2-big-Data.db`,
    `data/ks/t-${id}/idx/2-42/nb-2-big-Data.db`,
    `data/ks/t-${id}/../2-42/nb-2-big-Data.db`,
    `data/ks/t-${id}/./2-42/nb-2-big-Data.db`,
    `data/ks/t-${id}/../nb-2-big-Data.db`,
    `data/ks/t-${id}/2-42/..`,
    `data/ks/t-${id}/2-42/.hidden`,
    `data/ks/t-${id}/..`,
    `data/../t-${id}/2-42/nb-2-big-Data.db`,
    `data/ks/..-${id}/2-42/nb-2-big-Data.db`,
    `data/ks/t-${id}//nb-2-big-Data.db`,
    `data/ks/t-${id}/2-42\\..\\x/nb-2-big-Data.db`,
    `data/ks/t-${id}/2-42/nb-2-big-Data.db\0`,
    `data/ks/t-${id}/2-42/nb-2-big-Data.db\n`,
    `\ndata/ks/t-${id}/2-42/nb-2-big-Data.db`,
    `data/ks/t-${id.toUpperCase()}/2-42/nb-2-big-Data.db`,
    `data/ks/t-${id}0/2-42/nb-2-big-Data.db`,
    "data/ks/t/2-42/nb-2-big-Data.db",
    "../../x",
    "/etc/passwd",
  ])("%j is none", (key) => {
    expect(parseObjectKey(key)).toBeUndefined();
  });

  it("never lead out of the table's directory, whatever the key", () => {
    const segment = fc.oneof(
      fc.constantFrom(
        "..",
        ".",
        "",
        "...",
        ".x",
        "\0",
        "data",
        "ks",
        `t-${id}`,
        "2-42",
        "nb-2-big-Data.db",
        "a b",
        "%2e",
      ),
      fc.string({ maxLength: 6 }),
    );
    const keys = fc.array(segment, { minLength: 4, maxLength: 8 }).map((segments) => segments.join("/"));
    fc.assert(
      fc.property(
        fc.oneof(
          keys,
          keys.map((key) => `data/ks/t-${id}/${key}`),
        ),
        (key) => {
          const parsed = parseObjectKey(key);
          if (parsed === undefined) return;
          for (const part of [parsed.keyspace, parsed.table, parsed.version, parsed.file, parsed.index ?? ".x"]) {
            expect(part).toMatch(/^[\w.+-]+$/);
            expect([".", ".."]).not.toContain(part);
          }
          expect(objectKey(parsed)).toBe(key);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("backup names", () => {
  it("come back as their parts, also where a tag looks like a name itself", () => {
    const tag = fc.oneof(fc.stringMatching(/^[\w.-]{1,20}$/), fc.constant(`a-${uuid}-1`), fc.constant(`-${uuid}`));
    fc.assert(
      fc.property(tag, fc.uuid(), fc.nat({ max: 4102444800000 }), (tag, schemaVersion, createdMs) => {
        const { text } = backupName(tag, schemaVersion, createdMs);
        expect(parseBackupName(text)).toEqual({ text, tag, schemaVersion, createdMs });
      }),
    );
  });

  it.each([
    "snap",
    `snap-${uuid}`,
    `-${uuid}-1`,
    `${uuid}-1`,
    `snap-${uuid}-`,
    `snap-${uuid}-1.5`,
    `snap-${uuid.toUpperCase()}-1`,
    `snap-${uuid}-1.json`,
    `below/snap-${uuid}-1`,
    `../snap-${uuid}-1`,
    `sn\u001b[2Jap-${uuid}-1`,
    `snap-${uuid}-9999999999999999`,
  ])("%j is none", (text) => {
    expect(parseBackupName(text)).toBeUndefined();
  });

  it("are refused where they could not be read back", () => {
    expect(() => backupName("snap", "not a uuid", 1)).toThrow("cannot name a backup");
    expect(() => backupName("a/b", uuid, 1)).toThrow("cannot name a backup");
  });
});
