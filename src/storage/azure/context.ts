import type { RemoteContext } from "../remote/context.ts";
import type { AzureWire } from "./wire.ts";

/** The fields that all operations of one driver share. */
export interface AzureContext extends RemoteContext {
  readonly wire: AzureWire;
}
