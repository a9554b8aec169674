import { optional, toggle, type Values } from "./option.ts";
import * as shared from "./shared-options.ts";
import { file, instant, integer } from "./values.ts";
import { defineVerb } from "./verb.ts";

export interface ListRequest extends shared.StorageOptions {
  readonly json: boolean;
  /** The cluster's nodes are asked over JMX, so that each is shown with its host name. */
  readonly resolveNodes: boolean;
  readonly humanUnits: boolean;
  /** Write there in place of standard output. */
  readonly toFile?: string | undefined;
  /** Names only. */
  readonly simpleFormat: boolean;
  /** Only backups since then. */
  readonly fromTimestampMs?: number | undefined;
  /** Only the newest. */
  readonly lastN?: number | undefined;
  /** Only manifests that are in the cache already. */
  readonly skipDownload: boolean;
  readonly jmx: shared.JmxSettings;
  readonly cacheDir: string;
}

const options = {
  fromTimestamp: optional("from-timestamp", instant, {
    group: "what",
    help: "only backups since then: 2026-11-23T01:46:08Z, unix seconds or milliseconds",
  }),
  lastN: optional("last-n", integer({ min: 1, max: 1_000_000 }), { group: "what", help: "only the newest N backups" }),
  resolveNodes: toggle("resolve-nodes", { group: "what", help: "ask the node which hosts the host IDs are" }),
  skipDownload: toggle("skip-download", {
    group: "what",
    help: "read the manifests of the last listing, fetch none",
  }),
  simpleFormat: toggle("simple-format", { group: "what", help: "print names only" }),
  humanUnits: toggle("human-units", { group: "what", help: "print sizes as 1.5 GiB" }),
  toFile: optional("to-file", file, { group: "what", help: "write the list to this file" }),
  ...shared.storageOptions,
  ...shared.cacheOptions,
  ...shared.jmxOptions,
  ...shared.generalOptions,
};

function build(values: Values<typeof options>, context: shared.RequestContext): ListRequest {
  return {
    ...shared.buildStorageOptions(values),
    json: values.json,
    resolveNodes: values.resolveNodes,
    humanUnits: values.humanUnits,
    toFile: values.toFile,
    simpleFormat: values.simpleFormat,
    fromTimestampMs: values.fromTimestamp,
    lastN: values.lastN,
    skipDownload: values.skipDownload,
    jmx: shared.buildJmxSettings(values),
    cacheDir: shared.cacheDirectory(values.cacheDir, context),
  };
}

export const listVerb = defineVerb({
  summary: "show which backups there are, and what each would free",
  description: [
    "For each backup: its time, name, files, size, and the bytes in files that no other backup of the node uses, " +
      "which is what removing it would free.",
  ],
  examples: [
    { says: "all backups of a node", line: "list --sl s3://backups/prod/dc1/node1 --human-units" },
    { says: "the names of the three newest", line: "list --sl s3://backups/prod/dc1/node1 --last-n 3 --simple-format" },
    {
      says: "for a script",
      line: "list --sl s3://backups/prod/dc1/node1 --from-timestamp 2026-11-01T00:00:00Z --json",
    },
  ],
  options,
  build,
});
