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
    defaultText: "autosnap-<Unix seconds>",
    help: "name of the backup",
  }),
  entities: optional("entities", entitiesKind, {
    group: "what",
    defaultText: "all keyspaces, system keyspaces included",
    help: "keyspaces (ks1,ks2) or tables (ks1.t1,ks2.t2) to back up",
  }),
  dataDirs: repeatable("data-dir", directory, {
    group: "what",
    defaultText: "reported by the node",
    help: "data directory of the node; can be repeated",
  }),
  dryRun: toggle("dry-run", { group: "what", help: "print what would be uploaded; change nothing" }),
  ...encryptOption,
  ...encryptionKeyOptions,
  ...shared.storageOptions,
  createMissingBucket: toggle("create-missing-bucket", {
    group: "storage",
    help: "create the bucket if it does not exist",
  }),
  metadataDirective: optional("metadata-directive", choice(["COPY", "REPLACE"]), {
    aliases: ["md"],
    group: "storage",
    help: "accepted for compatibility with Esop for Java; no effect",
  }),
  duration: optional("duration", duration, {
    aliases: ["d"],
    group: "transfer",
    help: "spread the upload over this period",
  }),
  bandwidth: optional("bandwidth", rate, {
    aliases: ["b"],
    group: "transfer",
    help: "maximum upload rate of all connections together, such as 10MB/s",
  }),
  skipRefreshing: toggle("skip-refreshing", {
    group: "transfer",
    help: "do not refresh the modification dates of objects that already exist",
  }),
  refreshOlderThan: defaulted("refresh-older-than", duration, "1day", {
    group: "transfer",
    help: "refresh only objects whose modification date is older than this",
  }),
  hashAlgorithm: defaulted("hash-algorithm", hashAlgorithmKind, "SHA-256", {
    group: "transfer",
    help: "checksum of each file in the manifest",
  }),
  uploadClusterTopology: toggle("upload-cluster-topology", {
    aliases: ["uploadClusterTopology"],
    group: "cluster",
    help: "upload the cluster topology with the backup",
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
  summary: "back up the node",
  description: [
    "Takes a snapshot over JMX, uploads the files that are not in the repository yet, writes the manifest and clears " +
      "the snapshot. An interrupted backup leaves no manifest; the next backup reuses the files that it uploaded.",
  ],
  examples: [
    { says: "back up all keyspaces to a bucket", line: "backup --sl s3://backups" },
    {
      says: "back up one keyspace to a mounted disk, at 20 MiB/s at most",
      line: "backup --sl file:///mnt/nas/backups/test/dc1/node1 --entities shop --bandwidth 20MB/s",
    },
    {
      says: "encrypt the backup with your own key",
      line: "backup --sl s3://backups --encrypt --encryption-key-file /etc/esop/key",
    },
    {
      says: "print what the next backup would upload",
      line: "backup --sl s3://backups/prod/dc1/node1 --snapshot-tag nightly --dry-run",
    },
  ],
  options,
  build,
});
