import type { RemoteContext } from "../remote/context.ts";
import type { GcsOptions } from "./options.ts";
import type { GcsWire } from "./wire.ts";

/** The fields that all operations of one driver share. */
export interface GcsContext extends RemoteContext {
  readonly bucket: string;
  readonly wire: GcsWire;
  readonly options: GcsOptions;
}
