import { createPrivateKey, X509Certificate } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { connectJmx } from "../../../src/jmx/connect.ts";
import { type JmxConnection, type JmxOptions, type JmxTls, jmx } from "../../../src/jmx/jmx.ts";
import { parseJks } from "../../../src/jmx/tls/jks.ts";
import { readStore } from "../../../src/jmx/tls/read-store.ts";
import type { StoreContent } from "../../../src/jmx/tls/store.ts";
import { compileAgent, freePort, type JmxAgent, jdks, knownJdks, startAgent } from "../../harness/jmx-agent.ts";
import { patient } from "../../harness/patience.ts";
import { keyPassword, makeTlsStores, storePassword, type TlsStores } from "../../harness/tls-stores.ts";

const target = "test:type=Target";
const resources = new AsyncDisposableStack();
let classes = "";
let stores: TlsStores;

beforeAll(async () => {
  const [jdk] = jdks;
  if (jdk === undefined) return;
  ({ classes } = resources.use(await compileAgent()));
  stores = resources.use(await makeTlsStores(jdk, classes));
}, patient(60_000));

afterAll(() => resources.disposeAsync());

async function start(options: Omit<Parameters<typeof startAgent>[0], "classes">): Promise<JmxAgent> {
  return resources.use(await startAgent({ classes, ...options }));
}

function connect(port: number, options: Partial<JmxOptions> = {}): Promise<JmxConnection> {
  return connectJmx({ target: { host: "127.0.0.1", port, name: "jmxrmi" }, ...options });
}

function serverTls(): Record<string, string> {
  return {
    "com.sun.management.jmxremote.ssl": "true",
    "javax.net.ssl.keyStore": stores.path("server.jks"),
    "javax.net.ssl.keyStorePassword": storePassword,
  };
}

/** The error of a promise that must not succeed. */
async function failure(promise: Promise<unknown>): Promise<AppError> {
  const outcome = await promise.catch((error: unknown) => error);
  if (outcome instanceof AppError) return outcome;
  throw new Error("no AppError, but", { cause: outcome });
}

describe.each(knownJdks)("$label, in $home (skipped when it is not there)", (jdk) => {
  describe("a server with passwords, strict serial filters and proxies for stubs", {
    skip: !jdks.includes(jdk),
  }, () => {
    let agent: JmxAgent;

    beforeAll(async () => {
      const filter = "java.lang.*;java.util.*;javax.management.ObjectName;javax.management.Attribute;";
      const file = (name: string) => stores.path(`${jdk.label.replace(" ", "-")}.${name}`);
      await writeFile(file("password"), "admin right\nviewer right\n");
      await writeFile(file("access"), "admin readwrite\nviewer readonly\n");
      await chmod(file("password"), 0o600);
      agent = await start({
        jdk,
        properties: {
          "com.sun.management.jmxremote.serial.filter.pattern": `${filter}java.rmi.MarshalledObject;!*`,
          "java.rmi.server.ignoreStubClasses": "true",
          "com.sun.management.jmxremote.authenticate": "true",
          "com.sun.management.jmxremote.password.file": file("password"),
          "com.sun.management.jmxremote.access.file": file("access"),
        },
      });
    }, patient(60_000));

    it("lets in who gives the right one", async () => {
      await using connection = await connect(agent.port, { credentials: { username: "admin", password: "right" } });
      await connection.setAttribute(target, "Number", jmx.int(1));
      expect(await connection.getAttribute(target, "Number")).toBe(1);
    });

    it.each([
      ["a wrong password", { username: "admin", password: "wrong" }],
      ["an unknown user", { username: "nobody", password: "right" }],
    ])("turns away %s", async (_, credentials) => {
      expect(await failure(connect(agent.port, { credentials }))).toMatchObject({
        code: "unauthorized",
        hint: expect.stringContaining("check"),
      });
    });

    it("asks for credentials", async () => {
      expect(await failure(connect(agent.port))).toMatchObject({
        code: "unauthorized",
        message: expect.stringContaining("asks for credentials"),
      });
    });

    it("accepts all that is ever sent", async () => {
      await using connection = await connect(agent.port, { credentials: { username: "admin", password: "right" } });
      await connection.setAttribute(target, "Tags", jmx.stringArray(["a"]));
      const everything = jmx.list([jmx.int(1), jmx.long(1n), jmx.double(1), true, jmx.stringMap({ a: "b" })]);
      expect(await connection.invoke(target, "describe", [everything], ["java.lang.Object"])).toContain("{a=b}");
      const set = jmx.list([jmx.stringSet(["x"])]);
      expect(await connection.invoke(target, "describe", [set], ["java.lang.Object"])).toContain("[x]");
      expect(await connection.getAttributes(target, ["Tags"])).toEqual(new Map([["Tags", ["a"]]]));
      expect(await connection.queryNames("test:*")).toHaveLength(2);
      expect((await connection.getMBeanInfo(target)).operations.length).toBeGreaterThan(5);
      expect(await connection.isInstanceOf(target, "java.lang.Object")).toBe(true);
    });

    it("refuses calls a user may not make", async () => {
      await using connection = await connect(agent.port, { credentials: { username: "viewer", password: "right" } });
      expect(await connection.isRegistered(target)).toBe(true);
      const refused = await failure(connection.setAttribute(target, "Number", jmx.int(1)));
      expect(refused).toMatchObject({ code: "unauthorized", message: expect.stringContaining("Access denied") });
      expect(await connection.isRegistered(target)).toBe(true);
    });
  });

  describe("a server with tls", { skip: !jdks.includes(jdk) }, () => {
    let agent: JmxAgent;
    const trusting = (tls: Partial<JmxTls> = {}): JmxTls => ({
      truststore: { path: stores.path("trust.pem") },
      registry: false,
      ...tls,
    });

    beforeAll(async () => {
      agent = await start({
        jdk,
        properties: {
          ...serverTls(),
          "com.sun.management.jmxremote.registry.ssl": "false",
          "com.sun.management.jmxremote.rmi.port": String(await freePort()),
        },
      });
    }, patient(60_000));

    it.each(["trust.pem", "trust.jks", "trust.p12", "trust-legacy.p12", "server.jks"])(
      "is trusted by %s",
      async (name) => {
        const tls = trusting({ truststore: { path: stores.path(name), password: storePassword } });
        await using connection = await connect(agent.port, { tls });
        expect(await connection.isRegistered(target)).toBe(true);
        expect(await connection.invoke(target, "text", [jmx.int(200_000)], ["int"])).toHaveLength(200_000);
      },
    );

    it("is not trusted without its certificate", async () => {
      expect(await failure(connect(agent.port, { tls: { registry: false } }))).toMatchObject({
        code: "unauthorized",
        hint: expect.stringContaining("truststore"),
      });
      const other = trusting({ truststore: { path: stores.path("client.crt") } });
      expect(await failure(connect(agent.port, { tls: other }))).toMatchObject({ code: "unauthorized" });
    });

    it("must be the host that was asked for, unless that is waived", async () => {
      const byName = (tls: JmxTls) =>
        connectJmx({ target: { host: "localhost", port: agent.port, name: "jmxrmi" }, tls });
      expect(await failure(byName(trusting()))).toMatchObject({
        code: "unauthorized",
        message: expect.stringContaining("another host"),
      });
      await using connection = await byName(trusting({ verifyHostname: false }));
      expect(await connection.isRegistered(target)).toBe(true);
    });

    it("says that it wants tls", async () => {
      expect(await failure(connect(agent.port))).toMatchObject({
        code: "protocol",
        message: expect.stringContaining("tls"),
      });
    });

    it("has a registry that does not want it", async () => {
      expect(await failure(connect(agent.port, { tls: trusting({ registry: true }) }))).toMatchObject({
        code: "protocol",
      });
    });
  });

  describe("a server with tls all over, that wants certificates of its clients", { skip: !jdks.includes(jdk) }, () => {
    let agent: JmxAgent;
    const trust = () => ({ truststore: { path: stores.path("trust.p12"), password: storePassword } });

    beforeAll(async () => {
      agent = await start({
        jdk,
        properties: {
          ...serverTls(),
          "com.sun.management.jmxremote.registry.ssl": "true",
          "com.sun.management.jmxremote.ssl.need.client.auth": "true",
          "javax.net.ssl.trustStore": stores.path("server-trust.p12"),
          "javax.net.ssl.trustStorePassword": storePassword,
        },
      });
    }, patient(60_000));

    it.each([
      ["client.p12", { password: storePassword }],
      ["client-ec.p12", { password: storePassword }],
      ["client.jks", { password: storePassword, keyPassword }],
      ["client-ec.jks", { password: storePassword, keyPassword }],
      ["client.pem", { password: keyPassword }],
    ])("lets in the holder of %s", async (name, passwords) => {
      const tls = { ...trust(), keystore: { path: stores.path(name), ...passwords } };
      await using connection = await connect(agent.port, { tls });
      expect(await connection.isRegistered(target)).toBe(true);
    });

    it("turns away who has no certificate", async () => {
      expect(await failure(connect(agent.port, { tls: trust() }))).toMatchObject({
        code: "unauthorized",
        hint: expect.stringContaining("keystore"),
      });
    });

    it("turns away a certificate it does not know", async () => {
      const keystore = { path: stores.path("server.jks"), password: storePassword };
      expect(await failure(connect(agent.port, { tls: { ...trust(), keystore } }))).toMatchObject({
        code: "unauthorized",
      });
    });

    it("says that its port speaks tls", async () => {
      expect(await failure(connect(agent.port))).toMatchObject({
        code: "protocol",
        message: expect.stringContaining("speaks tls"),
      });
    });
  });
});

describe.runIf(jdks.length > 0)("stores", () => {
  const read = (name: string, passwords: object = { password: storePassword }) =>
    readStore({ path: stores.path(name), ...passwords });

  it.each([
    ["trust.pem", 1, 0],
    ["trust.jks", 1, 0],
    ["trust.p12", 1, 0],
    ["trust-legacy.p12", 1, 0],
    ["server-trust.p12", 2, 0],
    ["server.jks", 0, 1],
    ["client.p12", 1, 1],
    ["client-ec.p12", 1, 1],
  ])("%s holds %d certificates and %d keys", async (name, certificates, keys) => {
    const store = await read(name);
    expect([store.certificates.length, store.keys.length]).toEqual([certificates, keys]);
    const all = [...store.certificates, ...store.keys.flatMap(({ chain }) => chain)];
    for (const certificate of all) expect(new X509Certificate(certificate).subject).toBe("CN=test");
  });

  it("hold the same key in either format", async () => {
    const keyOf = ({ keys: [own] }: StoreContent) => createPrivateKey(own?.key ?? "").export({ format: "jwk" });
    for (const name of ["client", "client-ec"]) {
      const [p12, jks] = [
        await read(`${name}.p12`),
        await read(`${name}.jks`, { password: storePassword, keyPassword }),
      ];
      expect(keyOf(jks)).toEqual(keyOf(p12));
    }
  });

  it.each([
    ["trust.jks", { password: "wrong" }],
    ["client.jks", { password: storePassword, keyPassword: "wrong" }],
    ["trust.p12", { password: "wrong" }],
    ["client.p12", { password: "wrong" }],
    ["client.p12", {}],
  ])("%s does not open with another password", async (name, passwords) => {
    expect(await failure(read(name, passwords))).toMatchObject({ code: "unauthorized" });
  });

  it("show certificates without a password, where java does too", async () => {
    expect((await read("trust.jks", {})).certificates).toHaveLength(1);
  });

  it("must be there", async () => {
    expect(await failure(read("none"))).toMatchObject({ code: "not-found" });
  });

  it("must be of a known kind", async () => {
    for (const content of ["", "text", "\xce\xce\xce\xce"]) {
      await writeFile(stores.path("other"), content, "latin1");
      expect(await failure(read("other"))).toMatchObject({ code: "unsupported" });
    }
  });

  it("may be damaged in any way", async () => {
    const bytes = await readFile(stores.path("client.jks"));
    for (let at = 4; at < bytes.length; at += 3) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0xff, at);
      for (const password of [storePassword, undefined]) {
        const file = { path: "x", ...(password === undefined ? {} : { password }), keyPassword };
        const outcome = attempt(() => parseJks(damaged, file));
        if (password !== undefined) expect(outcome).toMatchObject({ code: "unauthorized" });
        else expect(outcome === undefined || outcome instanceof AppError).toBe(true);
      }
    }
    for (let end = 0; end < bytes.length; end += 50) {
      const outcome = attempt(() => parseJks(bytes.subarray(0, end), { path: "x" }));
      expect(outcome === undefined || outcome instanceof AppError).toBe(true);
    }
  });

  it("must hold what they are given for", async () => {
    const keyless = { keystore: { path: stores.path("trust.pem") } };
    expect(await failure(connect(1, { tls: keyless }))).toMatchObject({ code: "unsupported" });
    await writeFile(stores.path("empty.pem"), "-----BEGIN X-----\nAAAA\n-----END X-----\n");
    const empty = { truststore: { path: stores.path("empty.pem") } };
    expect(await failure(connect(1, { tls: empty }))).toMatchObject({ code: "unsupported" });
    const locked = { keystore: { path: stores.path("client.pem"), password: "wrong" } };
    expect(await failure(connect(1, { tls: locked }))).toMatchObject({ code: "unauthorized" });
  });
});

/** What a function throws. */
function attempt(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
