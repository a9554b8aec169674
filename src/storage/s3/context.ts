import type { RemoteContext } from "../remote/context.ts";
import type { ObjectSettings } from "./headers.ts";
import type { S3Dialect } from "./options.ts";
import type { S3Wire } from "./wire.ts";

/** The fields that all operations of one driver share. */
export interface S3Context extends RemoteContext {
  readonly bucket: string;
  readonly dialect: S3Dialect;
  readonly region: string;
  readonly wire: S3Wire;
  readonly settings: ObjectSettings;
}
