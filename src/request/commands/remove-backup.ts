import { AppError } from "../../errors.ts";
import { optional, repeatable, toggle, type Values, type WithDerived } from "../options/option.ts";
import { duration, named, text } from "../values/values.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

interface Derived extends shared.DerivedStorage {
  /** Confines a global request; empty is all. */
  readonly dcs: readonly string[];
  readonly cacheDir: string;
}

/** Exactly one of `backupName`, `oldest` and `olderThanMs` says which backups. */
export type RemoveRequest = WithDerived<typeof options, Derived>;

const options = {
  backupName: optional("name", named(text, "NAME"), {
    aliases: ["n", "backup-name"],
    json: "backupName",
    group: "what",
    help: "remove the backup with this name",
  }),
  oldest: toggle("oldest", {
    aliases: ["o"],
    group: "what",
    help: "remove the oldest backup, unless no newer one has all its tables",
  }),
  olderThanMs: optional("older-than", duration, {
    json: "olderThan",
    group: "what",
    help: "remove all backups older than this, except those without a newer one of all their tables: 14day, 36h",
  }),
  dry: toggle("dry", {
    aliases: ["d", "dry-run"],
    group: "what",
    help: "print what would be removed; remove nothing",
  }),
  /** From start to start. */
  rateMs: optional("rate", duration, {
    aliases: ["r"],
    json: "rate",
    group: "what",
    help: "keep running and repeat the removal at this interval",
  }),
  resolveNodes: toggle("resolve-nodes", {
    group: "what",
    help: "accepted for compatibility with Esop for Java; no effect",
  }),
  ...shared.storageOptions,
  globalRequest: toggle("global-request", {
    aliases: ["globalRequest"],
    group: "cluster",
    help: "remove backups of every node in the cluster of the storage location",
  }),
  dcs: repeatable("dcs", named(text, "NAME"), {
    group: "cluster",
    help: "with --global-request: only nodes in this datacenter; can be repeated",
  }),
  ...shared.cacheOptions,
  ...shared.jmxOptions,
};

function derive(values: Values<typeof options>, context: shared.RequestContext): Derived {
  checkSelection(values);
  const dcs = [...new Set(values.dcs.flatMap((names) => names.split(",").map((name) => name.trim())))];
  if (dcs.includes("")) throw new AppError("usage", "--dcs has an empty part between its commas");
  if (dcs.length > 0 && !values.globalRequest) {
    throw new AppError("usage", "--dcs confines a request to the cluster, and this one is for one node", {
      hint: "add --global-request, or leave --dcs out",
    });
  }
  const storage = shared.deriveStorage(values);
  shared.checkJmx(values.jmx);
  return { ...storage, dcs, cacheDir: shared.cacheDirectory(values.cacheDir, context) };
}

function checkSelection(values: Values<typeof options>): void {
  const selected = [
    ...(values.backupName === undefined ? [] : ["--name"]),
    ...(values.oldest ? ["--oldest"] : []),
    ...(values.olderThanMs === undefined ? [] : ["--older-than"]),
  ];
  const hint = "give one of --name, --oldest and --older-than";
  if (selected.length === 0) throw new AppError("usage", "no backup to remove is selected", { hint });
  if (selected.length > 1) {
    throw new AppError("usage", `${selected.join(" and ")} exclude each other`, { hint });
  }
  if (values.rateMs !== undefined && values.backupName !== undefined) {
    throw new AppError("usage", "--rate repeats a removal, and a backup can be removed by --name only once", {
      hint: "use --older-than or --oldest with --rate",
    });
  }
}

export const removeVerb = defineVerb({
  summary: "remove backups and the objects that only they use",
  description: [
    "Keeps objects that another backup of the node uses. An interrupted removal never leaves a backup with missing " +
      "objects; the next removal completes it.",
  ],
  examples: [
    {
      says: "print what removing one backup would free",
      line: "remove-backup --sl s3://backups/prod/dc1/node1 --name nightly --dry",
    },
    {
      says: "remove all backups older than two weeks",
      line: "remove-backup --sl s3://backups/prod/dc1/node1 --older-than 14day",
    },
    {
      says: "do the same for every node in one datacenter, once a day",
      line: "remove-backup --sl s3://backups/prod/dc1/node1 --older-than 14day --global-request --dcs dc1 --rate 1day",
    },
  ],
  options,
  derive,
});
