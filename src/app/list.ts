import { type BackupSchema, type ListedNode, listBackups, readSchema } from "../catalog/catalog.ts";
import type { ListRequest } from "../request/request.ts";
import type { AppContext } from "./context.ts";
import type { Resources } from "./resources.ts";

/** A node's backups, or the statements that create the tables of one backup, as the request has it. */
export type ListReport =
  | { readonly kind: "backups"; readonly nodes: readonly ShownNode[] }
  | ({ readonly kind: "schema" } & BackupSchema);

export interface ShownNode extends ListedNode {
  /** Of the node in the cluster, where the request asks for it and the cluster knows the node. */
  readonly address: string | undefined;
}

const longCallTimeoutMs = 60_000;

export async function runList(request: ListRequest, context: AppContext, resources: Resources): Promise<ListReport> {
  const storage = await resources.storage(request, { readOnly: true });
  const { schemaOf } = request;
  if (schemaOf !== undefined) {
    return { kind: "schema", ...(await readSchema({ ...request, schemaOf }, { ...context, storage })) };
  }
  const nodes = await listBackups(request, { ...context, storage });
  const addresses = request.resolveNodes ? await addressesOf(request, context, resources) : new Map<string, string>();
  return { kind: "backups", nodes: nodes.map((node) => ({ ...node, address: addresses.get(node.path.node) })) };
}

/** Host ID to address, as the running node knows them. */
async function addressesOf({ jmx }: ListRequest, { signal }: AppContext, resources: Resources) {
  const node = await resources.node(jmx, longCallTimeoutMs);
  return new Map((await node.topology({ signal })).map(({ hostId, address }) => [hostId, address]));
}
