import type { JmxTarget } from "./service-url.ts";
import type { StoreFile } from "./tls/store.ts";
import type { JmxArgument, JmxValue } from "./values.ts";

export interface JmxOptions {
  readonly target: JmxTarget;
  readonly credentials?: JmxCredentials | undefined;
  /** Present: connections are encrypted. */
  readonly tls?: JmxTls | undefined;
  /**
   * Stubs name the host to call. It is often wrong (containers, address translation), so that the default, false, is to
   * stay with the target's host and take only the port from the stub.
   */
  readonly followStubHost?: boolean;
  /** Bound for connecting and logging in, also when that happens again later; default 10 s. */
  readonly connectTimeoutMs?: number;
  /** Bound for each call that gives none of its own; default 60 s. */
  readonly callTimeoutMs?: number;
  /** How often an otherwise idle connection is used, so that the server does not end it; default 60 s. */
  readonly keepaliveMs?: number;
  /** Ends connecting. A connection that is open is ended by `close`. */
  readonly signal?: AbortSignal | undefined;
}

export interface JmxCredentials {
  readonly username: string;
  readonly password: string;
}

export interface JmxTls {
  /** Certificates to trust; without it, those the machine trusts. PEM, PKCS12 or JKS. */
  readonly truststore?: StoreFile | undefined;
  /** Our certificate and its key, for nodes that ask for one. PEM, PKCS12 or JKS. */
  readonly keystore?: StoreFile | undefined;
  /** Whether the node's certificate must be for the host connected to; default true. */
  readonly verifyHostname?: boolean;
  /** Whether the registry is encrypted as well; default true. */
  readonly registry?: boolean;
}

export interface JmxCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bound for this call, waiting for a free connection included. The node goes on with what it has begun. */
  readonly timeoutMs?: number;
}

export interface JmxInvokeOptions extends JmxCallOptions {
  /** The operation may be made twice: it is repeated when the connection breaks under it. Default false. */
  readonly idempotent?: boolean;
}

export interface MBeanInfo {
  readonly className: string;
  readonly attributes: readonly MBeanAttribute[];
  readonly operations: readonly MBeanOperation[];
}

export interface MBeanAttribute {
  readonly name: string;
  /** Java type name: "int", "java.lang.String", "[Ljava.lang.String;". */
  readonly type: string;
  readonly readable: boolean;
  readonly writable: boolean;
}

export interface MBeanOperation {
  readonly name: string;
  readonly returnType: string;
  readonly signature: readonly string[];
}

/**
 * A login at a JMX server. Calls may be made at the same time; four run at once, the others wait. When the server has
 * restarted or ended the login for idleness, the next call logs in again by itself. A call that the server may have
 * acted on is repeated only when it is harmless.
 *
 * Calls throw AppError: `node-refused` with the innermost Java message, and the exception as the cause (see
 * remoteException); `unauthorized`; `unreachable`; `timeout` and `cancelled`, after which the node may still be acting;
 * `protocol`; `unsupported` for an answer that only Java could read.
 */
export interface JmxConnection extends AsyncDisposable {
  getAttribute(mbean: string, attribute: string, options?: JmxCallOptions): Promise<JmxValue>;
  /** Attributes that cannot be read are absent. */
  getAttributes(
    mbean: string,
    attributes: readonly string[],
    options?: JmxCallOptions,
  ): Promise<ReadonlyMap<string, JmxValue>>;
  setAttribute(mbean: string, attribute: string, value: JmxArgument, options?: JmxCallOptions): Promise<void>;
  /** `signature` holds the Java type name of each argument: "int", "java.util.Map", "[Ljava.lang.String;". */
  invoke(
    mbean: string,
    operation: string,
    args: readonly JmxArgument[],
    signature: readonly string[],
    options?: JmxInvokeOptions,
  ): Promise<JmxValue>;
  /** The names that match the pattern ("org.example:type=Thing,*"), all without one. */
  queryNames(pattern: string | undefined, options?: JmxCallOptions): Promise<readonly string[]>;
  isRegistered(mbean: string, options?: JmxCallOptions): Promise<boolean>;
  isInstanceOf(mbean: string, className: string, options?: JmxCallOptions): Promise<boolean>;
  getMBeanInfo(mbean: string, options?: JmxCallOptions): Promise<MBeanInfo>;
  /** Logs out and ends calls under way as `cancelled`; never throws, and may be called again. */
  close(): Promise<void>;
}
