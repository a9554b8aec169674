import { AppError } from "../../errors.ts";
import { toggle, type Values, type WithDerived } from "../options/option.ts";
import type { LocationNode } from "../values/storage-location.ts";
import { type EncryptionKey, encryptionKeyOptions, newKeyOptions, onlyKey } from "./encryption-options.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

interface Derived extends shared.DerivedStorage {
  readonly node: LocationNode;
  readonly encryptionKey: EncryptionKey;
  readonly newKey: EncryptionKey | undefined;
  readonly cacheDir: string;
}

/** At least one of `newKey` and `newDataKey` is set. */
export type RotateKeyRequest = WithDerived<typeof options, Derived>;

const options = {
  ...encryptionKeyOptions,
  ...newKeyOptions,
  keepOld: toggle("keep-old", { group: "encryption", help: "also keep the current key valid" }),
  newDataKey: toggle("new-data-key", {
    group: "encryption",
    help: "encrypt later backups with a new data key; the next backup uploads all files again",
  }),
  ...shared.storageOptions,
  ...shared.cacheOptions,
};

function derive(values: Values<typeof options>, context: shared.RequestContext): Derived {
  const { keepOld, newDataKey } = values;
  const storage = shared.deriveStorage(values);
  const encryptionKey = onlyKey(values.encryptionKey);
  const newKey = onlyKey(values.newKey);
  const { node } = values.storageLocation;
  if (node === undefined) {
    throw new AppError("usage", "the storage location does not name a node", {
      hint: "give it in full: protocol://bucket/cluster/datacenter/node",
    });
  }
  if (encryptionKey === undefined) {
    throw new AppError("usage", "the current key is missing", {
      hint: "add --encryption-key-file or --encryption-passphrase-file",
    });
  }
  if (newKey === undefined && !newDataKey) {
    throw new AppError("usage", "nothing says what to change", {
      hint: "add --new-key-file or --new-passphrase-file, or --new-data-key",
    });
  }
  if (newKey === undefined && keepOld) {
    throw new AppError("usage", "--keep-old is given without a new key", {
      hint: "add --new-key-file or --new-passphrase-file",
    });
  }
  return { ...storage, node, encryptionKey, newKey, cacheDir: shared.cacheDirectory(values.cacheDir, context) };
}

export const rotateVerb = defineVerb({
  summary: "change the key or passphrase of encrypted backups",
  description: [
    "Re-encrypts the node's data keys with the new key; backups are not uploaded again. If interrupted, run the same " +
      "command again.",
    "The old key and a copy of the old data key files still decrypt existing backups. After a leak, create a new data " +
      "key (--new-data-key), back up, and remove the older backups.",
  ],
  examples: [
    {
      says: "change the passphrase",
      line: "rotate-key --sl s3://backups/prod/dc1/node1 --encryption-passphrase-file old --new-passphrase-file new",
    },
    {
      says: "create a new data key for later backups",
      line: "rotate-key --sl s3://backups/prod/dc1/node1 --encryption-key-file key --new-data-key",
    },
  ],
  options,
  derive,
});
