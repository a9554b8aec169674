import { optional, repeatable, toggle, type Values } from "../options/option.ts";
import { directory } from "../values/values.ts";
import { buildEncryptionKey, type EncryptionKey, encryptionKeyOptions } from "./encryption-options.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

/** Whether backups and restores would work: the node, its directories and the store. */
export interface CheckRequest extends shared.StorageOptions {
  /** Empty: asked of the node. */
  readonly dataDirs: readonly string[];
  /** Where restores would put their downloads. Absent: where they put them by default. */
  readonly importSourceDir?: string | undefined;
  /** Look at the store only. */
  readonly skipNode: boolean;
  /** For backups that are encrypted. */
  readonly encryptionKey?: EncryptionKey | undefined;
  readonly jmx: shared.JmxSettings;
}

const options = {
  dataDirs: repeatable("data-dir", directory, {
    group: "what",
    defaultText: "asked of the node",
    help: "a data directory of the node; may be repeated",
  }),
  importSourceDir: optional("import-source-dir", directory, {
    group: "what",
    defaultText: "beside the data",
    help: "where restores would put their downloads",
  }),
  skipNode: toggle("skip-node", { group: "what", help: "check the store only, not the node" }),
  ...encryptionKeyOptions,
  ...shared.storageOptions,
  ...shared.jmxOptions,
  ...shared.generalOptions,
};

function build(values: Values<typeof options>): CheckRequest {
  return {
    ...shared.buildStorageOptions(values),
    encryptionKey: buildEncryptionKey(values),
    dataDirs: [...new Set(values.dataDirs)],
    importSourceDir: values.importSourceDir,
    skipNode: values.skipNode,
    jmx: shared.buildJmxSettings(values),
  };
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
  build,
});
