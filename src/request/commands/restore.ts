import { AppError } from "../../errors.ts";
import { defaulted, optional, repeatable, required, toggle, type Values, type WithDerived } from "../options/option.ts";
import { entitiesKind } from "../values/entities.ts";
import { checkRenames, renameKind } from "../values/rename.ts";
import { snapshotTagKind } from "../values/snapshot-tag.ts";
import { choice, directory, uuid } from "../values/values.ts";
import { hashAlgorithmKind } from "./backup.ts";
import { type EncryptionKey, encryptionKeyOptions, onlyKey } from "./encryption-options.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

export const strategies = ["IN_PLACE", "HARDLINKS", "IMPORT"] as const;
/** IN_PLACE works on a stopped node, the others on a running one. */
export type RestoreStrategy = (typeof strategies)[number];

export const phases = ["init", "download", "truncate", "import", "cleanup"] as const;
export type RestorePhase = (typeof phases)[number];

interface Derived extends shared.DerivedStorage {
  /** For backups that are encrypted. */
  readonly encryptionKey: EncryptionKey | undefined;
  /** Each once; empty: what the node or its configuration says. */
  readonly dataDirs: readonly string[];
  /** Confines a global request; empty is all. */
  readonly datacenters: readonly string[];
  readonly cacheDir: string;
}

export type RestoreRequest = WithDerived<typeof options, Derived>;

/** What Cassandra is told when it imports SSTables (IMPORT only). */
export type ImportOptions = Omit<Values<typeof importOptions>, "sourceDir">;

const importOptions = {
  sourceDir: optional("import-source-dir", directory, {
    group: "import",
    defaultText: "next to the first data directory",
    help: "directory for downloads until they are imported",
  }),
  keepLevel: toggle("import-keep-level", {
    group: "import",
    help: "keep the level of the SSTables (IMPORT)",
  }),
  keepRepaired: toggle("import-keep-repaired", {
    group: "import",
    help: "keep the repaired status of the SSTables (IMPORT)",
  }),
  noVerify: toggle("import-no-verify", {
    group: "import",
    help: "do not verify the SSTables (IMPORT)",
  }),
  noVerifyTokens: toggle("import-no-verify-tokens", {
    group: "import",
    help: "do not verify that the node owns the tokens of the SSTables (IMPORT)",
  }),
  noInvalidateCaches: toggle("import-no-invalidate-caches", {
    group: "import",
    help: "do not invalidate the row cache (IMPORT)",
  }),
  quick: toggle("import-quick", {
    group: "import",
    help: "do not verify SSTables, invalidate the row cache or choose the data directory (IMPORT)",
  }),
  extendedVerify: toggle("import-extended-verify", {
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
  forceCleanup: toggle("restoration-force-cleanup", {
    json: "forceCleanup",
    group: "behaviour",
    help: "phase cleanup: delete the downloads although a table was truncated and not imported; its snapshots are kept",
  }),
  hashAlgorithm: defaulted("hash-algorithm", hashAlgorithmKind, "SHA-256", {
    group: "behaviour",
    help: "NONE: verify only the size of downloads, not the checksums in the manifest; live files are never reused",
  }),
};

const options = {
  snapshotTag: required("snapshot-tag", snapshotTagKind, {
    aliases: ["s", "st"],
    group: "what",
    help: "backup to restore: TAG, TAG-SCHEMA or its full name",
  }),
  entities: defaulted("entities", entitiesKind, "", {
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
  /** Undefined: IMPORT if the node runs; then call {@link checkStrategy} with it. IN_PLACE is only ever named. */
  strategy: optional("restoration-strategy-type", choice(strategies), {
    json: "restorationStrategyType",
    group: "behaviour",
    defaultText: "IMPORT, on a running node",
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
    help: "with --global-request: run only the phase of --restoration-phase-type (not supported yet)",
  }),
  dataDirs: repeatable("data-dir", directory, {
    group: "node",
    defaultText: "from the node or cassandra.yaml",
    help: "data directory of the node; can be repeated",
  }),
  /** Base of hints, saved_caches and commitlog. */
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
  import: importOptions,
  ...shared.clusterOptions,
  ...shared.timeoutOption,
  ...shared.cacheOptions,
  ...shared.jmxOptions,
};

type StrategyOptions = Pick<
  RestoreRequest,
  "import" | "rename" | "phase" | "forceCleanup" | "restoreSystemKeyspace" | "updateCassandraYaml"
>;

/**
 * Refuses what a strategy cannot do. Parsing calls it for a named strategy; who chooses one later calls it then.
 * Throws `usage`.
 */
export function checkStrategy(request: StrategyOptions, strategy: RestoreStrategy): void {
  const { sourceDir, ...told } = request.import;
  const named = Object.entries(told).find(([, on]) => on)?.[0];
  const importing = named === undefined ? undefined : `--import-${named.replace(/[A-Z]/g, "-$&").toLowerCase()}`;
  if (strategy === "IN_PLACE") {
    refuse(importing, "is for IMPORT, and an IN_PLACE restore imports nothing");
    refuse(given(sourceDir, "--import-source-dir"), "is for HARDLINKS and IMPORT");
    refuse(given(request.rename[0], "--rename"), "is for HARDLINKS and IMPORT");
    refuse(given(request.forceCleanup, "--restoration-force-cleanup"), "is for HARDLINKS and IMPORT");
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

function derive(values: Values<typeof options>, context: shared.RequestContext): Derived {
  const storage = shared.deriveStorage(values);
  const encryptionKey = onlyKey(values.encryptionKey);
  const datacenters = shared.datacentersOf(values);
  shared.checkJmx(values.jmx);
  checkTogether(values);
  const dataDirs = [...new Set(values.dataDirs)];
  return {
    ...storage,
    encryptionKey,
    dataDirs,
    datacenters,
    cacheDir: shared.cacheDirectory(values.cacheDir, context),
  };
}

function checkTogether(values: Values<typeof options>): void {
  if (values.strategy !== undefined) checkStrategy(values, values.strategy);
  checkRenames(values.rename, values.entities);
  if (values.singlePhase && values.phase === undefined) {
    throw new AppError("usage", "--single-phase is given without a phase", { hint: "add --restoration-phase-type" });
  }
  if (values.forceCleanup && values.phase !== "cleanup") {
    throw new AppError("usage", "--restoration-force-cleanup is for the phase cleanup", {
      hint: "leave it out, or add --restoration-phase-type cleanup",
    });
  }
  const { quick, extendedVerify, noVerify } = values.import;
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
      "replaced ones until a run with --restoration-phase-type cleanup; it is never chosen unless it is named.",
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
  derive,
});
