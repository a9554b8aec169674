/** Options of the Google Cloud Storage driver. */
import { AppError } from "../../errors.ts";
import { endpointUrl, type StoreOptions } from "../remote/store-options.ts";

export interface GcsOptions extends StoreOptions {
  /** Where a bucket is created: "EU", "europe-west1"; Google's default when left out. */
  readonly region?: string | undefined;
}

const googleEndpoint = "https://storage.googleapis.com";
/** All of them are read at once; the colder ones cost more to read and to delete early. */
const storageClasses: readonly string[] = ["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"];

export interface GcsPlace {
  readonly url: URL;
  readonly location: string | undefined;
}

/** Throws `usage` for settings that cannot be right. */
export function gcsPlace(options: GcsOptions): GcsPlace {
  const { storageClass, environment = {} } = options;
  if (storageClass !== undefined && !storageClasses.includes(storageClass)) {
    throw new AppError("usage", `'${storageClass}' is not a storage class of Google Cloud Storage`, {
      hint: `it has ${storageClasses.join(", ")}`,
    });
  }
  const { STORAGE_EMULATOR_HOST: emulator = "" } = environment;
  const asked = options.endpoint ?? (emulator === "" ? undefined : emulator);
  const url = endpointUrl({ ...options, endpoint: asked ?? googleEndpoint });
  if (url === undefined) throw new AppError("internal", "there is no endpoint");
  return { url, location: options.region };
}
