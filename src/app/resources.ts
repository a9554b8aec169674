import type { CassandraNode } from "../cassandra/cassandra.ts";
import type { Keys } from "../encryption/encryption.ts";
import type { EncryptionKey, JmxSettings, StorageOptions } from "../request/request.ts";
import type { RetryPolicy } from "../retry/retry.ts";
import { openStorage, type S3Options, type Storage } from "../storage/storage.ts";
import type { AppContext } from "./context.ts";

/** A node's own part of a bucket is cluster/datacenter/node/. */
const nodeDepth = 3;

export interface StorageAccess {
  /** Every call that would change the store is refused. */
  readonly readOnly: boolean;
  /** Whether incomplete uploads of earlier runs are resumed or aborted; true when left out. */
  readonly tidy?: boolean;
}

/** The resources that one run has open. Disposing closes them in reverse order. Each is loaded when first requested. */
export class Resources implements AsyncDisposable {
  readonly #context: AppContext;
  readonly #open = new AsyncDisposableStack();

  constructor(context: AppContext) {
    this.#context = context;
  }

  /** The store that a request names; asks nothing of it. */
  async storage(request: StorageOptions, { readOnly, tidy = true }: StorageAccess): Promise<Storage> {
    const { clock, log, random } = this.#context;
    const { protocol, root, bucket } = request.storageLocation;
    const location = { protocol, bucket, root };
    const storage = await openStorage(location, {
      clock,
      log,
      random,
      readOnly,
      retry: retryPolicy(request),
      settings: this.#storeSettings(request),
      ownDepth: tidy ? nodeDepth : undefined,
    });
    return this.#open.adopt(storage, (opened) => opened.close());
  }

  /** The running node. `longCallTimeoutMs` bounds calls that last as long as their work. Throws as connectNode does. */
  async node(jmx: JmxSettings, longCallTimeoutMs: number): Promise<CassandraNode> {
    const { connectNode } = await import("../cassandra/cassandra.ts");
    const node = await connectNode(jmx, { longCallTimeoutMs, signal: this.#context.signal });
    return this.#open.adopt(node, (opened) => opened.close());
  }

  /** As {@link node}; undefined where nothing listens at the JMX address. */
  async nodeIfUp(jmx: JmxSettings, longCallTimeoutMs: number): Promise<CassandraNode | undefined> {
    const { findNode } = await import("../cassandra/cassandra.ts");
    const node = await findNode(jmx, { longCallTimeoutMs, signal: this.#context.signal });
    return node === undefined ? undefined : this.#open.adopt(node, (opened) => opened.close());
  }

  /** The keys to encrypt and decrypt with; read when first needed. */
  async keys(request: StorageOptions & { readonly encryptionKey?: EncryptionKey | undefined }): Promise<Keys> {
    const [{ openKeys, openKmsKeys }, { speaksS3 }] = await Promise.all([
      import("../encryption/encryption.ts"),
      import("../request/request.ts"),
    ]);
    const { clock, log, random, randomBytes, signal } = this.#context;
    const kms = speaksS3(request.storageLocation.protocol)
      ? openKmsKeys({
          keyId: request.kmsKeyId,
          region: request.s3.region,
          settings: this.#storeSettings(request),
          retry: retryPolicy(request),
          clock,
          log,
          random,
          randomBytes,
          signal,
        })
      : undefined;
    const keys = openKeys({ secret: request.encryptionKey, clock, random: randomBytes, kms });
    return this.#open.adopt(keys, (opened) => opened.close());
  }

  /** Settings of the store, and of a service beside it. */
  #storeSettings({ s3, insecureHttp, proxy, concurrentConnections: maxUploads }: StorageOptions): S3Options {
    return { ...s3, insecureHttp, proxy, maxUploads, environment: this.#context.environment };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
  }
}

function retryPolicy({ retry }: StorageOptions): RetryPolicy {
  const { intervalMs, strategy, maxAttempts, enabled } = retry;
  return { intervalMs, strategy, maxAttempts: enabled ? maxAttempts : 1 };
}
