import type { Clock } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { RetryPolicy } from "../../retry/retry.ts";
import type { StoreOptions } from "../../storage/storage.ts";

/** The two calls to a key management service. Its errors are AppErrors. */
export interface Kms {
  /** A new data key. `context` must be given again to unwrap it. */
  generateDataKey(keyId: string, context: KmsContext, signal?: AbortSignal): Promise<NewDataKey>;
  /** The data key of a wrapped one, which tells the KMS its key; where a key is named, it must be that one. */
  decrypt(wrappedKey: Uint8Array, context: KmsContext, keyId?: string, signal?: AbortSignal): Promise<Uint8Array>;
}

export type KmsContext = Readonly<Record<string, string>>;

export interface NewDataKey {
  /** 32 bytes. */
  readonly dataKey: Uint8Array;
  readonly wrappedKey: Uint8Array;
}

export interface KmsClient extends Kms {
  close(): Promise<void>;
}

export interface KmsClientOptions {
  /** Of the key; asked of the environment, the profile and the instance when left out. */
  readonly region?: string | undefined;
  /** AWS_ENDPOINT_URL_KMS, or AWS's own for the region, when left out; never the one of the object store. */
  readonly endpoint?: string | undefined;
  /** Those of the object store: proxy, authorities and environment are used, its endpoint is not. */
  readonly settings: StoreOptions;
  readonly retry?: RetryPolicy;
  readonly clock: Clock;
  /** Uniform in [0, 1), as Math.random. */
  readonly random: () => number;
  readonly log: Logger;
}
