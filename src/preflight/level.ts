import { describeMisplaced, findMisplacedNode, isHostId, otherNodes } from "../repository/repository.ts";
import type { LocationNode, StorageLocation } from "../request/request.ts";
import type { Storage } from "../storage/storage.ts";
import type { Passed } from "./finding.ts";

/** A warning where backups would go beside those that are there already; undefined where there is nothing to tell. */
export async function checkLevel(
  location: StorageLocation,
  node: LocationNode | undefined,
  storage: Storage,
  signal: AbortSignal,
): Promise<Passed | undefined> {
  const prefix = await findMisplacedNode(storage, location.node, signal);
  if (prefix !== undefined) {
    const hint = describeMisplaced(location, prefix);
    return { says: `the repository in ${storage.description} is at another level`, warning: true, hint };
  }
  if (node === undefined || isHostId(node.node)) return undefined;
  const [other] = await otherNodes(storage, node, signal);
  if (other === undefined) return undefined;
  return {
    says: `'${node.node}' is not a host ID, and the other nodes of the datacenter are stored by theirs`,
    warning: true,
    hint: `one of them is ${other}`,
  };
}
