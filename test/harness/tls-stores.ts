import { execFile } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { readStore } from "../../src/jmx/tls/read-store.ts";
import type { Jdk } from "./jmx-agent.ts";

const run = promisify(execFile);

export const storePassword = "store secret";
export const keyPassword = "key secret";

/** Stores made by a JDK's keytool (`classes` are those of compileAgent); each holds what its name says, in the format of its name. */
export interface TlsStores extends AsyncDisposable {
  readonly directory: string;
  path(name: string): string;
}

/**
 * server.jks (key of a server that is 127.0.0.1 and no other host), server-trust.p12 (the clients' certificates);
 * trust.{pem,jks,p12} and trust-legacy.p12 (the server's certificate); client.{p12,jks,pem} and client-ec.{p12,jks}
 * (keys of clients; the keys in the .jks and the .pem have their own password).
 */
export async function makeTlsStores(jdk: Jdk, classes: string): Promise<TlsStores> {
  const directory = await mkdtemp(join(tmpdir(), "tls-stores-"));
  const path = (name: string) => join(directory, name);
  await keytool(
    jdk,
    classes,
    [],
    [
      make(path("server.jks"), "JKS", "RSA", "-keypass", storePassword, "-ext", "SAN=ip:127.0.0.1"),
      exportCertificate(path("server.jks"), path("trust.pem")),
      trust(path("trust.pem"), path("trust.p12"), "PKCS12"),
      trust(path("trust.pem"), path("trust.jks"), "JKS"),
      make(path("client.p12"), "PKCS12", "RSA"),
      make(path("client-ec.p12"), "PKCS12", "EC", "-groupname", "secp256r1"),
      exportCertificate(path("client.p12"), path("client.crt")),
      exportCertificate(path("client-ec.p12"), path("client-ec.crt")),
      trust(path("client.crt"), path("server-trust.p12"), "PKCS12"),
      trust(path("client-ec.crt"), path("server-trust.p12"), "PKCS12"),
      toJks(path("client.p12"), path("client.jks")),
      toJks(path("client-ec.p12"), path("client-ec.jks")),
    ],
  );
  await Promise.all([
    keytool(jdk, classes, ["-Dkeystore.pkcs12.legacy"], [trust(path("trust.pem"), path("trust-legacy.p12"), "PKCS12")]),
    writePem(path("client.p12"), path("client.pem")),
  ]);
  return { directory, path, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

type Command = readonly string[];

/** All in one JVM: starting one takes longer than what each command does. */
async function keytool(jdk: Jdk, classes: string, flags: Command, commands: readonly Command[]): Promise<void> {
  const fast = ["-XX:TieredStopAtLevel=1", "--add-exports=java.base/sun.security.tools.keytool=ALL-UNNAMED"];
  const args = commands.flatMap((command) => [...command, "--"]);
  await run(join(jdk.home, "bin", "java"), [...fast, ...flags, "-cp", classes, "Keytool", ...args]);
}

function make(store: string, type: string, algorithm: string, ...more: Command): Command {
  return [
    ...["-genkeypair", "-keystore", store, "-storetype", type, "-storepass", storePassword, "-alias", "own"],
    ...["-dname", "CN=test", "-keyalg", algorithm, "-validity", "30", ...more],
  ];
}

function exportCertificate(store: string, to: string): Command {
  return ["-exportcert", "-rfc", "-keystore", store, "-storepass", storePassword, "-alias", "own", "-file", to];
}

function trust(certificate: string, store: string, type: string): Command {
  return [
    ...["-importcert", "-noprompt", "-keystore", store, "-storetype", type, "-storepass", storePassword],
    ...["-alias", certificate, "-file", certificate],
  ];
}

function toJks(from: string, to: string): Command {
  return [
    ...["-importkeystore", "-srckeystore", from, "-srcstorepass", storePassword, "-srcalias", "own"],
    ...["-destkeystore", to, "-deststoretype", "JKS", "-deststorepass", storePassword, "-destkeypass", keyPassword],
  ];
}

/** Certificate and encrypted key of a store, as one PEM file. */
async function writePem(from: string, to: string): Promise<void> {
  const { keys } = await readStore({ path: from, password: storePassword });
  const [own] = keys;
  if (own === undefined) throw new Error(`${from} holds no key`);
  const key = createPrivateKey(own.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: keyPassword,
  });
  await writeFile(to, `${own.chain.join("")}${key}`);
}
