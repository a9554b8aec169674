import { describe, expect, it } from "vitest";
import { requestOf } from "../../../test/harness/request-of.ts";
import { environmentSource } from "../options/environment.ts";
import { verbs } from "./verbs.ts";

type Flags = Readonly<Record<string, string>>;

const location = "s3://backups/c/dc/n";
const backup = (flags: Flags = {}) => requestOf("backup", { "storage-location": location, ...flags });
const rotate = (flags: Flags = {}) => requestOf("rotate-key", { "storage-location": location, ...flags });
const key = { "encryption-key-file": "/k" };
const usage = (message: string) =>
  expect.objectContaining({ code: "usage", message: expect.stringContaining(message) });

describe("what backups are told of encryption", () => {
  it("is on, off or left open", () => {
    expect(backup()).toMatchObject({ encrypt: undefined, encryptionKey: undefined });
    expect(backup({ encrypt: "true", ...key })).toMatchObject({
      encrypt: true,
      encryptionKey: { kind: "key-file", path: "/k" },
    });
    expect(backup({ encrypt: "false", ...key })).toMatchObject({ encrypt: false });
    expect(backup({ encrypt: "false" })).toMatchObject({ encrypt: false });
    expect(backup({ encrypt: "true", "encryption-passphrase-file": "/p" }).encryptionKey).toEqual({
      kind: "passphrase-file",
      path: "/p",
    });
  });

  it.each<[Flags, string]>([
    [{ encrypt: "true" }, "--encrypt is given without a key"],
    [key, "an encryption key is given without --encrypt"],
    [{ encrypt: "true", ...key, "encryption-passphrase-file": "/p" }, "more than one encryption key"],
    [{ encrypt: "true", ...key, "kms-key-id": "k" }, "--encrypt and --kms-key-id exclude each other"],
    [{ encrypt: "false", "kms-key-id": "k" }, "--encrypt and --kms-key-id exclude each other"],
    [{ encrypt: "maybe" }, "--encrypt: 'maybe' is neither true nor false"],
  ])("is refused: %j", (flags, message) => {
    expect(() => backup(flags)).toThrow(usage(message));
  });
});

describe("a passphrase", () => {
  const restore = (environment: Flags, flags: Flags = {}) => {
    const texts = { storageLocation: location, snapshotTag: "t", ...flags };
    const given = Object.entries(texts).map(([name, text]) => [name, { texts: [text], origin: name }] as const);
    const sources = [new Map(given), environmentSource(verbs.restore.options, environment)];
    return verbs.restore.parse(sources, { homeDirectory: "/" });
  };

  it("may be in the environment, with no other key beside it", () => {
    const environment = { ESOP_ENCRYPTION_PASSPHRASE: "correct horse" };
    expect(restore(environment).encryptionKey).toEqual({ kind: "passphrase", passphrase: "correct horse" });
    expect(() => restore(environment, { "encryptionKey.keyFile": "/k" })).toThrow(
      usage("more than one encryption key"),
    );
  });

  it("is never shown", () => {
    expect(() => restore({ ESOP_ENCRYPTION_PASSPHRASE: " " })).toThrow(
      /^ESOP_ENCRYPTION_PASSPHRASE: the value cannot be right$/,
    );
  });
});

describe("a rotation", () => {
  it("has a present key, and something to change", () => {
    expect(rotate({ ...key, "new-passphrase-file": "/p", "keep-old": "true" })).toMatchObject({
      node: { cluster: "c", datacenter: "dc", node: "n" },
      encryptionKey: { kind: "key-file", path: "/k" },
      newKey: { kind: "passphrase-file", path: "/p" },
      keepOld: true,
      newDataKey: false,
    });
    expect(rotate({ ...key, "new-data-key": "true" })).toMatchObject({ newKey: undefined, newDataKey: true });
  });

  it.each<[Flags, string]>([
    [{ "new-key-file": "/n" }, "the current key is missing"],
    [key, "nothing says what to change"],
    [{ ...key, "keep-old": "true", "new-data-key": "true" }, "--keep-old is given without a new key"],
    [{ ...key, "new-key-file": "/n", "new-passphrase-file": "/p" }, "more than one encryption key"],
    [{ ...key, "new-key-file": "/n", "storage-location": "s3://backups" }, "does not name a node"],
  ])("is refused: %j", (flags, message) => {
    expect(() => rotate(flags)).toThrow(usage(message));
  });
});
