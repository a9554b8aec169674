import { createCipheriv, createDecipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isAppError } from "../../errors.ts";
import {
  type ContentCipher,
  cipherOf,
  deriveCipher,
  isKmsEncrypted,
  type Metadata,
  readEnvelope,
  tagBytes,
  writeEnvelope,
} from "./s3-client-format.ts";

const hex = (text: string) => Buffer.from(text, "hex");
const counted = (from: number, count: number) => Buffer.from(Array.from({ length: count }, (_, index) => from + index));

/** With this the client for Java has read all that is in `written`. */
const fixed = {
  dataKey: counted(0x00, 32),
  messageId: counted(0x80, 28),
  iv: counted(0xa0, 12),
  wrapped: "Zml4ZWQtZWRr",
};

const format3: Metadata = {
  "x-amz-3": fixed.wrapped,
  "x-amz-c": "115",
  "x-amz-w": "12",
  "x-amz-i": "gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmamw==",
  "x-amz-d": "AjPGAHJfJ9efJlXShypyoBHbx3VTZSX54atWkw==",
  "x-amz-t": '{"aws:x-amz-cek-alg":"115"}',
};

const format2: Metadata = {
  "x-amz-key-v2": fixed.wrapped,
  "x-amz-iv": fixed.iv.toString("base64"),
  "x-amz-cek-alg": "AES/GCM/NoPadding",
  "x-amz-tag-len": "128",
  "x-amz-wrap-alg": "kms+context",
  "x-amz-matdesc": '{"aws:x-amz-cek-alg":"AES/GCM/NoPadding"}',
};

function generated(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 131 + (index >> 8) * 17 + 7) & 255));
}

function encrypt({ key, iv, associated }: ContentCipher, plain: Buffer): Buffer {
  const gcm = createCipheriv("aes-256-gcm", key, iv, { authTagLength: tagBytes }).setAAD(associated);
  return Buffer.concat([gcm.update(plain), gcm.final(), gcm.getAuthTag()]);
}

function decrypt({ key, iv, associated }: ContentCipher, body: Buffer): Buffer {
  const gcm = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: tagBytes }).setAAD(associated);
  gcm.setAuthTag(body.subarray(-tagBytes));
  return Buffer.concat([gcm.update(body.subarray(0, -tagBytes)), gcm.final()]);
}

test("the keys of format 3 are derived as others derive them", () => {
  const derived = deriveCipher(fixed.dataKey, fixed.messageId);
  expect(derived.commitment).toEqual(hex("0233c600725f27d79f2655d2872a72a011dbc775536525f9e1ab5693"));
  expect(derived.key).toEqual(hex("ebab6976d247032b19b3b89e9715a1449cf0ebe5691c6c876966cbe1ee95dee1"));
  expect(derived.iv).toEqual(hex("01".repeat(12)));
  expect(derived.associated).toEqual(hex("0073"));
  for (const size of [0, 31, 33]) {
    expect(() => deriveCipher(Buffer.alloc(size), fixed.messageId)).toThrow(
      expect.objectContaining({ code: "corrupt" }),
    );
  }
});

test("an envelope is written as others write it, and read again", () => {
  const { commitment } = deriveCipher(fixed.dataKey, fixed.messageId);
  const wrappedKey = Buffer.from("fixed-edk");
  expect(writeEnvelope({ wrappedKey, messageId: fixed.messageId, commitment })).toEqual(format3);
  const context = { "aws:x-amz-cek-alg": "115" };
  expect(readEnvelope(format3)).toEqual({ format: 3, wrappedKey, messageId: fixed.messageId, commitment, context });
});

const written: readonly [string, Metadata, Buffer, string][] = [
  ["nothing", format3, generated(0), "eb46d75ac000bb8832c26035ab072893"],
  ["nothing", format2, generated(0), "5c699625af4b93a0f8220a2a6119c5d0"],
  [
    "a line",
    format3,
    Buffer.from("hello, sstable\n"),
    "d3ccbbe39a80ef494e1dab1d5db27c7e378ccb573db06e2dc6187c7d6dd1fd",
  ],
  [
    "a line",
    format2,
    Buffer.from("hello, sstable\n"),
    "8e7d10412ae722cc1111e6b16b1fca9f72606ee0d7154a846bc21236e7ddd0",
  ],
  [
    "40 bytes",
    format3,
    generated(40),
    "bc23da1fe63ad6a622cbefd71a7947ead59fbc0aae3aacabafda84aea0706dbc9e01f5996f77ffe6aa678d5f0c3b0a47d3d6d5671fb87dbc",
  ],
  [
    "40 bytes",
    format2,
    generated(40),
    "e19271bd565d1b237dc7a27b2cd4f16a471664d0d1710ba0d3dc735e247514e5b59c2a0fdcd42ac1216ee45ab34b09f468f757807210c325",
  ],
];

test.each(written)("%s is encrypted as others encrypt it", (_, metadata, plain, body) => {
  const cipher = cipherOf(readEnvelope(metadata), fixed.dataKey);
  expect(encrypt(cipher, plain)).toEqual(hex(body));
  expect(decrypt(cipher, hex(body))).toEqual(plain);
});

/** What the clients for Java have written, with the data key that their KMS had made. */
const foreign: readonly [string, string, Metadata, Buffer, string][] = [
  [
    "client 4",
    "10eb48c6c3c6abe02b1fe709c735389c021541fb2683a5d7f58c3be534a74fc3",
    {
      ...format3,
      "x-amz-d": "mroQKGMR2Ez7iZZmD368zXxAxJYOBv5lniV0+Q==",
      "x-amz-i": "pZpyFZF/awTKW/MH1p2zbFr1i1dptEh+F2hKIg==",
    },
    generated(37),
    "d70ae147da83b42827b66d28fdb2b97721b731c8f3f3616c5373c60723d9f85663bffc453c6d2932fb050e7108aa58c5dfcffdcd4b",
  ],
  [
    "client 4, in parts",
    "960c705c07a037f524eb228d68676f160bc3aab91e8b4a7cf49445ca603a3381",
    {
      ...format3,
      "x-amz-d": "luXdop7PgTvjyPHeUJbTnRUSGlZqh6oTAGYfnw==",
      "x-amz-i": "LH/MyKmVjxUn0wE7hzEicN3yq8ggEKfxgqx1OQ==",
    },
    generated(0),
    "64d70a0ab19d2e86fafe90804e1ac4cb",
  ],
  [
    "client 3",
    "b91ce77a55b12506fb96c169d85d07bafa93e454b13041db44445bd595144402",
    { ...format2, "x-amz-iv": "RpfntXKl35LzWMmY" },
    generated(37),
    "78d689df9dde5fbd27838fe77aa5eb5dc4866ce36e32d88d62249c3735c70b96ed82cd7f7b7f1129faea0c52f81239836ef0c2221d",
  ],
  [
    "client 3, nothing",
    "021de93b4b1bf03954957890b7b32e12ebebcc329c0c008064f31e6fece6ea22",
    { ...format2, "x-amz-iv": "it5DSF9ymEDdfCxJ" },
    generated(0),
    "7a486842cc3f25d4f275e3cf603a8fff",
  ],
];

test.each(foreign)("an object of %s is read", (_, dataKey, metadata, plain, body) => {
  expect(decrypt(cipherOf(readEnvelope(metadata), hex(dataKey)), hex(body))).toEqual(plain);
});

test("what others put beside it does not matter", () => {
  const more = { ...format3, "esop-upload": "1", "x-amz-t": ' { "aws:x-amz-cek-alg" : "115" } ' };
  expect(readEnvelope(more)).toEqual(readEnvelope(format3));
  const context = { "aws:x-amz-cek-alg": "115", team: "a" };
  expect(readEnvelope({ ...format3, "x-amz-t": JSON.stringify(context) })).toMatchObject({ context });
  expect(readEnvelope({ ...format2, "x-amz-unencrypted-content-length": "1" })).toEqual(readEnvelope(format2));
});

test("a commitment to another data key is refused", () => {
  expect(() => cipherOf(readEnvelope(format3), Buffer.alloc(32, 1))).toThrow(
    expect.objectContaining({ code: "corrupt" }),
  );
});

const withoutKey = ({ "x-amz-3": _, ...metadata }: Metadata): Metadata => metadata;
const refusals: readonly [string, Metadata, string, RegExp][] = [
  ["nothing at all", {}, "unsupported", /instruction file/],
  ["a key elsewhere", withoutKey(format3), "unsupported", /instruction file/],
  ["two formats", { ...format2, ...format3 }, "corrupt", /both x-amz-3 and x-amz-key-v2/],
  ["the oldest format", { "x-amz-key": "a", "x-amz-iv": "b", "x-amz-matdesc": "{}" }, "unsupported", /oldest format/],
  [
    "a mode that proves nothing",
    { ...format2, "x-amz-cek-alg": "AES/CBC/PKCS5Padding", "x-amz-iv": Buffer.alloc(16).toString("base64") },
    "unsupported",
    /AES\/CBC\/PKCS5Padding, which does not prove/,
  ],
  ["the old way to wrap", { ...format2, "x-amz-wrap-alg": "kms" }, "unsupported", /could be exchanged/],
  [
    "a wrapping without KMS",
    { ...format2, "x-amz-wrap-alg": "AES/GCM" },
    "unsupported",
    /by AES\/GCM and not by the KMS/,
  ],
  ["another wrapping of format 3", { ...format3, "x-amz-w": "22" }, "unsupported", /not wrapped by the KMS/],
  ["another algorithm", { ...format3, "x-amz-c": "116" }, "unsupported", /algorithm is 116/],
  ["another algorithm of format 2", { ...format2, "x-amz-cek-alg": "AES/CTR" }, "unsupported", /AES\/CTR/],
  ["a short message id", { ...format3, "x-amz-i": "gIGCgw==" }, "corrupt", /x-amz-i has 4 bytes, not 28/],
  ["a long commitment", { ...format3, "x-amz-d": "A".repeat(40) }, "corrupt", /x-amz-d has 30 bytes, not 28/],
  ["a short IV", { ...format2, "x-amz-iv": "oKGi" }, "corrupt", /x-amz-iv has 3 bytes, not 12/],
  ["a short tag", { ...format2, "x-amz-tag-len": "96" }, "corrupt", /not of 128 bits/],
  ["text that is not base64", { ...format3, "x-amz-i": "?" }, "corrupt", /not base64/],
  [
    "base64 with loose bits",
    { ...format3, "x-amz-i": "gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmamx==" },
    "corrupt",
    /not base64/,
  ],
  ["no wrapped key", { ...format3, "x-amz-3": "" }, "corrupt", /x-amz-3 is not base64/],
  ["a context that is not JSON", { ...format3, "x-amz-t": "{" }, "corrupt", /not a JSON object/],
  ["a context that is a list", { ...format3, "x-amz-t": "[]" }, "corrupt", /not a JSON object/],
  ["a context of numbers", { ...format3, "x-amz-t": '{"aws:x-amz-cek-alg":115}' }, "corrupt", /not a JSON object/],
  ["a context without algorithm", { ...format3, "x-amz-t": "{}" }, "corrupt", /another algorithm/],
  [
    "a context of the other format",
    { ...format2, "x-amz-matdesc": format3["x-amz-t"] ?? "" },
    "corrupt",
    /another algorithm/,
  ],
];

test.each(refusals)("%s is refused", (_, metadata, code, message) => {
  expect(() => readEnvelope(metadata)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message), retryable: false }),
  );
});

describe("metadata", () => {
  test("of any such object are recognised, and of others not", () => {
    for (const metadata of [format3, format2, withoutKey(format3), { "x-amz-key": "a" }]) {
      expect(isKmsEncrypted(metadata)).toBe(true);
    }
    for (const metadata of [undefined, {}, { "esop-upload": "1" }, { "x-amz-iv": "a" }]) {
      expect(isKmsEncrypted(metadata)).toBe(false);
    }
  });

  test("each missing field is refused", () => {
    for (const metadata of [format3, format2]) {
      for (const name of Object.keys(metadata)) {
        const { [name]: _, ...rest } = metadata;
        expect(() => readEnvelope(rest)).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/corrupt|unsupp/) }),
        );
      }
    }
  });

  test("of any kind are read or refused, and never fail otherwise", () => {
    const names = [...Object.keys(format3), ...Object.keys(format2), "x-amz-key", "__proto__", "constructor"];
    const values = fc.oneof(
      fc.constantFrom(...Object.values(format3), ...Object.values(format2), "kms", "AES/CBC/PKCS5Padding"),
      fc.string(),
      fc.base64String({ maxLength: 60 }),
      fc.json(),
    );
    const edits = fc.array(fc.tuple(fc.constantFrom(...names), fc.option(values)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(format3, format2, {}), edits, (start, changes) => {
        const fields = new Map(Object.entries<string>(start));
        for (const [name, value] of changes) {
          if (value === null) fields.delete(name);
          else fields.set(name, value);
        }
        try {
          expect(readEnvelope(Object.fromEntries(fields)).wrappedKey.length).toBeGreaterThan(0);
        } catch (error) {
          if (!isAppError(error, "corrupt") && !isAppError(error, "unsupported")) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
