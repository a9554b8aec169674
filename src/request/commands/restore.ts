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
    defaultText: "next to the first data directory",
    help: "directory for downloads until they are imported",
  }),
  keepLevel: toggle("import-keep-level", {
    json: "import.keepLevel",
    group: "import",
    help: "keep the level of the SSTables (IMPORT)",
  }),
  keepRepaired: toggle("import-keep-repaired", {
    json: "import.keepRepaired",
    group: "import",
    help: "keep the repaired status of the SSTables (IMPORT)",
  }),
  noVerify: toggle("import-no-verify", {
    json: "import.noVerify",
    group: "import",
    help: "do not verify the SSTables (IMPORT)",
  }),
  noVerifyTokens: toggle("import-no-verify-tokens", {
    json: "import.noVerifyTokens",
    group: "import",
    help: "do not verify that the node owns the tokens of the SSTables (IMPORT)",
  }),
  noInvalidateCaches: toggle("import-no-invalidate-caches", {
    json: "import.noInvalidateCaches",
    group: "import",
    help: "do not invalidate the row cache (IMPORT)",
  }),
  quick: toggle("import-quick", {
    json: "import.quick",
    group: "import",
    help: "do not verify SSTables, invalidate the row cache or choose the data directory (IMPORT)",
  }),
  extendedVerify: toggle("import-extended-verify", {
    json: "import.extendedVerify",
    group: "import",
    help: "verify every value in the SSTables (IMPORT)",
  }),
};

const behaviourOptions = {
  restoreSystemKeyspace: toggle("restore-system-keyspace", {
    aliases: ["rs"],
    group: "behaviour",
    help: "also restore all system keyspaces (IN_PLACE)",
  }),
  restoreSystemAuth: toggle("restore-system-auth", {
    aliases: ["ra"],
    group: "behaviour",
    help: "also restore roles and permissions (system_auth)",
  }),
  restoreIntoNewCluster: toggle("restore-into-new-cluster", {
    json: "newCluster",
    group: "behaviour",
    help: "also restore the schema (system_schema), for the node of a new cluster",
  }),
  updateCassandraYaml: toggle("update-cassandra-yaml", {
    group: "behaviour",
    help: "set initial_token, num_tokens and auto_bootstrap in cassandra.yaml (IN_PLACE)",
  }),
  noDownloadData: toggle("restoration-no-download-data", {
    json: "noDownloadData",
    group: "behaviour",
    help: "download nothing; fail if files are missing",
  }),
  noDeleteDownloads: toggle("restoration-no-delete-downloads", {
    json: "noDeleteDownloads",
    group: "behaviour",
    help: "keep the downloaded files after the import",
  }),
  noDeleteTruncates: toggle("restoration-no-delete-truncates", {
    json: "noDeleteTruncates",
    group: "behaviour",
    help: "keep the snapshots that Cassandra takes before it truncates tables",
  }),
  hashAlgorithm: defaulted("hash-algorithm", hashAlgorithmKind, "SHA-256", {
    group: "behaviour",
    help: "NONE: verify only the size of downloads, not the checksums in the manifest",
  }),
};

const options = {
  snapshotTag: required("snapshot-tag", snapshotTagKind, {
    aliases: ["s", "st"],
    group: "what",
    help: "backup to restore: TAG, TAG-SCHEMA or its full name",
  }),
  entities: optional("entities", entitiesKind, {
    group: "what",
    defaultText: "all non-system keyspaces",
    help: "keyspaces (ks1,ks2) or tables (ks1.t1,ks2.t2) to restore",
  }),
  rename: repeatable("rename", renameKind, {
    group: "what",
    help: "restore a table into another existing table; can be repeated",
  }),
  schemaVersion: optional("schema-version", uuid, {
    group: "what",
    help: "select the backup with this schema version if several have the same tag",
  }),
  exactSchemaVersion: toggle("exact-schema-version", {
    group: "what",
    help: "require the schema version of --schema-version, or else of the node",
  }),
  resolveHostIdFromTopology: toggle("resolve-host-id-from-topology", {
    group: "what",
    help: "resolve the host name or address in the storage location to a host ID with the uploaded topology",
  }),
  dryRun: toggle("dry-run", { group: "what", help: "print what would be restored; change nothing" }),
  strategy: optional("restoration-strategy-type", choice(strategies), {
    json: "restorationStrategyType",
    group: "behaviour",
    defaultText: "IN_PLACE for a stopped node, IMPORT for a running one",
    help: "how SSTables are put into the node",
  }),
  phase: optional("restoration-phase-type", choice(phases), {
    json: "restorationPhase",
    group: "behaviour",
    defaultText: "all phases in order",
    help: "run only this phase; IN_PLACE has only init and cleanup",
  }),
  singlePhase: toggle("single-phase", {
    group: "cluster",
    help: "with --global-request: run only the phase of --restoration-phase-type",
  }),
  dataDirs: repeatable("data-dir", directory, {
    group: "node",
    defaultText: "from the node or cassandra.yaml",
    help: "data directory of the node; can be repeated",
  }),
  cassandraDir: optional("cassandra-dir", directory, {
    aliases: ["dd", "data-directory"],
    json: "cassandraDirectory",
    group: "node",
    defaultText: "from cassandra.yaml",
    help: "directory that contains hints, saved_caches and commitlog",
  }),
  configDirectory: defaulted("config-directory", directory, "/etc/cassandra/", {
    aliases: ["cd"],
    json: "cassandraConfigDirectory",
    group: "node",
    help: "directory that contains cassandra.yaml",
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
  summary: "restore a backup to the node",
  description: [
    "Replaces the content of the selected tables. IMPORT and HARDLINKS load SSTables into a running node, in the phases " +
      "init, download, truncate, import and cleanup. IN_PLACE replaces the SSTables of a stopped node and keeps the " +
      "replaced ones until a run with --restoration-phase-type cleanup.",
    "All files are downloaded and verified before any data of the node is changed.",
  ],
  examples: [
    {
      says: "restore one keyspace of a running node",
      line: "restore --sl s3://backups/prod/dc1/node1 -s nightly --entities shop --restoration-strategy-type IMPORT",
    },
    {
      says: "restore all non-system keyspaces of a stopped node",
      line: "restore --sl s3://backups/prod/dc1/node1 -s nightly --restoration-strategy-type IN_PLACE",
    },
    {
      says: "restore a table into another table",
      line: "restore --sl s3://backups -s nightly --entities shop.orders --rename shop.orders=shop.orders_old",
    },
  ],
  options,
  build,
});
