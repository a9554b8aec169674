import { optional, repeatable, toggle, type Values, type WithDerived } from "../options/option.ts";
import { directory } from "../values/values.ts";
import { type EncryptionKey, encryptionKeyOptions, onlyKey } from "./encryption-options.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

interface Derived extends shared.DerivedStorage {
  /** For backups that are encrypted. */
  readonly encryptionKey: EncryptionKey | undefined;
  /** Each once; empty: asked of the node. */
  readonly dataDirs: readonly string[];
}

/** Whether backups and restores would work: the node, its directories and the store. */
export type CheckRequest = WithDerived<typeof options, Derived>;

const options = {
  dataDirs: repeatable("data-dir", directory, {
    group: "what",
    defaultText: "asked of the node",
    help: "a data directory of the node; may be repeated",
  }),
  /** Undefined: where restores put their downloads by default. */
  importSourceDir: optional("import-source-dir", directory, {
    group: "what",
    defaultText: "beside the data",
    help: "where restores would put their downloads",
  }),
  skipNode: toggle("skip-node", { group: "what", help: "check the store only, not the node" }),
  ...encryptionKeyOptions,
  ...shared.storageOptions,
  ...shared.jmxOptions,
};

function derive(values: Values<typeof options>): Derived {
  const storage = shared.deriveStorage(values);
  const encryptionKey = onlyKey(values.encryptionKey);
  shared.checkJmx(values.jmx);
  return { ...storage, encryptionKey, dataDirs: [...new Set(values.dataDirs)] };
}

export const checkVerb = defineVerb({
  summary: "prove that this machine can back up and restore: node, directories, store",
  description: [
    "Asks the node over JMX what it is and whether we may act on it; looks whether its data directories can be read and " +
      "whether restores have a place for their downloads; reaches the store as a backup does and writes, reads, lists " +
      "and deletes one small object. Changes nothing else, and leaves nothing.",
    "Prints a line for each check and ends with the status of the first that failed.",
  ],
  examples: [
    { says: "before the first backup", line: "check --sl s3://backups" },
    { says: "credentials and reach of a store only", line: "check --sl s3://backups/prod/dc1/node1 --skip-node" },
  ],
  options,
  derive,
});
