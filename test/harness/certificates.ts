import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import forge from "node-forge";

const { md, pki } = forge;

export interface Certificates {
  /** PEM of the authority that signed the server's certificate. */
  readonly authorityFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** An authority that nobody knows, and a certificate of it for 127.0.0.1 and these hosts, as files of the directory. */
export async function makeCertificates(directory: string, hosts: readonly string[] = []): Promise<Certificates> {
  const authorityKeys = pki.rsa.generateKeyPair(2048);
  const keys = pki.rsa.generateKeyPair(2048);
  const authority = certificate("01", "an unknown authority", authorityKeys.publicKey);
  authority.setIssuer(authority.subject.attributes);
  authority.setExtensions([{ name: "basicConstraints", cA: true }]);
  authority.sign(authorityKeys.privateKey, md.sha256.create());
  const server = certificate("02", "127.0.0.1", keys.publicKey);
  server.setIssuer(authority.subject.attributes);
  server.setExtensions([
    { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }, ...hosts.map((value) => ({ type: 2, value }))] },
  ]);
  server.sign(authorityKeys.privateKey, md.sha256.create());
  const files = {
    authorityFile: join(directory, "authority.pem"),
    // Named as MinIO looks for them.
    certificateFile: join(directory, "server", "public.crt"),
    keyFile: join(directory, "server", "private.key"),
  };
  await mkdir(join(directory, "server"));
  await writeFile(files.authorityFile, pki.certificateToPem(authority));
  await writeFile(files.certificateFile, pki.certificateToPem(server));
  await writeFile(files.keyFile, pki.privateKeyToPem(keys.privateKey));
  return files;
}

function certificate(
  serialNumber: string,
  commonName: string,
  publicKey: forge.pki.rsa.PublicKey,
): forge.pki.Certificate {
  const made = pki.createCertificate();
  made.serialNumber = serialNumber;
  made.publicKey = publicKey;
  const day = 24 * 3600 * 1000;
  made.validity.notBefore = new Date(Date.now() - day);
  made.validity.notAfter = new Date(Date.now() + 30 * day);
  made.setSubject([{ name: "commonName", value: commonName }]);
  return made;
}
