import type { BackupPlan, BackupReport } from "../backup/backup.ts";
import type { RemoveReport } from "../catalog/catalog.ts";
import type { RotationReport } from "../encryption/encryption.ts";
import type { Finding } from "../preflight/preflight.ts";
import type { Requests, VerbName } from "../request/request.ts";
import type { RestoreReport } from "../restore/restore.ts";
import type { AppContext } from "./context.ts";
import type { ListReport } from "./list.ts";
import type { Resources } from "./resources.ts";

/** The report of each verb. */
export interface Reports {
  /** The plan alone for a dry run. */
  readonly backup: ({ readonly kind: "backup" } & BackupReport) | ({ readonly kind: "plan" } & BackupPlan);
  readonly restore: RestoreReport;
  readonly list: ListReport;
  readonly "remove-backup": RemoveReport;
  readonly check: readonly Finding[];
  readonly "validate-storage": readonly Finding[];
  readonly "rotate-key": RotationReport;
}

export type AppVerb = keyof Reports & VerbName;

/** Opens what it needs by `resources`, which are closed when it has ended. */
export type RunVerb<Name extends AppVerb> = (
  request: Requests[Name],
  context: AppContext,
  resources: Resources,
) => Promise<Reports[Name]>;
