/** Data keys as they lie in the repository, however their files are spoiled. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import vectors from "../../../test/fixtures/encryption/vectors.json" with { type: "json" };
import { sampleBytes } from "../../../test/harness/sample-bytes.ts";
import { isAppError } from "../../errors.ts";
import type { Secret } from "./secret.ts";
import { formatDataKey, parseDataKey, unwrapDataKey, type WrappedDataKey, wrapDataKey } from "./wrapping.ts";

/** Making a key of a passphrase is meant to take its time. */
const slowMs = 60_000;
const dataKey = { id: "1a2b3c4d", key: sampleBytes(32, 1) };
const secret: Secret = { kind: "key", bytes: sampleBytes(32, 2) };
const other: Secret = { kind: "key", bytes: sampleBytes(32, 3) };

async function fileFor(...secrets: readonly Secret[]): Promise<WrappedDataKey> {
  const wrappings = await Promise.all(secrets.map((each) => wrapDataKey(dataKey, 7, each, randomBytes)));
  return { id: dataKey.id, createdMs: 7, wrappings };
}

describe("a wrapped data key", () => {
  it("comes back from its file, by each secret that it was wrapped for and by no other", {
    timeout: slowMs,
  }, async () => {
    const passphrase: Secret = { kind: "passphrase", bytes: Buffer.from("correct horse battery") };
    const file = parseDataKey(formatDataKey(await fileFor(secret, passphrase)), dataKey.id);
    for (const each of [secret, passphrase]) {
      const opened = await unwrapDataKey(file, each);
      expect(Buffer.from(opened?.dataKey.key ?? []).equals(dataKey.key)).toBe(true);
    }
    expect(await unwrapDataKey(file, other)).toBeUndefined();
    expect(
      await unwrapDataKey(file, { kind: "passphrase", bytes: Buffer.from("correct horse batterz") }),
    ).toBeUndefined();
    expect(await unwrapDataKey(file, { kind: "passphrase", bytes: secret.bytes })).toBeUndefined();
  });

  it("opens as another implementation made it", { timeout: slowMs }, async () => {
    const file = parseDataKey(JSON.stringify(vectors.keyFile), vectors.dataKey.id);
    const key = Buffer.from(Array.from({ length: 32 }, (_, i) => vectors.secrets.keyFrom + i));
    for (const each of [
      { kind: "key", bytes: key },
      { kind: "passphrase", bytes: Buffer.from(vectors.secrets.passphrase) },
    ] as const) {
      const opened = await unwrapDataKey(file, each);
      expect(Buffer.from(opened?.dataKey.key ?? []).toString("hex")).toMatch(/^000102030405.*1d1e1f$/);
    }
  });

  it("is bound to its ID and its time", async () => {
    const file = await fileFor(secret);
    expect(await unwrapDataKey({ ...file, id: "1a2b3c4e" }, secret)).toBeUndefined();
    expect(await unwrapDataKey({ ...file, createdMs: 8 }, secret)).toBeUndefined();
  });

  it("is refused or does not open, but never opens to another, with any character of its file changed", async () => {
    const text = formatDataKey(await fileFor(secret));
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.string({ maxLength: 2 }), async (at, put) => {
        const spoiled = text.slice(0, at) + put + text.slice(at + 1);
        let file: WrappedDataKey;
        try {
          file = parseDataKey(spoiled, dataKey.id);
        } catch (error) {
          expect(isAppError(error, "corrupt") || isAppError(error, "unsupported")).toBe(true);
          return;
        }
        const opened = await unwrapDataKey(file, secret);
        if (opened !== undefined) expect(Buffer.from(opened.dataKey.key).equals(dataKey.key)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("is refused where its file says anything else than such a file does", async () => {
    const good = JSON.parse(formatDataKey(await fileFor(secret)));
    const [wrapping] = good.wrappings;
    const scrypt = { ...wrapping, by: "passphrase", N: 2 ** 17, r: 8, p: 1 };
    expect(() => parseDataKey(JSON.stringify({ ...good, wrappings: [scrypt] }), dataKey.id)).not.toThrow();
    const bad: readonly unknown[] = [
      null,
      [],
      "text",
      { ...good, id: "00000000" },
      { ...good, created: "7" },
      { ...good, created: -1 },
      { ...good, wrappings: [] },
      { ...good, wrappings: {} },
      { ...good, wrappings: [null] },
      { ...good, wrappings: Array(9).fill(wrapping) },
      ...[
        { ...wrapping, by: "magic" },
        { ...wrapping, salt: "AAAA" },
        { ...wrapping, wrapped: `${wrapping.wrapped}AAAA` },
        { ...wrapping, wrapped: 5 },
        { ...scrypt, N: 2 ** 18 },
        { ...scrypt, N: 2 ** 17 - 1 },
        { ...scrypt, N: 0 },
        { ...scrypt, r: 16 },
        { ...scrypt, r: 0 },
        { ...scrypt, r: 1 },
        { ...scrypt, p: 5 },
        { ...scrypt, p: 0 },
        { ...scrypt, p: 1.5 },
        { ...scrypt, N: "131072" },
      ].map((one) => ({ ...good, wrappings: [one] })),
    ];
    for (const value of bad) {
      expect(() => parseDataKey(JSON.stringify(value), dataKey.id), JSON.stringify(value)).toThrow(
        expect.objectContaining({ code: "corrupt" }),
      );
    }
    const later = JSON.stringify({ ...good, format: "esop data key 2" });
    expect(() => parseDataKey(later, dataKey.id)).toThrow(expect.objectContaining({ code: "unsupported" }));
    expect(() => parseDataKey("{", dataKey.id)).toThrow(expect.objectContaining({ code: "corrupt" }));
  });
});
