/** Options of every remote store. */
import { AppError } from "../../errors.ts";
import type { HttpProxy } from "../../http/http.ts";

export interface StoreOptions {
  /** "https://host:port"; without a scheme, HTTPS unless `insecureHttp` is set. The provider's own when left out. */
  readonly endpoint?: string | undefined;
  /** HTTP where the endpoint does not say otherwise. */
  readonly insecureHttp?: boolean;
  readonly proxy?: HttpProxy | undefined;
  /** PEM file with certificates to trust beside the well-known ones. */
  readonly caFile?: string | undefined;
  /** Of new objects, as the store names its classes; the bucket's default when left out. */
  readonly storageClass?: string | undefined;
  /** Put on every new object. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Bodies sent at once, parts of large objects included; 10 when left out. */
  readonly maxUploads?: number;
  /** Variables of the process, for those that the provider's libraries do not look at by themselves. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export const defaultMaxUploads = 10;

/** Classes for rare access bill smaller objects as if they had this size, or cost more in requests than they save. */
export const minClassBytes = 128 * 1024;

/** Throws `usage` for what is no endpoint. */
export function endpointUrl({ endpoint, insecureHttp }: StoreOptions): URL | undefined {
  if (endpoint === undefined) return undefined;
  const text = endpoint.includes("://") ? endpoint : `${insecureHttp === true ? "http" : "https"}://${endpoint}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
    throw new AppError("usage", `'${endpoint}' is not an endpoint`, {
      hint: "write https://host or https://host:port",
    });
  }
  if (insecureHttp === true && url.protocol === "https:") {
    throw new AppError("usage", `the endpoint '${endpoint}' says HTTPS, and --insecure-http says HTTP`, {
      hint: "leave one of them out",
    });
  }
  return url;
}

/** Whether nobody else can read what is sent there: HTTPS, or the loopback interface. */
export function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
