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
  /** Of standard error. */
  readonly logFormat: "text" | "json";
}

const secondMs = 1000;
const hourMs = 3_600_000;

export const generalOptions = {
  json: toggle("json", { group: "general", help: "print JSON, one object per line" }),
  quiet: toggle("quiet", { group: "general", help: "print only results, warnings and errors" }),
  debug: toggle("debug", { group: "general", help: "print debug messages and stack traces" }),
  logFormat: defaulted("log-format", choice(["text", "json"]), "text", {
    group: "general",
    help: "format of the messages on standard error",
  }),
  configFile: optional("config-file", file, {
    group: "general",
    defaultText: "/etc/esop/esop.yaml if it exists",
    help: "read options from this YAML file",
  }),
};

const retryOptions = {
  enabled: toggle("retry-enabled", {
    on: true,
    group: "retries",
    help: "retry requests to the store that fail with a transient error",
  }),
  intervalMs: defaulted("retry-interval", durationIn(secondMs, "SECONDS"), "1", {
    json: "retry.interval",
    group: "retries",
    help: "maximum delay before the first retry",
  }),
  strategy: defaulted("retry-strategy", choice(["linear", "exponential"]), "exponential", {
    group: "retries",
    help: "maximum delay of later retries: linear keeps it, exponential doubles it",
  }),
  maxAttempts: defaulted("retry-max-attempts", integer({ min: 1, max: 100 }), "5", {
    group: "retries",
    help: "maximum number of attempts, the first included",
  }),
};

export type RetrySettings = Values<typeof retryOptions>;

const proxyOptions = {
  used: toggle("use-proxy", {
    json: "proxySettings.useProxy",
    group: "proxy",
    help: "connect to the store through a proxy",
  }),
  host: optional("proxy-host", named(text, "HOST"), {
    json: "proxySettings.proxyHost",
    group: "proxy",
    help: "host of the proxy",
  }),
  port: optional("proxy-port", port, {
    json: "proxySettings.proxyPort",
    group: "proxy",
    help: "port of the proxy",
  }),
  protocol: defaulted("proxy-protocol", choice(["HTTP", "HTTPS"]), "HTTPS", {
    json: "proxySettings.proxyProtocol",
    group: "proxy",
    help: "protocol of the connection to the proxy",
  }),
  username: optional("proxy-username", named(text, "NAME"), {
    json: "proxySettings.proxyUsername",
    group: "proxy",
    help: "user name for the proxy",
  }),
  password: optional("proxy-password", named(text, "PASSWORD"), {
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
    help: "JMX address of the node: host, host:port, :port or a service URL",
  }),
  user: optional("jmx-user", named(text, "NAME"), { json: "jmxUser", group: "jmx", help: "user name for JMX" }),
  password: optional("jmx-password", named(text, "PASSWORD"), {
    json: "jmxPassword",
    secret: true,
    group: "jmx",
    help: "password for JMX; other users can read it on the command line",
  }),
  credentialsFile: optional("jmx-credentials", file, {
    json: "jmxCredentials",
    group: "jmx",
    help: "properties file with username, password, keystorePassword and truststorePassword",
  }),
  truststore: optional("jmx-truststore", file, {
    json: "jmxTruststore",
    group: "jmx",
    help: "truststore with CA certificates; enables TLS",
  }),
  truststorePassword: optional("jmx-truststore-password", named(text, "PASSWORD"), {
    json: "jmxTruststorePassword",
    secret: true,
    group: "jmx",
    help: "password of the truststore",
  }),
  keystore: optional("jmx-keystore", file, {
    json: "jmxKeystore",
    group: "jmx",
    help: "keystore with the client certificate and key",
  }),
  keystorePassword: optional("jmx-keystore-password", named(text, "PASSWORD"), {
    json: "jmxKeystorePassword",
    secret: true,
    group: "jmx",
    help: "password of the keystore",
  }),
  clientAuth: toggle("jmx-client-auth", {
    json: "jmxClientAuth",
    group: "jmx",
    help: "present the client certificate to the node",
  }),
};

export const jmxOptions = { jmx: jmxTable };

/** How the node's JMX port is reached; files are read and the service is parsed only when a connection is made. */
export type JmxSettings = Values<typeof jmxTable>;

/** For commands that lock a node or its repository, or remember what they have read. */
export const cacheOptions = {
  cacheDir: optional("cache-dir", directory, {
    group: "behaviour",
    defaultText: "~/.esop",
    help: "directory of the lock files and of the hash record that speeds up backups",
  }),
};

export const clusterOptions = {
  globalRequest: toggle("global-request", {
    aliases: ["globalRequest"],
    group: "cluster",
    help: "run on every node of the cluster (not supported yet)",
  }),
  datacenters: optional(
    "datacenter",
    { ...named(text, "NAMES"), commas: true },
    {
      json: "dc",
      group: "cluster",
      help: "with --global-request: only nodes in these datacenters, separated by commas (not supported yet)",
    },
  ),
};

export const timeoutOption = {
  timeoutMs: defaulted("timeout", durationIn(hourMs, "HOURS"), "5", {
    json: "timeout",
    group: "behaviour",
    help: "abort after this many hours, or after a duration such as 90min",
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
    throw new AppError("usage", `encryption with a KMS key is supported on S3, not on ${storageLocation.protocol}`, {
      hint: "leave out --kms-key-id (and AWS_KMS_KEY_ID), or encrypt with your own key: --encrypt",
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
    throw new AppError("usage", "proxy options are given without --use-proxy", { hint: "add --use-proxy" });
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
    throw new AppError("usage", "--jmx-client-auth is given without a client certificate", {
      hint: "add --jmx-keystore",
    });
  }
}

/** The datacenters that a global request is confined to; none is all. */
export function datacentersOf(values: Values<typeof clusterOptions>): readonly string[] {
  const names = values.datacenters?.split(",").map((name) => name.trim()) ?? [];
  if (names.includes("")) throw new AppError("usage", "--datacenter has an empty part between its commas");
  if (names.length > 0 && !values.globalRequest) {
    throw new AppError("usage", "--datacenter confines a request to the cluster, and this one is for one node", {
      hint: "leave --datacenter out, and run the command on every node of the datacenter",
    });
  }
  return names;
}
