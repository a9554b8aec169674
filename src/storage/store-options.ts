/** What any remote store may be told, whatever its protocol. */

export interface StoreOptions {
  /** "https://host:port"; without a scheme, HTTPS unless `insecureHttp` is set. The provider's own when left out. */
  readonly endpoint?: string | undefined;
  /** HTTP where the endpoint does not say otherwise. */
  readonly insecureHttp?: boolean;
  readonly proxy?: StoreProxy | undefined;
  /** PEM file with certificates to trust beside the well-known ones. */
  readonly caFile?: string | undefined;
  /** Of new objects, as the store names its classes; the bucket's default when left out. */
  readonly storageClass?: string | undefined;
  /** Put on every new object. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Bodies sent at once, parts of large objects included; 10 when left out. */
  readonly maxUploads?: number;
  /** Variables of the process, for what the provider's SDK does not look at by itself. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface StoreProxy {
  readonly protocol: "HTTP" | "HTTPS";
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export const defaultMaxUploads = 10;
