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
    defaultText: "beside the data",
    help: "where downloads go until they are imported",
  }),
  keepLevel: toggle("import-keep-level", {
    group: "import",
    help: "keep the level of SSTables (IMPORT)",
  }),
  keepRepaired: toggle("import-keep-repaired", {
    group: "import",
    help: "keep repaired marks (IMPORT)",
  }),
  noVerify: toggle("import-no-verify", {
    group: "import",
    help: "let Cassandra not verify SSTables (IMPORT)",
  }),
  noVerifyTokens: toggle("import-no-verify-tokens", {
    group: "import",
    help: "let Cassandra not verify that tokens are its own (IMPORT)",
  }),
  noInvalidateCaches: toggle("import-no-invalidate-caches", {
    group: "import",
    help: "leave the row cache as it is (IMPORT)",
  }),
  quick: toggle("import-quick", {
    group: "import",
    help: "no verification, no choice of disk, no cache invalidation (IMPORT)",
  }),
  extendedVerify: toggle("import-extended-verify", {
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
  entities: defaulted("entities", entitiesKind, "", {
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
  /** Undefined: to be chosen by what the node is; then call {@link checkStrategy} with the choice. */
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
    help: "with --global-request, run the named phase on every node and stop (not supported yet)",
  }),
  dataDirs: repeatable("data-dir", directory, {
    group: "node",
    defaultText: "what the node or its configuration says",
    help: "a data directory of the node; may be repeated",
  }),
  /** Base of hints, saved_caches and commitlog. */
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
  import: importOptions,
  ...shared.clusterOptions,
  ...shared.timeoutOption,
  ...shared.cacheOptions,
  ...shared.jmxOptions,
};

type StrategyOptions = Pick<
  RestoreRequest,
  "import" | "rename" | "phase" | "restoreSystemKeyspace" | "updateCassandraYaml"
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
  const { quick, extendedVerify, noVerify } = values.import;
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
  derive,
});
