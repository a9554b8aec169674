import { AppError } from "../../errors.ts";
import { defaulted, optional, repeatable, required, toggle, type Values } from "../options/option.ts";
import { type Entities, entitiesKind, parseEntities } from "../values/entities.ts";
import { checkRenames, type Rename, renameKind } from "../values/rename.ts";
import { snapshotTagKind } from "../values/snapshot-tag.ts";
import { choice, directory, uuid } from "../values/values.ts";
import { type HashAlgorithm, hashAlgorithmKind } from "./backup.ts";
import { buildEncryptionKey, type EncryptionKey, encryptionKeyOptions } from "./encryption-options.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

export const strategies = ["IN_PLACE", "HARDLINKS", "IMPORT"] as const;
/** IN_PLACE works on a stopped node, the others on a running one. */
export type RestoreStrategy = (typeof strategies)[number];

export const phases = ["init", "download", "truncate", "import", "cleanup"] as const;
export type RestorePhase = (typeof phases)[number];

/** What Cassandra is told when it imports SSTables (IMPORT only). */
export interface ImportOptions {
  readonly keepLevel: boolean;
  readonly keepRepaired: boolean;
  readonly noVerify: boolean;
  readonly noVerifyTokens: boolean;
  readonly noInvalidateCaches: boolean;
  readonly quick: boolean;
  readonly extendedVerify: boolean;
}

export interface RestoreRequest extends shared.StorageOptions {
  /** A tag, a tag with its schema version, or a manifest's full name. */
  readonly snapshotTag: string;
  readonly entities: Entities;
  /** Absent: to be chosen by what the node is; then call {@link checkStrategy} with the choice. */
  readonly strategy?: RestoreStrategy | undefined;
  /** Absent: all phases, one after the other. */
  readonly phase?: RestorePhase | undefined;
  /** With a global request: only the named phase, on every node. */
  readonly singlePhase: boolean;
  /** Empty: what the node or its configuration says. */
  readonly dataDirs: readonly string[];
  /** Base of hints, saved_caches and commitlog. Absent: what the node's configuration says. */
  readonly cassandraDir?: string | undefined;
  readonly configDirectory: string;
  readonly restoreSystemKeyspace: boolean;
  readonly restoreSystemAuth: boolean;
  readonly restoreIntoNewCluster: boolean;
  readonly updateCassandraYaml: boolean;
  readonly resolveHostIdFromTopology: boolean;
  readonly schemaVersion?: string | undefined;
  readonly exactSchemaVersion: boolean;
  readonly rename: readonly Rename[];
  /** Where downloads go. */
  readonly importSourceDir?: string | undefined;
  readonly importOptions: ImportOptions;
  readonly noDownloadData: boolean;
  readonly noDeleteDownloads: boolean;
  readonly noDeleteTruncates: boolean;
  readonly hashAlgorithm: HashAlgorithm;
  readonly globalRequest: boolean;
  /** Confines a global request; empty is all. */
  readonly datacenters: readonly string[];
  readonly timeoutMs: number;
  /** For backups that are encrypted. */
  readonly encryptionKey?: EncryptionKey | undefined;
  readonly jmx: shared.JmxSettings;
  readonly dryRun: boolean;
  readonly cacheDir: string;
}

const importOptions = {
  importSourceDir: optional("import-source-dir", directory, {
    json: "import.sourceDir",
    group: "import",
    defaultText: "beside the data",
    help: "where downloads go until they are imported",
  }),
  keepLevel: toggle("import-keep-level", {
    json: "import.keepLevel",
    group: "import",
    help: "keep the level of SSTables (IMPORT)",
  }),
  keepRepaired: toggle("import-keep-repaired", {
    json: "import.keepRepaired",
    group: "import",
    help: "keep repaired marks (IMPORT)",
  }),
  noVerify: toggle("import-no-verify", {
    json: "import.noVerify",
    group: "import",
    help: "let Cassandra not verify SSTables (IMPORT)",
  }),
  noVerifyTokens: toggle("import-no-verify-tokens", {
    json: "import.noVerifyTokens",
    group: "import",
    help: "let Cassandra not verify that tokens are its own (IMPORT)",
  }),
  noInvalidateCaches: toggle("import-no-invalidate-caches", {
    json: "import.noInvalidateCaches",
    group: "import",
    help: "leave the row cache as it is (IMPORT)",
  }),
  quick: toggle("import-quick", {
    json: "import.quick",
    group: "import",
    help: "no verification, no choice of disk, no cache invalidation (IMPORT)",
  }),
  extendedVerify: toggle("import-extended-verify", {
    json: "import.extendedVerify",
    group: "import",
    help: "let Cassandra read and verify every value (IMPORT)",
  }),
};

const behaviourOptions = {
  restoreSystemKeyspace: toggle("restore-system-keyspace", {
    aliases: ["rs"],
    group: "behaviour",
    help: "restore all system keyspaces too (IN_PLACE)",
  }),
  restoreSystemAuth: toggle("restore-system-auth", {
    aliases: ["ra"],
    group: "behaviour",
    help: "restore roles and permissions too (system_auth)",
  }),
  restoreIntoNewCluster: toggle("restore-into-new-cluster", {
    json: "newCluster",
    group: "behaviour",
    help: "restore the schema (system_schema) too, for a node that starts afresh",
  }),
  updateCassandraYaml: toggle("update-cassandra-yaml", {
    group: "behaviour",
    help: "write the backup's tokens into cassandra.yaml (IN_PLACE)",
  }),
  noDownloadData: toggle("restoration-no-download-data", {
    json: "noDownloadData",
    group: "behaviour",
    help: "download nothing, the files are there already",
  }),
  noDeleteDownloads: toggle("restoration-no-delete-downloads", {
    json: "noDeleteDownloads",
    group: "behaviour",
    help: "keep the downloads after the import",
  }),
  noDeleteTruncates: toggle("restoration-no-delete-truncates", {
    json: "noDeleteTruncates",
    group: "behaviour",
    help: "keep the snapshots that truncation made",
  }),
  hashAlgorithm: defaulted("hash-algorithm", hashAlgorithmKind, "SHA-256", {
    group: "behaviour",
    help: "how downloads are checked; NONE checks only their size",
  }),
};

const options = {
  snapshotTag: required("snapshot-tag", snapshotTagKind, {
    aliases: ["s", "st"],
    group: "what",
    help: "backup to restore: tag, tag-schemaVersion or full name",
  }),
  entities: optional("entities", entitiesKind, {
    group: "what",
    defaultText: "everything but system keyspaces",
    help: "keyspaces (ks1,ks2) or tables (ks1.t1,ks2.t2) to restore",
  }),
  rename: repeatable("rename", renameKind, {
    group: "what",
    help: "restore a table under another name, which must exist; may be repeated",
  }),
  schemaVersion: optional("schema-version", uuid, {
    group: "what",
    help: "of several backups under one tag, the one with this schema version",
  }),
  exactSchemaVersion: toggle("exact-schema-version", {
    group: "what",
    help: "only a backup with the node's own schema version, or the one given",
  }),
  resolveHostIdFromTopology: toggle("resolve-host-id-from-topology", {
    group: "what",
    help: "the location's node is a host name; look its host ID up in the stored topology",
  }),
  dryRun: toggle("dry-run", { group: "what", help: "say what would be done, and change nothing" }),
  strategy: optional("restoration-strategy-type", choice(strategies), {
    json: "restorationStrategyType",
    group: "behaviour",
    defaultText: "IN_PLACE for a stopped node, IMPORT for a running one",
    help: "how SSTables get into the node",
  }),
  phase: optional("restoration-phase-type", choice(phases), {
    json: "restorationPhase",
    group: "behaviour",
    defaultText: "all, one after the other",
    help: "run one phase only (HARDLINKS, IMPORT)",
  }),
  singlePhase: toggle("single-phase", {
    group: "cluster",
    help: "with --global-request, run the named phase on every node and stop",
  }),
  dataDirs: repeatable("data-dir", directory, {
    group: "node",
    defaultText: "what the node or its configuration says",
    help: "a data directory of the node; may be repeated",
  }),
  cassandraDir: optional("cassandra-dir", directory, {
    aliases: ["dd", "data-directory"],
    json: "cassandraDirectory",
    group: "node",
    defaultText: "what the node's configuration says",
    help: "directory that holds hints, saved_caches and commitlog",
  }),
  configDirectory: defaulted("config-directory", directory, "/etc/cassandra/", {
    aliases: ["cd"],
    json: "cassandraConfigDirectory",
    group: "node",
    help: "directory that holds cassandra.yaml",
  }),
  ...encryptionKeyOptions,
  ...shared.storageOptions,
  ...behaviourOptions,
  ...importOptions,
  ...shared.clusterOptions,
  ...shared.timeoutOption,
  ...shared.cacheOptions,
  ...shared.jmxOptions,
  ...shared.generalOptions,
};

/**
 * Refuses what a strategy cannot do. Parsing calls it for a named strategy; who chooses one later calls it then.
 * Throws `usage`.
 */
export function checkStrategy(request: RestoreRequest, strategy: RestoreStrategy): void {
  const named = Object.entries(request.importOptions).find(([, on]) => on)?.[0];
  const importing = named === undefined ? undefined : `--import-${named.replace(/[A-Z]/g, "-$&").toLowerCase()}`;
  if (strategy === "IN_PLACE") {
    refuse(importing, "is for IMPORT, and an IN_PLACE restore imports nothing");
    refuse(given(request.importSourceDir, "--import-source-dir"), "is for HARDLINKS and IMPORT");
    refuse(given(request.rename[0], "--rename"), "is for HARDLINKS and IMPORT");
    const phase = request.phase === "init" || request.phase === "cleanup" ? undefined : request.phase;
    refuse(
      given(phase, `--restoration-phase-type ${phase}`),
      "is for HARDLINKS and IMPORT, IN_PLACE has only init and cleanup",
    );
    return;
  }
  if (strategy === "HARDLINKS") refuse(importing, "is for IMPORT, HARDLINKS has nothing like it");
  refuse(given(request.restoreSystemKeyspace, "--restore-system-keyspace"), "is for IN_PLACE");
  refuse(given(request.updateCassandraYaml, "--update-cassandra-yaml"), "is for IN_PLACE");
}

function given(value: unknown, flag: string): string | undefined {
  return value === undefined || value === false ? undefined : flag;
}

function refuse(flag: string | undefined, why: string): void {
  if (flag === undefined) return;
  throw new AppError("usage", `${flag} ${why}`, {
    hint: `leave it out, or choose another --restoration-strategy-type`,
  });
}

function build(values: Values<typeof options>, context: shared.RequestContext): RestoreRequest {
  const { keepLevel, keepRepaired, noVerify, noVerifyTokens, noInvalidateCaches, quick, extendedVerify } = values;
  const request: RestoreRequest = {
    ...shared.buildStorageOptions(values),
    encryptionKey: buildEncryptionKey(values),
    snapshotTag: values.snapshotTag,
    entities: values.entities ?? parseEntities(""),
    strategy: values.strategy,
    phase: values.phase,
    singlePhase: values.singlePhase,
    dataDirs: [...new Set(values.dataDirs)],
    cassandraDir: values.cassandraDir,
    configDirectory: values.configDirectory,
    restoreSystemKeyspace: values.restoreSystemKeyspace,
    restoreSystemAuth: values.restoreSystemAuth,
    restoreIntoNewCluster: values.restoreIntoNewCluster,
    updateCassandraYaml: values.updateCassandraYaml,
    resolveHostIdFromTopology: values.resolveHostIdFromTopology,
    schemaVersion: values.schemaVersion,
    exactSchemaVersion: values.exactSchemaVersion,
    rename: values.rename,
    importSourceDir: values.importSourceDir,
    importOptions: { keepLevel, keepRepaired, noVerify, noVerifyTokens, noInvalidateCaches, quick, extendedVerify },
    noDownloadData: values.noDownloadData,
    noDeleteDownloads: values.noDeleteDownloads,
    noDeleteTruncates: values.noDeleteTruncates,
    hashAlgorithm: values.hashAlgorithm,
    globalRequest: values.globalRequest,
    datacenters: shared.buildDatacenters(values),
    timeoutMs: values.timeoutMs,
    jmx: shared.buildJmxSettings(values),
    dryRun: values.dryRun,
    cacheDir: shared.cacheDirectory(values.cacheDir, context),
  };
  checkTogether(request);
  return request;
}

function checkTogether(request: RestoreRequest): void {
  if (request.strategy !== undefined) checkStrategy(request, request.strategy);
  checkRenames(request.rename, request.entities);
  if (request.singlePhase && request.phase === undefined) {
    throw new AppError("usage", "--single-phase is given without a phase", { hint: "add --restoration-phase-type" });
  }
  const { quick, extendedVerify, noVerify } = request.importOptions;
  if (extendedVerify && (quick || noVerify)) {
    const other = quick ? "--import-quick" : "--import-no-verify";
    throw new AppError("usage", `--import-extended-verify and ${other} exclude each other`, { hint: "keep one" });
  }
}

export const restoreVerb = defineVerb({
  summary: "bring a backup back to the node",
  description: [
    "IN_PLACE puts files straight into the data directories of a stopped node. HARDLINKS and IMPORT load them into a " +
      "running one, in phases: init, download, truncate, import, cleanup. All phases run unless one is named.",
    "Everything that can fail early fails before anything of the node is changed.",
  ],
  examples: [
    {
      says: "one keyspace of a running node",
      line: "restore --sl s3://backups/prod/dc1/node1 -s nightly --entities shop --restoration-strategy-type IMPORT",
    },
    {
      says: "a stopped node, all of it",
      line: "restore --sl s3://backups/prod/dc1/node1 -s nightly --restoration-strategy-type IN_PLACE",
    },
    {
      says: "a table beside the one that is there now",
      line: "restore --sl s3://backups -s nightly --entities shop.orders --rename shop.orders=shop.orders_old",
    },
  ],
  options,
  build,
});
