/** Options that several verbs share, and the parts of requests they become. */
import { AppError } from "../../errors.ts";
import type { HttpProxy } from "../../http/http.ts";
import { defaulted, optional, required, toggle, type Values } from "../options/option.ts";
import { locationKind, type StorageLocation, speaksS3 } from "../values/storage-location.ts";
import { choice, directory, durationIn, file, integer, named, port, text } from "../values/values.ts";
import { buildS3Settings, maxTags, type S3Settings, s3Options } from "./s3-options.ts";

/** How an object store is reached. */
export interface StorageOptions {
  readonly storageLocation: StorageLocation;
  /** Files or parts that are transferred at once. */
  readonly concurrentConnections: number;
  /** HTTP in place of HTTPS. */
  readonly insecureHttp: boolean;
  readonly skipBucketVerification: boolean;
  readonly kmsKeyId?: string | undefined;
  readonly proxy?: HttpProxy | undefined;
  readonly retry: RetrySettings;
  readonly s3: S3Settings;
}

export interface RetrySettings {
  readonly enabled: boolean;
  /** Before the first repetition. */
  readonly intervalMs: number;
  readonly strategy: "linear" | "exponential";
  /** All attempts, the first included. */
  readonly maxAttempts: number;
}

/** How the node's JMX port is reached; files are read and the service is parsed only when a connection is made. */
export interface JmxSettings {
  /** "host", "host:port", ":port" or a full service URL. */
  readonly service: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Java properties: username, password, keystorePassword, truststorePassword. */
  readonly credentialsFile?: string | undefined;
  readonly truststore?: string | undefined;
  readonly truststorePassword?: string | undefined;
  readonly keystore?: string | undefined;
  readonly keystorePassword?: string | undefined;
  /** Present the keystore's certificate to the server. */
  readonly clientAuth: boolean;
}

/** How a command speaks; taken by every verb. */
export interface OutputSettings {
  /** JSON lines on standard output. */
  readonly json: boolean;
  readonly debug: boolean;
  readonly quiet: boolean;
}

const secondMs = 1000;
const hourMs = 3_600_000;

export const generalOptions = {
  json: toggle("json", { group: "general", help: "print JSON, one object per line" }),
  quiet: toggle("quiet", { group: "general", help: "print only results, warnings and errors" }),
  debug: toggle("debug", { group: "general", help: "print debug messages and stack traces" }),
  configFile: optional("config-file", file, { group: "general", help: "read options from this YAML file" }),
};

/** Which bucket; without the location itself, which not every verb requires. */
const storeOptions = {
  concurrentConnections: defaulted("concurrent-connections", integer({ min: 1, max: 1000 }), "10", {
    aliases: ["cc"],
    group: "storage",
    help: "maximum number of concurrent transfers of files or parts",
  }),
  insecureHttp: toggle("insecure-http", {
    json: "insecure",
    group: "storage",
    help: "connect to the store with HTTP instead of HTTPS",
  }),
  skipBucketVerification: toggle("skip-bucket-verification", {
    group: "storage",
    help: "do not check that the bucket exists",
  }),
  kmsKeyId: optional("kms-key-id", named(text, "KEY"), {
    aliases: ["kmsKeyId"],
    env: ["AWS_KMS_KEY_ID"],
    group: "storage",
    help: "S3: encrypt files before upload with this KMS key",
  }),
  retryEnabled: toggle("retry-enabled", {
    on: true,
    json: "retry.enabled",
    group: "retries",
    help: "retry requests to the store that fail with a transient error",
  }),
  retryInterval: defaulted("retry-interval", durationIn(secondMs, "SECONDS"), "1", {
    json: "retry.interval",
    group: "retries",
    help: "maximum delay before the first retry",
  }),
  retryStrategy: defaulted("retry-strategy", choice(["linear", "exponential"]), "exponential", {
    json: "retry.strategy",
    group: "retries",
    help: "maximum delay of later retries: linear keeps it, exponential doubles it",
  }),
  retryMaxAttempts: defaulted("retry-max-attempts", integer({ min: 1, max: 100 }), "5", {
    json: "retry.maxAttempts",
    group: "retries",
    help: "maximum number of attempts, the first included",
  }),
  useProxy: toggle("use-proxy", {
    json: "proxySettings.useProxy",
    group: "proxy",
    help: "connect to the store through a proxy",
  }),
  proxyHost: optional("proxy-host", named(text, "HOST"), {
    json: "proxySettings.proxyHost",
    group: "proxy",
    help: "host of the proxy",
  }),
  proxyPort: optional("proxy-port", port, {
    json: "proxySettings.proxyPort",
    group: "proxy",
    help: "port of the proxy",
  }),
  proxyProtocol: defaulted("proxy-protocol", choice(["HTTP", "HTTPS"]), "HTTPS", {
    json: "proxySettings.proxyProtocol",
    group: "proxy",
    help: "protocol of the connection to the proxy",
  }),
  proxyUsername: optional("proxy-username", named(text, "NAME"), {
    json: "proxySettings.proxyUsername",
    group: "proxy",
    help: "user name for the proxy",
  }),
  proxyPassword: optional("proxy-password", named(text, "PASSWORD"), {
    json: "proxySettings.proxyPassword",
    secret: true,
    group: "proxy",
    help: "password for the proxy",
  }),
};

export const storageOptions = {
  storageLocation: required("storage-location", locationKind, {
    aliases: ["sl"],
    group: "storage",
    help: "repository: protocol://bucket/cluster/datacenter/node, or protocol://bucket",
  }),
  ...storeOptions,
  ...s3Options,
};

export const jmxOptions = {
  jmxService: defaulted("jmx-service", named(text, "SERVICE"), "127.0.0.1:7199", {
    group: "jmx",
    help: "JMX address of the node: host, host:port, :port or a service URL",
  }),
  jmxUser: optional("jmx-user", named(text, "NAME"), { group: "jmx", help: "user name for JMX" }),
  jmxPassword: optional("jmx-password", named(text, "PASSWORD"), {
    secret: true,
    group: "jmx",
    help: "password for JMX; other users can read it on the command line",
  }),
  jmxCredentials: optional("jmx-credentials", file, {
    group: "jmx",
    help: "properties file with username, password, keystorePassword and truststorePassword",
  }),
  jmxTruststore: optional("jmx-truststore", file, {
    group: "jmx",
    help: "truststore with CA certificates; enables TLS",
  }),
  jmxTruststorePassword: optional("jmx-truststore-password", named(text, "PASSWORD"), {
    secret: true,
    group: "jmx",
    help: "password of the truststore",
  }),
  jmxKeystore: optional("jmx-keystore", file, { group: "jmx", help: "keystore with the client certificate and key" }),
  jmxKeystorePassword: optional("jmx-keystore-password", named(text, "PASSWORD"), {
    secret: true,
    group: "jmx",
    help: "password of the keystore",
  }),
  jmxClientAuth: toggle("jmx-client-auth", { group: "jmx", help: "present the client certificate to the node" }),
};

/** For verbs that remember what they have read. */
export const cacheOptions = {
  cacheDir: optional("cache-dir", directory, {
    group: "behaviour",
    defaultText: "~/.esop",
    help: "directory of the local hash record that speeds up backups",
  }),
};

export const clusterOptions = {
  globalRequest: toggle("global-request", {
    aliases: ["globalRequest"],
    group: "cluster",
    help: "run on every node of the cluster; not supported yet",
  }),
  datacenter: optional("datacenter", named(text, "NAMES"), {
    json: "dc",
    group: "cluster",
    help: "with --global-request: only nodes in these datacenters, separated by commas",
  }),
};

export const timeoutOption = {
  timeoutMs: defaulted("timeout", durationIn(hourMs, "HOURS"), "5", {
    json: "timeout",
    group: "behaviour",
    help: "abort after this many hours, or after a duration such as 90min",
  }),
};

/** What a builder of requests knows beside the values. */
export interface RequestContext {
  readonly homeDirectory: string;
}

export function cacheDirectory(given: string | undefined, context: RequestContext): string {
  return given ?? `${context.homeDirectory.replace(/\/$/, "")}/.esop`;
}

export function buildStorageOptions(values: Values<typeof storageOptions>): StorageOptions {
  const { kmsKeyId, storageLocation } = values;
  if (kmsKeyId !== undefined && !speaksS3(storageLocation.protocol)) {
    throw new AppError("usage", `encryption with a KMS key is supported on S3, not on ${storageLocation.protocol}`, {
      hint: "leave out --kms-key-id (and AWS_KMS_KEY_ID), or encrypt with your own key: --encrypt",
    });
  }
  const s3 = buildS3Settings(values, storageLocation);
  if (kmsKeyId !== undefined && Object.keys(s3.tags).length >= maxTags) {
    throw new AppError("usage", `with --kms-key-id an object has at most ${maxTags - 1} tags of yours`, {
      hint: "the tag kmsKey is one of them: leave an --object-tag out",
    });
  }
  return { storageLocation, s3, ...buildStoreOptions(values) };
}

function buildStoreOptions(values: Values<typeof storeOptions>): Omit<StorageOptions, "storageLocation" | "s3"> {
  return {
    concurrentConnections: values.concurrentConnections,
    insecureHttp: values.insecureHttp,
    skipBucketVerification: values.skipBucketVerification,
    kmsKeyId: values.kmsKeyId,
    proxy: buildProxy(values),
    retry: {
      enabled: values.retryEnabled,
      intervalMs: values.retryInterval,
      strategy: values.retryStrategy,
      maxAttempts: values.retryMaxAttempts,
    },
  };
}

function buildProxy(values: Values<typeof storeOptions>): HttpProxy | undefined {
  const { proxyHost: host, proxyPort, proxyUsername: username, proxyPassword: password } = values;
  if (!values.useProxy) {
    if (host === undefined && proxyPort === undefined && username === undefined && password === undefined) {
      return undefined;
    }
    throw new AppError("usage", "proxy options are given without --use-proxy", { hint: "add --use-proxy" });
  }
  if (host === undefined || proxyPort === undefined) {
    throw new AppError("usage", "--use-proxy needs the proxy's host and port", {
      hint: "add --proxy-host and --proxy-port",
    });
  }
  if (password !== undefined && username === undefined) {
    throw new AppError("usage", "--proxy-password is given without a name", { hint: "add --proxy-username" });
  }
  return { protocol: values.proxyProtocol, host, port: proxyPort, username, password };
}

export function buildJmxSettings(values: Values<typeof jmxOptions>): JmxSettings {
  const { jmxUser: user, jmxPassword: password, jmxCredentials: credentialsFile } = values;
  if (credentialsFile !== undefined && (user !== undefined || password !== undefined)) {
    throw new AppError("usage", "JMX credentials are given both as a file and as options", {
      hint: "keep --jmx-credentials, or --jmx-user and --jmx-password",
    });
  }
  if (password !== undefined && user === undefined) {
    throw new AppError("usage", "--jmx-password is given without a name", { hint: "add --jmx-user" });
  }
  if (user !== undefined && password === undefined) {
    throw new AppError("usage", "--jmx-user is given without a password", {
      hint: "add --jmx-password, or name a file with both by --jmx-credentials",
    });
  }
  checkJmxStores(values);
  return {
    service: values.jmxService,
    user,
    password,
    credentialsFile,
    truststore: values.jmxTruststore,
    truststorePassword: values.jmxTruststorePassword,
    keystore: values.jmxKeystore,
    keystorePassword: values.jmxKeystorePassword,
    clientAuth: values.jmxClientAuth,
  };
}

function checkJmxStores(values: Values<typeof jmxOptions>): void {
  if (values.jmxTruststorePassword !== undefined && values.jmxTruststore === undefined) {
    throw new AppError("usage", "--jmx-truststore-password is given without a truststore", {
      hint: "add --jmx-truststore",
    });
  }
  if (values.jmxKeystorePassword !== undefined && values.jmxKeystore === undefined) {
    throw new AppError("usage", "--jmx-keystore-password is given without a keystore", { hint: "add --jmx-keystore" });
  }
  if (values.jmxClientAuth && values.jmxKeystore === undefined) {
    throw new AppError("usage", "--jmx-client-auth is given without a client certificate", {
      hint: "add --jmx-keystore",
    });
  }
}

/** The datacenters that a global request is confined to; none is all. */
export function buildDatacenters(values: Values<typeof clusterOptions>): readonly string[] {
  const names = values.datacenter?.split(",").map((name) => name.trim()) ?? [];
  if (names.includes("")) throw new AppError("usage", "--datacenter has an empty part between its commas");
  if (names.length > 0 && !values.globalRequest) {
    throw new AppError("usage", "--datacenter confines a request to the cluster, and this one is for one node", {
      hint: "add --global-request, or leave --datacenter out",
    });
  }
  return names;
}
