import { AppError } from "../../errors.ts";
import { optional, repeatable, toggle, type Values } from "../options/option.ts";
import { duration, named, text } from "../values/values.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

/** Exactly one of `backupName`, `oldest` and `olderThanMs` says which backups. */
export interface RemoveRequest extends shared.StorageOptions {
  readonly backupName?: string | undefined;
  readonly oldest: boolean;
  readonly olderThanMs?: number | undefined;
  /** Only say what would be removed. */
  readonly dry: boolean;
  readonly resolveNodes: boolean;
  readonly globalRequest: boolean;
  /** Confines a global request; empty is all. */
  readonly dcs: readonly string[];
  /** Run again and again, this long from start to start. */
  readonly rateMs?: number | undefined;
  readonly jmx: shared.JmxSettings;
  readonly cacheDir: string;
}

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
    help: "remove the oldest backup, unless it is the only one",
  }),
  olderThan: optional("older-than", duration, {
    group: "what",
    help: "remove all backups older than this, except the newest: 14day, 36h",
  }),
  dry: toggle("dry", {
    aliases: ["d", "dry-run"],
    group: "what",
    help: "print what would be removed; remove nothing",
  }),
  rate: optional("rate", duration, {
    aliases: ["r"],
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
  ...shared.generalOptions,
};

function build(values: Values<typeof options>, context: shared.RequestContext): RemoveRequest {
  const { backupName, oldest, olderThan, dry, globalRequest, rate } = values;
  checkSelection(values);
  const dcs = [...new Set(values.dcs.flatMap((names) => names.split(",").map((name) => name.trim())))];
  if (dcs.includes("")) throw new AppError("usage", "--dcs has an empty part between its commas");
  if (dcs.length > 0 && !globalRequest) {
    throw new AppError("usage", "--dcs confines a request to the cluster, and this one is for one node", {
      hint: "add --global-request, or leave --dcs out",
    });
  }
  return {
    ...shared.buildStorageOptions(values),
    backupName,
    oldest,
    olderThanMs: olderThan,
    dry,
    resolveNodes: values.resolveNodes,
    globalRequest,
    dcs,
    rateMs: rate,
    jmx: shared.buildJmxSettings(values),
    cacheDir: shared.cacheDirectory(values.cacheDir, context),
  };
}

function checkSelection(values: Values<typeof options>): void {
  const selected = [
    ...(values.backupName === undefined ? [] : ["--name"]),
    ...(values.oldest ? ["--oldest"] : []),
    ...(values.olderThan === undefined ? [] : ["--older-than"]),
  ];
  const hint = "give one of --name, --oldest and --older-than";
  if (selected.length === 0) throw new AppError("usage", "no backup to remove is selected", { hint });
  if (selected.length > 1) {
    throw new AppError("usage", `${selected.join(" and ")} exclude each other`, { hint });
  }
  if (values.rate !== undefined && values.backupName !== undefined) {
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
  build,
});
