import { AppError } from "../../errors.ts";
import { defaulted, optional, repeatable, toggle, type Values } from "../options/option.ts";
import { type Entities, entitiesKind, parseEntities } from "../values/entities.ts";
import { snapshotTagKind } from "../values/snapshot-tag.ts";
import { choice, directory, duration, rate } from "../values/values.ts";
import { buildEncrypting, type EncryptionKey, encryptionKeyOptions, encryptOption } from "./encryption-options.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

/** How the content of files is proved: written into manifests, checked by restores. */
export type HashAlgorithm = "SHA-256" | "CRC" | "NONE";

export interface BackupRequest extends shared.StorageOptions {
  /** Absent: to be made from the time of the backup, see defaultSnapshotTag. */
  readonly snapshotTag?: string | undefined;
  readonly entities: Entities;
  /** Empty: asked of the node. */
  readonly dataDirs: readonly string[];
  /** Spread the upload over this time. */
  readonly durationMs?: number | undefined;
  /** For the whole process. */
  readonly bandwidthBytesPerSecond?: number | undefined;
  readonly createMissingBucket: boolean;
  readonly skipRefreshing: boolean;
  /** Objects that were refreshed within this time are left alone. */
  readonly refreshOlderThanMs: number;
  readonly uploadClusterTopology: boolean;
  readonly globalRequest: boolean;
  /** Confines a global request; empty is all. */
  readonly datacenters: readonly string[];
  readonly timeoutMs: number;
  readonly hashAlgorithm: HashAlgorithm;
  /** Undefined where nobody says: not to, unless the newest backup is encrypted. */
  readonly encrypt?: boolean | undefined;
  readonly encryptionKey?: EncryptionKey | undefined;
  /** S3 only. */
  readonly metadataDirective?: "COPY" | "REPLACE" | undefined;
  readonly jmx: shared.JmxSettings;
  readonly dryRun: boolean;
  readonly cacheDir: string;
}

export const hashAlgorithmKind = choice(["SHA-256", "CRC", "NONE"], { sha256: "SHA-256", crc32: "CRC" });

const options = {
  snapshotTag: optional("snapshot-tag", snapshotTagKind, {
    aliases: ["s", "st"],
    group: "what",
    defaultText: "autosnap-<unix seconds>",
    help: "name of the backup and of the snapshot it is made of",
  }),
  entities: optional("entities", entitiesKind, {
    group: "what",
    defaultText: "everything, system keyspaces included",
    help: "keyspaces (ks1,ks2) or tables (ks1.t1,ks2.t2) to back up",
  }),
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
    help: "what happens to an object's metadata when it is refreshed (S3)",
  }),
  duration: optional("duration", duration, {
    aliases: ["d"],
    group: "transfer",
    help: "spread the upload over this time",
  }),
  bandwidth: optional("bandwidth", rate, {
    aliases: ["b"],
    group: "transfer",
    help: "never send more than this, such as 10MB/s; all connections together",
  }),
  skipRefreshing: toggle("skip-refreshing", {
    group: "transfer",
    help: "leave the dates of objects alone that are there already",
  }),
  refreshOlderThan: defaulted("refresh-older-than", duration, "1day", {
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
  ...shared.generalOptions,
};

function build(values: Values<typeof options>, context: shared.RequestContext): BackupRequest {
  const dataDirs = [...new Set(values.dataDirs)];
  if (dataDirs.length < values.dataDirs.length) {
    throw new AppError("usage", "the same --data-dir is given twice", { hint: "give each directory once" });
  }
  return {
    ...shared.buildStorageOptions(values),
    ...buildEncrypting(values, values.kmsKeyId),
    snapshotTag: values.snapshotTag,
    entities: values.entities ?? parseEntities(""),
    dataDirs,
    durationMs: values.duration,
    bandwidthBytesPerSecond: values.bandwidth,
    createMissingBucket: values.createMissingBucket,
    skipRefreshing: values.skipRefreshing,
    refreshOlderThanMs: values.refreshOlderThan,
    uploadClusterTopology: values.uploadClusterTopology,
    globalRequest: values.globalRequest,
    datacenters: shared.buildDatacenters(values),
    timeoutMs: values.timeoutMs,
    hashAlgorithm: values.hashAlgorithm,
    metadataDirective: values.metadataDirective,
    jmx: shared.buildJmxSettings(values),
    dryRun: values.dryRun,
    cacheDir: shared.cacheDirectory(values.cacheDir, context),
  };
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
  build,
});
