import { AppError } from "../../errors.ts";
import { defaulted, optional, repeatable, toggle, type Values, type WithDerived } from "../options/option.ts";
import { entitiesKind } from "../values/entities.ts";
import { snapshotTagKind } from "../values/snapshot-tag.ts";
import { choice, directory, duration, rate } from "../values/values.ts";
import { type EncryptionKey, encryptingKey, encryptionKeyOptions, encryptOption } from "./encryption-options.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

/** How the content of files is proved: written into manifests, checked by restores. */
export type HashAlgorithm = "SHA-256" | "CRC" | "NONE";

interface Derived extends shared.DerivedStorage {
  readonly encryptionKey: EncryptionKey | undefined;
  /** Confines a global request; empty is all. */
  readonly datacenters: readonly string[];
  readonly cacheDir: string;
}

export type BackupRequest = WithDerived<typeof options, Derived>;

export const hashAlgorithmKind = choice(["SHA-256", "CRC", "NONE"], { sha256: "SHA-256", crc32: "CRC" });

const options = {
  /** Undefined: to be made from the time of the backup, see defaultSnapshotTag. */
  snapshotTag: optional("snapshot-tag", snapshotTagKind, {
    aliases: ["s", "st"],
    group: "what",
    defaultText: "autosnap-<unix seconds>",
    help: "name of the backup and of the snapshot it is made of",
  }),
  entities: defaulted("entities", entitiesKind, "", {
    group: "what",
    defaultText: "everything, system keyspaces included",
    help: "keyspaces (ks1,ks2) or tables (ks1.t1,ks2.t2) to back up",
  }),
  /** Empty: asked of the node. */
  dataDirs: repeatable("data-dir", directory, {
    group: "what",
    defaultText: "asked of the node",
    help: "a data directory of the node; may be repeated",
  }),
  dryRun: toggle("dry-run", { group: "what", help: "say what would be uploaded, and change nothing" }),
  ...encryptOption,
  ...encryptionKeyOptions,
  ...shared.storageOptions,
  createMissingBucket: toggle("create-missing-bucket", {
    group: "storage",
    help: "create the bucket when it does not exist",
  }),
  metadataDirective: optional("metadata-directive", choice(["COPY", "REPLACE"]), {
    aliases: ["md"],
    group: "storage",
    help: "accepted for compatibility, without effect: a refresh always keeps an object's metadata",
  }),
  durationMs: optional("duration", duration, {
    aliases: ["d"],
    json: "duration",
    group: "transfer",
    help: "spread the upload over this time",
  }),
  /** For the whole process. */
  bandwidthBytesPerSecond: optional("bandwidth", rate, {
    aliases: ["b"],
    json: "bandwidth",
    group: "transfer",
    help: "never send more than this, such as 10MB/s; all connections together",
  }),
  skipRefreshing: toggle("skip-refreshing", {
    group: "transfer",
    help: "leave the dates of objects alone that are there already",
  }),
  refreshOlderThanMs: defaulted("refresh-older-than", duration, "1day", {
    json: "refreshOlderThan",
    group: "transfer",
    help: "refresh only objects whose date is older than this",
  }),
  hashAlgorithm: defaulted("hash-algorithm", hashAlgorithmKind, "SHA-256", {
    group: "transfer",
    help: "how the content of files is proved",
  }),
  uploadClusterTopology: toggle("upload-cluster-topology", {
    aliases: ["uploadClusterTopology"],
    group: "cluster",
    help: "store the cluster's topology beside the backup",
  }),
  ...shared.clusterOptions,
  ...shared.timeoutOption,
  ...shared.cacheOptions,
  ...shared.jmxOptions,
};

function derive(values: Values<typeof options>, context: shared.RequestContext): Derived {
  if (new Set(values.dataDirs).size < values.dataDirs.length) {
    throw new AppError("usage", "the same --data-dir is given twice", { hint: "give each directory once" });
  }
  const storage = shared.deriveStorage(values);
  const encryptionKey = encryptingKey(values, values.kmsKeyId);
  const datacenters = shared.datacentersOf(values);
  shared.checkJmx(values.jmx);
  return { ...storage, encryptionKey, datacenters, cacheDir: shared.cacheDirectory(values.cacheDir, context) };
}

export const backupVerb = defineVerb({
  summary: "back up the node to an object store",
  description: [
    "Takes a snapshot over JMX, uploads the files that the store does not have yet, writes the manifest last and " +
      "clears the snapshot. A backup that is cut short leaves nothing that a later one or a restore would trust.",
  ],
  examples: [
    { says: "everything, to a bucket; the rest of the location comes from the node", line: "backup --sl s3://backups" },
    {
      says: "one keyspace, no faster than 20 MiB a second, to a mounted disk",
      line: "backup --sl file:///mnt/nas/backups/test/dc1/node1 --entities shop --bandwidth 20MB/s",
    },
    {
      says: "nothing leaves in the clear",
      line: "backup --sl s3://backups --encrypt --encryption-key-file /etc/esop/key",
    },
    {
      says: "what tonight's backup would send",
      line: "backup --sl s3://backups/prod/dc1/node1 --snapshot-tag nightly --dry-run",
    },
  ],
  options,
  derive,
});
