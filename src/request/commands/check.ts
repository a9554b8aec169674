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
    defaultText: "reported by the node",
    help: "data directory of the node; can be repeated",
  }),
  /** Undefined: where restores put their downloads by default. */
  importSourceDir: optional("import-source-dir", directory, {
    group: "what",
    defaultText: "next to the first data directory",
    help: "directory that restores would download to",
  }),
  skipNode: toggle("skip-node", { group: "what", help: "check only the store, not the node" }),
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
  summary: "check that this machine can back up and restore",
  description: [
    "Connects to the node over JMX and checks its version, its state and the permissions of the JMX login. Checks that " +
      "the data directories are readable and that the download directory of restores is writable and has enough free " +
      "space. Writes, lists, reads, refreshes and deletes one small object in the store. Nothing else is changed.",
    "Prints one line per check. The exit status is that of the first check that failed.",
  ],
  examples: [
    { says: "check the node and the store before the first backup", line: "check --sl s3://backups" },
    { says: "check only the store", line: "check --sl s3://backups/prod/dc1/node1 --skip-node" },
  ],
  options,
  derive,
});
