import { isAppError } from "../errors.ts";
import { markIn } from "../transfer/transfer.ts";
import type { BackupName } from "./layout.ts";
import { type Manifest, manifestEntries } from "./manifest.ts";
import type { NodeRepository } from "./repository.ts";

/** The newest backup whose manifest can be read, if it is encrypted. */
export async function newestIfEncrypted(
  repository: NodeRepository,
  signal: AbortSignal,
): Promise<BackupName | undefined> {
  for (const { name } of await repository.listBackups(signal)) {
    let manifest: Manifest;
    try {
      manifest = await repository.readManifest(name, signal);
    } catch (error) {
      if (!isAppError(error, "corrupt") && !isAppError(error, "not-found")) throw error;
      continue;
    }
    for (const { objectKey } of manifestEntries(manifest)) if (markIn(objectKey) !== undefined) return name;
    return undefined;
  }
  return undefined;
}
