import { AppError } from "../../errors.ts";
import { optional, toggle, type Values, type WithDerived } from "../options/option.ts";
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
    help: "only backups since then: 2026-11-23T01:46:08Z, unix seconds or milliseconds",
  }),
  lastN: optional("last-n", integer({ min: 1, max: 1_000_000 }), { group: "what", help: "only the newest N backups" }),
  /** In place of the list, the statements that create the tables of this backup: a tag or a name, as in a restore. */
  schemaOf: optional("schema", snapshotTagKind, {
    json: "schema",
    group: "what",
    help: "print the CQL that creates the tables of this backup, with their original ids, for cqlsh",
  }),
  entities: optional("entities", entitiesKind, {
    group: "what",
    defaultText: "everything but system keyspaces",
    help: "with --schema, only these keyspaces (ks1,ks2) or tables (ks1.t1,ks2.t2)",
  }),
  resolveNodes: toggle("resolve-nodes", { group: "what", help: "ask the node which hosts the host IDs are" }),
  /** Only manifests that are in the cache already. */
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
    throw new AppError("usage", "--entities is for --schema: a list shows whole backups", { hint: "add --schema" });
  }
  const { fromTimestampMs, lastN, simpleFormat, resolveNodes } = values;
  if (fromTimestampMs === undefined && lastN === undefined && !simpleFormat && !resolveNodes) return;
  throw new AppError("usage", "--schema prints statements, and the options of a list mean nothing to it", {
    hint: "leave out --from-timestamp, --last-n, --simple-format and --resolve-nodes",
  });
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
      says: "the statements that create a table that was dropped",
      line: "list --sl s3://backups/prod/dc1/node1 --schema nightly --entities shop.orders",
    },
    {
      says: "for a script",
      line: "list --sl s3://backups/prod/dc1/node1 --from-timestamp 2026-11-01T00:00:00Z --json",
    },
  ],
  options,
  derive,
});
