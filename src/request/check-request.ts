import { repeatable, toggle, type Values } from "./option.ts";
import * as shared from "./shared-options.ts";
import { directory } from "./values.ts";
import { defineVerb } from "./verb.ts";

/** Whether a backup would work: the store, the node and its data directories. */
export interface CheckRequest extends shared.StorageOptions {
  /** Empty: asked of the node. */
  readonly dataDirs: readonly string[];
  /** Look at the store only. */
  readonly skipNode: boolean;
  readonly jmx: shared.JmxSettings;
}

const options = {
  dataDirs: repeatable("data-dir", directory, {
    group: "what",
    defaultText: "asked of the node",
    help: "a data directory of the node; may be repeated",
  }),
  skipNode: toggle("skip-node", { group: "what", help: "check the store only, not the node" }),
  ...shared.storageOptions,
  ...shared.jmxOptions,
  ...shared.generalOptions,
};

function build(values: Values<typeof options>): CheckRequest {
  return {
    ...shared.buildStorageOptions(values),
    dataDirs: [...new Set(values.dataDirs)],
    skipNode: values.skipNode,
    jmx: shared.buildJmxSettings(values),
  };
}

export const checkVerb = defineVerb({
  summary: "say whether a backup would work: store, node, directories",
  description: [
    "Reaches the store with the same settings as a backup and writes, reads and deletes one small object; asks the " +
      "node over JMX what it is; looks whether its data directories can be read. Changes nothing else.",
  ],
  examples: [
    { says: "before the first backup", line: "check --sl s3://backups" },
    { says: "credentials and reach of a store only", line: "check --sl azure://backups/prod/dc1/node1 --skip-node" },
  ],
  options,
  build,
});
