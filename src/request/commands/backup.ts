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
    defaultText: "autosnap-<Unix seconds>",
    help: "name of the backup",
  }),
  entities: defaulted("entities", entitiesKind, "", {
    group: "what",
    defaultText: "all keyspaces, system keyspaces included",
    help: "keyspaces (ks1,ks2) or tables (ks1.t1,ks2.t2) to back up",
  }),
  /** Empty: asked of the node. */
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
    help: "accepted for compatibility, no effect: a refresh always keeps the metadata of objects",
  }),
  durationMs: optional("duration", duration, {
    aliases: ["d"],
    json: "duration",
    group: "transfer",
    help: "spread the upload over this period",
  }),
  /** For the whole process. */
  bandwidthBytesPerSecond: optional("bandwidth", rate, {
    aliases: ["b"],
    json: "bandwidth",
    group: "transfer",
    help: "maximum upload rate of all connections together: 10MB/s or 80Mbit/s",
  }),
  skipRefreshing: toggle("skip-refreshing", {
    group: "transfer",
    help: "do not refresh the modification dates of objects that already exist",
  }),
  refreshOlderThanMs: defaulted("refresh-older-than", duration, "1day", {
    json: "refreshOlderThan",
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
  derive,
});
