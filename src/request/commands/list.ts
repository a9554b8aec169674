import { AppError } from "../../errors.ts";
import { maybe, optional, toggle, type Values, type WithDerived } from "../options/option.ts";
import { type Entities, entitiesKind, parseEntities } from "../values/entities.ts";
import { snapshotTagKind } from "../values/snapshot-tag.ts";
import { file, instant, integer } from "../values/values.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

interface Derived extends shared.DerivedStorage {
  /** The tables whose statements are wanted. */
  readonly entities: Entities;
  readonly cacheDir: string;
}

export type ListRequest = WithDerived<typeof options, Derived>;

const options = {
  fromTimestampMs: optional("from-timestamp", instant, {
    json: "fromTimestamp",
    group: "what",
    help: "list only backups since this time: 2026-11-23T01:46:08Z, Unix seconds or milliseconds",
  }),
  lastN: optional("last-n", integer({ min: 1, max: 1_000_000 }), {
    group: "what",
    help: "list only the newest N backups",
  }),
  /** In place of the list, the statements that create the tables of this backup: a tag or a name, as in a restore. */
  schemaOf: optional("schema", snapshotTagKind, {
    json: "schema",
    group: "what",
    help: "print the CQL statements that create the tables of this backup, with their original IDs",
  }),
  entities: optional("entities", entitiesKind, {
    group: "what",
    defaultText: "all non-system keyspaces",
    help: "with --schema: only these keyspaces (ks1,ks2) or tables (ks1.t1,ks2.t2)",
  }),
  resolveNodes: toggle("resolve-nodes", { group: "what", help: "show the address of each node, as reported over JMX" }),
  /** Only manifests that are in the cache already. */
  skipDownload: toggle("skip-download", {
    group: "what",
    help: "accepted for compatibility with Esop for Java; no effect",
  }),
  simpleFormat: toggle("simple-format", { group: "what", help: "print only the names of the backups" }),
  humanUnits: maybe("human-units", {
    group: "what",
    defaultText: "on a terminal; --human-units=false prints bytes",
    help: "print sizes with units: 1.50 GiB",
  }),
  toFile: optional("to-file", file, { group: "what", help: "write the output to this file" }),
  ...shared.storageOptions,
  ...shared.cacheOptions,
  ...shared.jmxOptions,
  json: shared.generalOptions.json,
};

function derive(values: Values<typeof options>, context: shared.RequestContext): Derived {
  checkSchemaOptions(values);
  const storage = shared.deriveStorage(values);
  shared.checkJmx(values.jmx);
  const entities = values.entities ?? parseEntities("");
  return { ...storage, entities, cacheDir: shared.cacheDirectory(values.cacheDir, context) };
}

function checkSchemaOptions(values: Values<typeof options>): void {
  if (values.schemaOf === undefined) {
    if (values.entities === undefined) return;
    throw new AppError("usage", "--entities is valid only with --schema", { hint: "add --schema" });
  }
  const { fromTimestampMs, lastN, simpleFormat, resolveNodes } = values;
  if (fromTimestampMs === undefined && lastN === undefined && !simpleFormat && !resolveNodes) return;
  throw new AppError("usage", "--schema cannot be combined with options that filter or format the list", {
    hint: "leave out --from-timestamp, --last-n, --simple-format and --resolve-nodes",
  });
}

export const listVerb = defineVerb({
  summary: "list backups, or print the schema of one",
  description: [
    "Prints the time, number of tables and files, size, reclaimable size and name of each backup. The reclaimable size " +
      "is what removing the backup would free: the size of the files that no other backup of the node uses.",
  ],
  examples: [
    { says: "list all backups of a node", line: "list --sl s3://backups/prod/dc1/node1 --human-units" },
    {
      says: "print the names of the three newest backups",
      line: "list --sl s3://backups/prod/dc1/node1 --last-n 3 --simple-format",
    },
    {
      says: "print the CQL statements that create a dropped table again",
      line: "list --sl s3://backups/prod/dc1/node1 --schema nightly --entities shop.orders",
    },
    {
      says: "list the backups since a date as JSON",
      line: "list --sl s3://backups/prod/dc1/node1 --from-timestamp 2026-11-01T00:00:00Z --json",
    },
  ],
  options,
  derive,
});
