import type { ObjectInfo } from "../storage/storage.ts";
import type { BackupPlan, PlannedFile } from "./plan.ts";

/**
 * The files of a plan whose objects are not in the listing, or have another size there: objects that a removal on
 * another machine or a lifecycle rule has deleted since the plan was made. Keys are relative to the node's prefix.
 */
export async function vanishedFiles(plan: BackupPlan, listing: AsyncIterable<ObjectInfo>): Promise<PlannedFile[]> {
  const unseen = new Map<string, PlannedFile>();
  for (const { files } of plan.tables) for (const file of files) unseen.set(file.objectKey, file);
  for await (const { key, sizeBytes } of listing) {
    if (unseen.get(key)?.storedBytes === sizeBytes) unseen.delete(key);
  }
  return [...unseen.values()];
}
