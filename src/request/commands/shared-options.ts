/** Options that several verbs share, and what is derived from them. */
import { AppError } from "../../errors.ts";
import type { HttpProxy } from "../../http/http.ts";
import { defaulted, optional, required, toggle, type Values, type WithDerived } from "../options/option.ts";
import { locationKind, speaksS3 } from "../values/storage-location.ts";
import { choice, directory, durationIn, file, integer, named, port, text } from "../values/values.ts";
import { deriveS3, maxTags, type S3Settings, s3Options } from "./s3-options.ts";

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
  json: toggle("json", { group: "general", help: "print JSON, one object a line" }),
  quiet: toggle("quiet", { group: "general", help: "print results and errors only" }),
  debug: toggle("debug", { group: "general", help: "say every step, and where an error comes from" }),
  configFile: optional("config-file", file, { group: "general", help: "read options from this YAML file" }),
};

const retryOptions = {
  enabled: toggle("retry-enabled", {
    on: true,
    group: "retries",
    help: "repeat calls to the store that may succeed later",
  }),
  intervalMs: defaulted("retry-interval", durationIn(secondMs, "SECONDS"), "1", {
    json: "retry.interval",
    group: "retries",
    help: "wait before the first repetition",
  }),
  strategy: defaulted("retry-strategy", choice(["linear", "exponential"]), "exponential", {
    group: "retries",
    help: "how later waits grow",
  }),
  maxAttempts: defaulted("retry-max-attempts", integer({ min: 1, max: 100 }), "5", {
    group: "retries",
    help: "attempts for one call, the first included",
  }),
};

export type RetrySettings = Values<typeof retryOptions>;

const proxyOptions = {
  used: toggle("use-proxy", {
    json: "proxySettings.useProxy",
    group: "proxy",
    help: "reach the store through a proxy",
  }),
  host: optional("proxy-host", named(text, "HOST"), {
    json: "proxySettings.proxyHost",
    group: "proxy",
    help: "the proxy's host",
  }),
  port: optional("proxy-port", port, {
    json: "proxySettings.proxyPort",
    group: "proxy",
    help: "the proxy's port",
  }),
  protocol: defaulted("proxy-protocol", choice(["HTTP", "HTTPS"]), "HTTPS", {
    json: "proxySettings.proxyProtocol",
    group: "proxy",
    help: "how to speak to the proxy itself",
  }),
  username: optional("proxy-username", named(text, "NAME"), {
    json: "proxySettings.proxyUsername",
    group: "proxy",
    help: "name to log in to the proxy with",
  }),
  password: optional("proxy-password", named(text, "PASSWORD"), {
    json: "proxySettings.proxyPassword",
    secret: true,
    group: "proxy",
    help: "password to log in to the proxy with",
  }),
};

export const storageOptions = {
  storageLocation: required("storage-location", locationKind, {
    aliases: ["sl"],
    group: "storage",
    help: "where backups lie: protocol://bucket/cluster/datacenter/node, or protocol://bucket",
  }),
  concurrentConnections: defaulted("concurrent-connections", integer({ min: 1, max: 1000 }), "10", {
    aliases: ["cc"],
    group: "storage",
    help: "files or parts transferred at once",
  }),
  insecureHttp: toggle("insecure-http", {
    json: "insecure",
    group: "storage",
    help: "speak HTTP in place of HTTPS to the store",
  }),
  skipBucketVerification: toggle("skip-bucket-verification", {
    group: "storage",
    help: "do not check first that the bucket exists",
  }),
  kmsKeyId: optional("kms-key-id", named(text, "KEY"), {
    aliases: ["kmsKeyId"],
    env: ["AWS_KMS_KEY_ID"],
    group: "storage",
    help: "KMS key that encrypts objects before they leave (S3)",
  }),
  retry: retryOptions,
  proxy: proxyOptions,
  ...s3Options,
};

export interface DerivedStorage {
  readonly proxy: HttpProxy | undefined;
  readonly s3: S3Settings;
}

/** How an object store is reached. */
export type StorageOptions = WithDerived<typeof storageOptions, DerivedStorage>;

const jmxTable = {
  service: defaulted("jmx-service", named(text, "SERVICE"), "127.0.0.1:7199", {
    json: "jmxService",
    group: "jmx",
    help: "the node's JMX: host, host:port, :port or a service URL",
  }),
  user: optional("jmx-user", named(text, "NAME"), { json: "jmxUser", group: "jmx", help: "name to log in with" }),
  password: optional("jmx-password", named(text, "PASSWORD"), {
    json: "jmxPassword",
    secret: true,
    group: "jmx",
    help: "password to log in with; other users can see it here, but not in a file",
  }),
  credentialsFile: optional("jmx-credentials", file, {
    json: "jmxCredentials",
    group: "jmx",
    help: "properties file with username, password, keystorePassword and truststorePassword",
  }),
  truststore: optional("jmx-truststore", file, {
    json: "jmxTruststore",
    group: "jmx",
    help: "certificates to trust; turns TLS on",
  }),
  truststorePassword: optional("jmx-truststore-password", named(text, "PASSWORD"), {
    json: "jmxTruststorePassword",
    secret: true,
    group: "jmx",
    help: "password of the truststore",
  }),
  keystore: optional("jmx-keystore", file, { json: "jmxKeystore", group: "jmx", help: "own certificate and key" }),
  keystorePassword: optional("jmx-keystore-password", named(text, "PASSWORD"), {
    json: "jmxKeystorePassword",
    secret: true,
    group: "jmx",
    help: "password of the keystore",
  }),
  clientAuth: toggle("jmx-client-auth", {
    json: "jmxClientAuth",
    group: "jmx",
    help: "show the own certificate to the node",
  }),
};

export const jmxOptions = { jmx: jmxTable };

/** How the node's JMX port is reached; files are read and the service is parsed only when a connection is made. */
export type JmxSettings = Values<typeof jmxTable>;

/** For verbs that remember what they have read. */
export const cacheOptions = {
  cacheDir: optional("cache-dir", directory, {
    group: "behaviour",
    defaultText: "~/.esop",
    help: "where local records and downloaded manifests are kept",
  }),
};

export const clusterOptions = {
  globalRequest: toggle("global-request", {
    aliases: ["globalRequest"],
    group: "cluster",
    help: "do it on every node of the cluster, through their sidecars (not supported yet)",
  }),
  datacenters: optional("datacenter", named(text, "NAMES"), {
    json: "dc",
    group: "cluster",
    help: "with --global-request, only nodes of these datacenters, separated by commas (not supported yet)",
  }),
};

export const timeoutOption = {
  timeoutMs: defaulted("timeout", durationIn(hourMs, "HOURS"), "5", {
    json: "timeout",
    group: "behaviour",
    help: "give up after this time; a number counts hours, 90min is one too",
  }),
};

/** What a verb knows beside the values. */
export interface RequestContext {
  readonly homeDirectory: string;
}

export function cacheDirectory(given: string | undefined, context: RequestContext): string {
  return given ?? `${context.homeDirectory.replace(/\/$/, "")}/.esop`;
}

export function deriveStorage(values: Values<typeof storageOptions>): DerivedStorage {
  const { kmsKeyId, storageLocation } = values;
  if (kmsKeyId !== undefined && !speaksS3(storageLocation.protocol)) {
    throw new AppError("usage", `encryption with a KMS key is of S3, not of ${storageLocation.protocol}`, {
      hint: "leave out --kms-key-id (and AWS_KMS_KEY_ID), or encrypt with a key of your own: --encrypt",
    });
  }
  const s3 = deriveS3(values, storageLocation);
  if (kmsKeyId !== undefined && Object.keys(s3.tags).length >= maxTags) {
    throw new AppError("usage", `with --kms-key-id an object has at most ${maxTags - 1} tags of yours`, {
      hint: "the tag kmsKey is one of them: leave an --object-tag out",
    });
  }
  return { s3, proxy: proxyOf(values.proxy) };
}

function proxyOf({ used, ...proxy }: Values<typeof proxyOptions>): HttpProxy | undefined {
  const { host, port, username, password } = proxy;
  if (!used) {
    if (host === undefined && port === undefined && username === undefined && password === undefined) {
      return undefined;
    }
    throw new AppError("usage", "a proxy is described but not used", { hint: "add --use-proxy" });
  }
  if (host === undefined || port === undefined) {
    throw new AppError("usage", "--use-proxy needs the proxy's host and port", {
      hint: "add --proxy-host and --proxy-port",
    });
  }
  if (password !== undefined && username === undefined) {
    throw new AppError("usage", "--proxy-password is given without a name", { hint: "add --proxy-username" });
  }
  return { ...proxy, host, port };
}

/** Throws `usage` for settings that do not belong together. */
export function checkJmx(jmx: JmxSettings): void {
  const { user, password, credentialsFile } = jmx;
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
  checkJmxStores(jmx);
}

function checkJmxStores({ truststore, truststorePassword, keystore, keystorePassword, clientAuth }: JmxSettings): void {
  if (truststorePassword !== undefined && truststore === undefined) {
    throw new AppError("usage", "--jmx-truststore-password is given without a truststore", {
      hint: "add --jmx-truststore",
    });
  }
  if (keystorePassword !== undefined && keystore === undefined) {
    throw new AppError("usage", "--jmx-keystore-password is given without a keystore", { hint: "add --jmx-keystore" });
  }
  if (clientAuth && keystore === undefined) {
    throw new AppError("usage", "--jmx-client-auth needs a certificate of its own", { hint: "add --jmx-keystore" });
  }
}

/** The datacenters that a global request is confined to; none is all. */
export function datacentersOf(values: Values<typeof clusterOptions>): readonly string[] {
  const names = values.datacenters?.split(",").map((name) => name.trim()) ?? [];
  if (names.includes("")) throw new AppError("usage", "--datacenter has an empty part between its commas");
  if (names.length > 0 && !values.globalRequest) {
    throw new AppError("usage", "--datacenter confines a request to the cluster, and this one is for one node", {
      hint: "add --global-request, or leave --datacenter out",
    });
  }
  return names;
}
