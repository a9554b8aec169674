/**
 * Restores of a running node. With IMPORT, Cassandra takes the SSTables from the staging directory; with HARDLINKS, they
 * are linked into the live directory of the table and loaded. The phases:
 *
 *   init      checks the backup, its tables, their targets and the free space; touches nothing
 *   download  downloads and verifies all files in the staging directory; the node's data is untouched
 *   truncate  is the point of no return, after everything that can fail early; Cassandra keeps a snapshot
 *   import    loads the SSTables
 *   cleanup   deletes downloads and the snapshots of truncate, if every table was imported
 *
 * Downloads stay until cleanup and Cassandra only gets links to them, so that a phase can be repeated after any failure:
 * no file is downloaded twice, and truncate and import always start over.
 */
import type { CassandraNode, NodeFacts } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import { deviceOf } from "../../files/files.ts";
import { formatFiles } from "../../units.ts";
import type { FetchReport, RestoreRun } from "../context.ts";
import { checkSpace } from "../directories.ts";
import { bytesOf, fetchFiles, fetchOptions, missingFiles, type WantedFile } from "../fetch.ts";
import { checkSchema } from "./check-schema.ts";
import { checkImported, cleanUp } from "./clean-up.ts";
import { checkFormats } from "./formats.ts";
import { checkHealth, checkTokens } from "./health.ts";
import { importTables, probeStaging } from "./import.ts";
import { checkReadable } from "./readable.ts";
import { findTargets, type LiveRestore, wantedFiles } from "./targets.ts";
import { truncateTables } from "./truncate.ts";

export interface LivePhases {
  readonly strategy: "IMPORT" | "HARDLINKS";
  /** One phase, or all of them. */
  readonly phase: "init" | "download" | "truncate" | "import" | "cleanup" | undefined;
}

export async function restoreLive(
  run: RestoreRun,
  node: CassandraNode,
  facts: NodeFacts,
  { strategy, phase }: LivePhases,
): Promise<FetchReport> {
  const restore = await findTargets(run, node, facts);
  const wanted = wantedFiles(restore);
  const due = (name: typeof phase) => phase === undefined || phase === name;
  if (phase !== "cleanup") await checkTokens(restore.manifest, node, facts, run.signal);
  const cleaning = phase === "cleanup";
  const missing = cleaning ? [] : await missingFiles(wanted, fetchOptions(restore, restore.owner));
  if (!cleaning) await checkFormats(restore, strategy);
  const plan = planned(cleaning ? [] : wanted, missing);
  if (due("init") || due("download")) await checkRoom(restore, strategy, missing);
  if (due("download") || due("truncate") || due("import")) await checkHealth(node, run.signal);
  if (phase === undefined) await refuseToEmptyOthers(node, run.signal);
  if (cleaning) await checkImported(restore);
  if (run.request.dryRun || phase === "init") return plan;
  let report: FetchReport = plan;
  if (due("download") || phase === "truncate") await checkSchema(restore);
  if (strategy === "IMPORT" && (due("download") || due("truncate"))) await probeStaging(restore);
  if (due("download")) {
    if (run.request.noDownloadData && missing.length > 0) throw notDownloaded(missing);
    report = await fetchFiles(wanted, missing, fetchOptions(restore, restore.owner));
  } else if ((due("truncate") || due("import")) && missing.length > 0) throw notDownloaded(missing);
  if (due("truncate")) {
    // The download can have taken hours.
    if (phase === undefined) await checkSchema(restore);
    await checkReadable(restore);
    await truncateTables(restore);
  }
  if (due("import")) await importTables(restore, strategy);
  if (due("cleanup")) await cleanUp(restore);
  return report;
}

/** The files to download, and those that an earlier run has downloaded. */
function planned(wanted: readonly WantedFile[], missing: readonly WantedFile[]): FetchReport {
  return {
    fetched: { files: missing.length, bytes: bytesOf(missing) },
    reused: { files: wanted.length - missing.length, bytes: bytesOf(wanted) - bytesOf(missing) },
  };
}

async function checkRoom(restore: LiveRestore, strategy: string, missing: readonly WantedFile[]): Promise<void> {
  await checkSpace(restore.staging, bytesOf(missing));
  const device = await deviceOf(restore.staging);
  for (const { livePaths, target } of restore.tables) {
    const devices = await Promise.all(livePaths.map(deviceOf));
    if (strategy !== "HARDLINKS" || devices.includes(device)) continue;
    throw new AppError(
      "usage",
      `${restore.staging} is on another file system than ${target.keyspace}.${target.table}`,
      {
        hint: `give an --import-source-dir on the file system of ${livePaths.join(" or ")}, or restore with IMPORT`,
      },
    );
  }
}

/** One command for one node must not empty the table on the others, whose parts it does not bring back. */
async function refuseToEmptyOthers(node: CassandraNode, signal: AbortSignal): Promise<void> {
  const nodes = await node.topology({ signal });
  if (nodes.length === 1) return;
  throw new AppError(
    "node-state",
    `this would empty the tables on all ${nodes.length} nodes and restore only this one`,
    {
      hint:
        "run --restoration-phase-type download on every node, then truncate on one, " +
        "then import on every node, then cleanup on every node",
    },
  );
}

function notDownloaded(missing: readonly WantedFile[]): AppError {
  return new AppError(
    "not-found",
    `${formatFiles({ files: missing.length, bytes: bytesOf(missing) })} not downloaded yet`,
    {
      hint: "run --restoration-phase-type download first, with the same --import-source-dir",
    },
  );
}
