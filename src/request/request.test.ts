import { describe, expect, it } from "vitest";
import { type VerbName, verbs } from "./commands/verbs.ts";
import { environmentSource, mistypedVariables } from "./options/environment.ts";
import { jsonSource } from "./options/json.ts";
import type { Source } from "./options/resolve.ts";

const context = { homeDirectory: "/home/op" };
const location = { "storage-location": "s3://b/c/d/n" };

/** What flags would give, by canonical flag. */
function flags(verb: VerbName, given: Readonly<Record<string, string | readonly string[]>>): Source {
  const keys = new Map(Object.entries(verbs[verb].options).map(([key, { flag }]) => [flag, key]));
  return new Map(
    Object.entries(given).map(([flag, value]) => {
      const key = keys.get(flag);
      if (key === undefined) throw new Error(`no flag ${flag} in ${verb}`);
      return [key, { texts: typeof value === "string" ? [value] : value, origin: `--${flag}` }];
    }),
  );
}

const backup = (given: Readonly<Record<string, string | readonly string[]>> = {}) =>
  verbs.backup.parse([flags("backup", { ...location, ...given })], context);
const restore = (given: Readonly<Record<string, string | readonly string[]>> = {}) =>
  verbs.restore.parse([flags("restore", { ...location, "snapshot-tag": "t", ...given })], context);
const list = (given: Readonly<Record<string, string | readonly string[]>> = {}) =>
  verbs.list.parse([flags("list", { ...location, ...given })], context);
const remove = (given: Readonly<Record<string, string | readonly string[]>> = {}) =>
  verbs["remove-backup"].parse([flags("remove-backup", { ...location, ...given })], context);

describe("the tables", () => {
  it.each(Object.entries(verbs))("of %s name nothing twice", (_, { options }) => {
    const all = Object.entries(options);
    const spellings = all.flatMap(([, option]) => [option.flag, ...option.aliases]);
    expect(new Set(spellings).size).toBe(spellings.length);
    const names = all.map(([key, option]) => option.json ?? key);
    expect(new Set(names).size).toBe(names.length);
    for (const taken of ["help", "h", "version", "V"]) expect(spellings).not.toContain(taken);
  });

  it("mark every password as secret", () => {
    for (const { options } of Object.values(verbs)) {
      for (const option of Object.values(options))
        expect(option.secret).toBe(/(password|passphrase)$/.test(option.flag));
    }
  });

  it("say things as help wants them", () => {
    for (const { options, summary } of Object.values(verbs)) {
      for (const clause of [summary, ...Object.values(options).map(({ help }) => help)]) {
        expect(clause).not.toMatch(/\.$|^$/);
      }
    }
  });
});

describe("backup requests", () => {
  it("have the documented defaults", () => {
    expect(backup()).toMatchObject({
      storageLocation: { protocol: "s3", bucket: "b" },
      entities: { kind: "all" },
      dataDirs: [],
      concurrentConnections: 10,
      refreshOlderThanMs: 86_400_000,
      timeoutMs: 18_000_000,
      hashAlgorithm: "SHA-256",
      retry: { enabled: true, strategy: "exponential" },
      jmx: { service: "127.0.0.1:7199", clientAuth: false },
      dryRun: false,
      cacheDir: "/home/op/.esop",
    });
    expect(backup().snapshotTag).toBeUndefined();
    expect(backup().proxy).toBeUndefined();
  });

  it("hold no general option, and refuse a wrong one", () => {
    expect(Object.keys(backup({ debug: "true" }))).not.toEqual(expect.arrayContaining(["debug"]));
    expect(() => backup({ debug: "maybe" })).toThrow("--debug: 'maybe' is neither true nor false");
  });

  it("carry units in base units", () => {
    const request = backup({ bandwidth: "10MB/s", duration: "1h", timeout: "90min", "retry-interval": "2" });
    expect(request.bandwidthBytesPerSecond).toBe(10 * 1024 * 1024);
    expect(request.durationMs).toBe(3_600_000);
    expect(request.timeoutMs).toBe(5_400_000);
    expect(request.retry.intervalMs).toBe(2000);
  });

  it("can turn off what is on", () => {
    expect(backup({ "retry-enabled": "false" }).retry.enabled).toBe(false);
  });

  it("describe a proxy only as a whole", () => {
    const proxy = { "use-proxy": "true", "proxy-host": "p", "proxy-port": "3128", "proxy-protocol": "http" };
    expect(backup(proxy).proxy).toEqual({
      protocol: "HTTP",
      host: "p",
      port: 3128,
      username: undefined,
      password: undefined,
    });
    expect(() => backup({ "proxy-host": "p" })).toThrow("proxy options are given without --use-proxy");
    expect(() => backup({ "use-proxy": "true", "proxy-host": "p" })).toThrow("needs the proxy's host and port");
    expect(() => backup({ ...proxy, "proxy-password": "x" })).toThrow("--proxy-password is given without a name");
  });

  it("say how the store is spoken to", () => {
    const { s3 } = backup({
      endpoint: "https://s3.example.com",
      region: "eu-west-1",
      "path-style": "on",
      "ca-file": "/ca.pem",
      "storage-class": "STANDARD_IA",
      "sse-kms-key-id": "alias/k",
      "object-tag": ["team=db", "note=a=b"],
    });
    expect(s3).toEqual({
      endpoint: "https://s3.example.com",
      region: "eu-west-1",
      pathStyle: true,
      caFile: "/ca.pem",
      storageClass: "STANDARD_IA",
      encryption: { kind: "kms", keyId: "alias/k" },
      tags: { team: "db", note: "a=b" },
    });
    const onAzure = { "storage-location": "azure://b/c/d/n", "storage-class": "Cool", "object-tag": "a=b" };
    expect(backup(onAzure).s3).toMatchObject({ storageClass: "Cool", tags: { a: "b" } });
    expect(backup().s3.pathStyle).toBeUndefined();
    const cold = backup({ "storage-location": "gcp://b", "storage-class": "NEARLINE", "object-tag": "team=db" });
    expect(cold.s3).toMatchObject({ storageClass: "NEARLINE", tags: { team: "db" } });
    expect(backup({ "server-side-encryption": "aes256" }).s3.encryption).toEqual({ kind: "s3" });
    expect(backup({ "sse-customer-key-file": "/k" }).s3.encryption).toEqual({ kind: "customer", keyFile: "/k" });
  });

  it.each([
    [{ "server-side-encryption": "AES256", "sse-kms-key-id": "k" }, "--sse-kms-key-id is for aws:kms"],
    [{ "sse-customer-key-file": "/k", "sse-kms-key-id": "k" }, "--sse-customer-key-file excludes"],
    [{ "storage-class": "DEEP_ARCHIVE" }, "cannot be read when a restore needs them"],
    [{ "object-tag": "team" }, "'team' is not an object tag"],
    [{ "object-tag": "a=b&c" }, "'a=b&c' is not an object tag"],
    [{ "object-tag": ["a=1", "a=2"] }, "the object tag 'a' is given twice"],
    [{ "object-tag": Array.from({ length: 11 }, (_, i) => `t${i}=x`) }, "at most 10 tags"],
    [{ "storage-location": "file:///a/b", "storage-class": "STANDARD_IA" }, "are of object stores, not of file"],
    [{ "storage-location": "azure://b/c/d/n", "storage-class": "archive" }, "cannot be read when a restore needs them"],
    [{ "storage-location": "azure://b/c/d/n", "server-side-encryption": "AES256" }, "is of S3, not of azure"],
    [{ "storage-location": "gcp://b", "sse-customer-key-file": "/k" }, "is of S3, not of gcp"],
  ])("refuse of S3 %j", (given, complaint) => {
    expect(() => backup(given)).toThrow(complaint);
  });

  it.each([
    [{ "jmx-password": "x" }, "--jmx-password is given without a name"],
    [{ "jmx-user": "x" }, "--jmx-user is given without a password"],
    [{ "jmx-credentials": "f", "jmx-user": "x", "jmx-password": "y" }, "both as a file and as options"],
    [{ "jmx-client-auth": "true" }, "--jmx-client-auth is given without a client certificate"],
    [{ "jmx-keystore-password": "x" }, "without a keystore"],
    [{ "jmx-truststore-password": "x" }, "without a truststore"],
    [{ datacenter: "dc1" }, "--datacenter confines a request to the cluster"],
    [{ "global-request": "true", datacenter: "dc1,,dc2" }, "--datacenter has an empty part"],
    [{ "data-dir": ["/a", "/a"] }, "the same --data-dir is given twice"],
    [{ bandwidth: "0" }, "--bandwidth: '0' is not a data rate"],
    [{ duration: "0s" }, "--duration: '0s' is not greater than zero"],
    [{ "concurrent-connections": "0" }, "--concurrent-connections: 0 is out of range"],
    [{ "hash-algorithm": "md5" }, "--hash-algorithm: 'md5' is not one of SHA-256, CRC, NONE"],
    [{ "dry-run": "maybe" }, "--dry-run: 'maybe' is neither true nor false"],
    [{ timeout: ["1", "2"] }, "--timeout is given 2 times"],
  ])("refuse %j", (given, complaint) => {
    expect(() => backup(given)).toThrow(complaint);
    expect(() => backup(given)).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it("do not advise what is not supported", () => {
    expect(() => backup({ datacenter: "dc1" })).toThrow(
      expect.objectContaining({ hint: expect.not.stringContaining("--global-request") }),
    );
  });

  it("never show a password in a complaint", () => {
    expect(() => backup({ "jmx-password": ["tiger", "lion"] })).toThrow(/^--jmx-password is given 2 times$/);
    expect(() => backup({ "jmx-password": "", "jmx-user": "x" })).toThrow("--jmx-password: the value cannot be right");
  });

  it("need a location, and say how to give it", () => {
    expect(() => verbs.backup.parse([], context)).toThrow(
      expect.objectContaining({
        message: "--storage-location is missing",
        hint: "add --storage-location LOCATION, or set ESOP_STORAGE_LOCATION",
      }),
    );
  });
});

describe("restore requests", () => {
  it("have the documented defaults", () => {
    expect(restore()).toMatchObject({ snapshotTag: "t", configDirectory: "/etc/cassandra/", rename: [], dataDirs: [] });
    expect(restore().strategy).toBeUndefined();
    expect(restore().phase).toBeUndefined();
  });

  it("take strategies and phases in any case", () => {
    const request = restore({ "restoration-strategy-type": "hardlinks", "restoration-phase-type": "DOWNLOAD" });
    expect([request.strategy, request.phase]).toEqual(["HARDLINKS", "download"]);
  });

  it.each([
    ["IN_PLACE", { "import-quick": "true" }, "--import-quick is for IMPORT"],
    ["IN_PLACE", { "import-no-verify-tokens": "true" }, "--import-no-verify-tokens is for IMPORT"],
    ["IN_PLACE", { "import-source-dir": "/x" }, "--import-source-dir is for HARDLINKS and IMPORT"],
    ["IN_PLACE", { rename: "k.a=k.b", entities: "k.a" }, "--rename is for HARDLINKS and IMPORT"],
    ["IN_PLACE", { "restoration-phase-type": "truncate" }, "IN_PLACE has only init and cleanup"],
    ["HARDLINKS", { "import-keep-level": "true" }, "--import-keep-level is for IMPORT"],
    ["HARDLINKS", { "restore-system-keyspace": "true" }, "--restore-system-keyspace is for IN_PLACE"],
    ["IMPORT", { "restore-system-keyspace": "true" }, "--restore-system-keyspace is for IN_PLACE"],
    ["IMPORT", { "update-cassandra-yaml": "true" }, "--update-cassandra-yaml is for IN_PLACE"],
    ["IMPORT", { "import-extended-verify": "true", "import-quick": "true" }, "exclude each other"],
    ["IMPORT", { "single-phase": "true" }, "--single-phase is given without a phase"],
    ["IMPORT", { rename: "k.a=k.b" }, "only when the entities are named"],
  ])("refuse, with %s, %j", (strategy, given, complaint) => {
    expect(() => restore({ "restoration-strategy-type": strategy, ...given })).toThrow(complaint);
  });

  it("allow each strategy its own", () => {
    expect(
      restore({ "restoration-strategy-type": "IN_PLACE", "restore-system-keyspace": "true" }).restoreSystemKeyspace,
    ).toBe(true);
    const imported = restore({
      "restoration-strategy-type": "IMPORT",
      "import-quick": "true",
      "import-source-dir": "/x",
    });
    expect(imported.import.quick).toBe(true);
    expect(restore({ "restoration-strategy-type": "HARDLINKS", "import-source-dir": "/x" }).import.sourceDir).toBe(
      "/x",
    );
  });
});

describe("list and remove requests", () => {
  it("read what to list", () => {
    expect(list({ "from-timestamp": "1795398368", "last-n": "3", json: "true" })).toMatchObject({
      fromTimestampMs: 1_795_398_368_000,
      lastN: 3,
      json: true,
    });
    expect(() => list({ "last-n": "0" })).toThrow("--last-n: 0 is out of range");
  });

  it("remove by exactly one rule", () => {
    expect(remove({ name: "x" })).toMatchObject({ backupName: "x", oldest: false, dry: false });
    expect(remove({ "older-than": "14day", rate: "1h" })).toMatchObject({
      olderThanMs: 1_209_600_000,
      rateMs: 3_600_000,
    });
    expect(remove({ oldest: "true", "global-request": "true", dcs: ["a,b", "c", "a"] }).dcs).toEqual(["a", "b", "c"]);
    expect(() => remove()).toThrow("no backup to remove is selected");
    expect(() => remove({ name: "x", oldest: "true" })).toThrow("--name and --oldest exclude each other");
    expect(() => remove({ oldest: "true", "older-than": "1d" })).toThrow(
      "--oldest and --older-than exclude each other",
    );
    expect(() => remove({ name: "x", rate: "1h" })).toThrow("--rate repeats a removal");
    expect(() => remove({ oldest: "true", dcs: "a" })).toThrow("--dcs confines a request to the cluster");
  });
});

describe("sources", () => {
  it("let the first that gives an option win", () => {
    const environment = environmentSource(verbs.backup.options, {
      ESOP_STORAGE_LOCATION: "s3://env",
      ESOP_TIMEOUT: "2",
      ESOP_ENTITIES: "",
      ESOP_DATA_DIR: "/a, /b",
      UNRELATED: "x",
    });
    const request = verbs.backup.parse([flags("backup", { timeout: "1" }), environment], context);
    expect(request).toMatchObject({ storageLocation: { bucket: "env" }, timeoutMs: 3_600_000, dataDirs: ["/a", "/b"] });
    expect(request.entities).toEqual({ kind: "all" });
  });

  it("read foreign variables after ours", () => {
    const read = (environment: Record<string, string>) =>
      verbs.backup.parse([flags("backup", location), environmentSource(verbs.backup.options, environment)], context)
        .kmsKeyId;
    expect(read({ AWS_KMS_KEY_ID: "aws" })).toBe("aws");
    expect(read({ AWS_KMS_KEY_ID: "aws", ESOP_KMS_KEY_ID: "ours" })).toBe("ours");
  });

  it("read the variables of Esop and of the SDK for the store", () => {
    const read = (environment: Record<string, string>) =>
      verbs.backup.parse([flags("backup", location), environmentSource(verbs.backup.options, environment)], context).s3;
    expect(read({ AWS_ENABLE_PATH_STYLE_ACCESS: "true", AWS_CA_BUNDLE: "/ca" })).toMatchObject({
      pathStyle: true,
      caFile: "/ca",
    });
    // These are of S3 alone, whose driver reads them.
    expect(read({ AWS_ENDPOINT: "http://a", AWS_REGION: "r" })).toMatchObject({
      endpoint: undefined,
      region: undefined,
    });
    expect(read({ AWS_ENABLE_PATH_STYLE_ACCESS: "false" }).pathStyle).toBe(false);
  });

  it("name the variable in complaints", () => {
    const environment = environmentSource(verbs.backup.options, { ESOP_DURATION: "soon" });
    expect(() => verbs.backup.parse([flags("backup", location), environment], context)).toThrow(
      "ESOP_DURATION (for --duration): 'soon' is not a duration",
    );
  });

  it("notice mistyped variables", () => {
    const tables = Object.values(verbs).map(({ options }) => options);
    expect(
      mistypedVariables(tables, { ESOP_BANDWITH: "1", ESOP_OLDER_THAN: "1d", ESOP_QQQQQQ: "", HOME: "/" }),
    ).toEqual([{ name: "ESOP_BANDWITH", meant: "ESOP_BANDWIDTH" }]);
  });
});

describe("JSON requests", () => {
  const read = <Name extends "backup" | "restore">(verb: Name, body: unknown) =>
    verbs[verb].parse([jsonSource(verbs[verb].options, body)], context);

  it("have the sidecar's field names", () => {
    expect(
      read("backup", {
        type: "backup",
        storageLocation: "s3://b/c/d/n",
        snapshotTag: "t",
        entities: "ks1,ks2",
        dataDirs: ["/a"],
        duration: "1h",
        bandwidth: "10MB/s",
        concurrentConnections: 3,
        timeout: 2,
        globalRequest: true,
        dc: "dc1,dc2",
        insecure: true,
        createMissingBucket: true,
        skipBucketVerification: true,
        skipRefreshing: true,
        uploadClusterTopology: true,
        proxySettings: { useProxy: true, proxyHost: "p", proxyPort: 1 },
        retry: { enabled: true, interval: 3, strategy: "linear", maxAttempts: 2 },
        kmsKeyId: null,
        endpoint: "http://e",
        objectTags: { a: "b" },
      }),
    ).toMatchObject({
      snapshotTag: "t",
      dataDirs: ["/a"],
      concurrentConnections: 3,
      timeoutMs: 7_200_000,
      datacenters: ["dc1", "dc2"],
      insecureHttp: true,
      proxy: { host: "p", port: 1 },
      retry: { intervalMs: 3000, strategy: "linear", maxAttempts: 2 },
      kmsKeyId: undefined,
      s3: { endpoint: "http://e", tags: { a: "b" } },
    });
    expect(
      read("restore", {
        storageLocation: "s3://b/c/d/n",
        snapshotTag: "t",
        entities: "ks.a",
        restorationStrategyType: "IMPORT",
        restorationPhase: "DOWNLOAD",
        import: { type: "import", sourceDir: "/x", keepLevel: true },
        noDeleteTruncates: true,
        noDeleteDownloads: true,
        noDownloadData: true,
        newCluster: true,
        resolveHostIdFromTopology: true,
        rename: { "ks.a": "ks.b" },
        singlePhase: true,
        globalRequest: true,
      }),
    ).toMatchObject({
      strategy: "IMPORT",
      phase: "download",
      import: { sourceDir: "/x", keepLevel: true },
      noDeleteTruncates: true,
      restoreIntoNewCluster: true,
      rename: [{ from: { keyspace: "ks", table: "a" }, to: { keyspace: "ks", table: "b" } }],
    });
  });

  it.each([
    [[], "is not a JSON object"],
    [null, "is not a JSON object"],
    [{ storageLocatoin: "s3://b" }, "unknown field 'storageLocatoin'"],
    [{ storageLocation: ["s3://b"] }, "field 'storageLocation' has a wrong shape"],
    [{ storageLocation: { bucket: "b" } }, "field 'storageLocation' has a wrong shape"],
    [{ dataDirs: [["/a"]] }, "field 'dataDirs' has a wrong shape"],
    [{ retry: { intervall: 1 } }, "unknown field 'retry.intervall'"],
    [{ retry: 3 }, "unknown field 'retry'"],
    [{ storageLocation: "s3://b/c" }, "field 'storageLocation': 's3://b/c' is not a storage location"],
    [{ storageLocation: "s3://b", dryRun: 3 }, "field 'dryRun': '3' is neither true nor false"],
    [{ __proto__: null, constructor: 1 }, "unknown field 'constructor'"],
  ])("refuse %j", (body, complaint) => {
    expect(() => read("backup", body)).toThrow(complaint);
  });
});
