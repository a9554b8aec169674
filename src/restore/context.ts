import type { CassandraNode } from "../cassandra/cassandra.ts";
import type { Clock } from "../clock.ts";
import type { RateLimit } from "../concurrency/concurrency.ts";
import type { Keys } from "../encryption/encryption.ts";
import type { Logger } from "../log.ts";
import type { Progress } from "../progress.ts";
import type { BackupName, Manifest, ManifestFile, NodeRepository } from "../repository/repository.ts";
import type { RestoreRequest } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import type { Decrypt } from "../transfer/transfer.ts";
import type { SelectedTable } from "./select-tables.ts";

export interface RestoreDependencies {
  readonly storage: Storage;
  /** The running node; undefined when nothing listens at its JMX address. */
  readonly node: CassandraNode | undefined;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What the recipes of all strategies work with. */
export interface RestoreRun extends Omit<RestoreDependencies, "node"> {
  readonly request: RestoreRequest;
  readonly repository: NodeRepository;
  readonly backup: BackupName;
  readonly manifest: Manifest;
  readonly selected: readonly SelectedTable[];
  /**
   * The manifest's files of the selected tables, or of those that `wanted` accepts. Their sizes are the files', whatever
   * is stored.
   */
  files(wanted?: (keyspace: string, table: string) => boolean): Iterable<ManifestFile>;
  readonly dataDirectories: readonly string[];
  readonly rateLimit: RateLimit;
  readonly decrypt: Decrypt;
}

export type Strategy = "IMPORT" | "HARDLINKS" | "IN_PLACE";

export interface FetchReport {
  readonly fetched: { readonly files: number; readonly bytes: number };
  /** Files that were there already, and right. */
  readonly reused: { readonly files: number; readonly bytes: number };
}

export interface RestoreReport extends FetchReport {
  readonly backup: string;
  readonly strategy: Strategy;
  readonly phase: RestoreRequest["phase"] | "all";
  readonly tables: number;
  readonly durationMs: number;
  /** What the operator has to do next, if anything. */
  readonly next: readonly string[];
}
