import type { StoreContent, StoreFile } from "./store.ts";

const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g;

/** Certificates and keys among whatever else the text holds. */
export function parsePem(text: string, file: StoreFile): StoreContent {
  const blocks = [...text.matchAll(pemBlock)].map(([block, label]) => ({ block: `${block}\n`, label: label ?? "" }));
  const certificates = blocks.filter(({ label }) => label.endsWith("CERTIFICATE")).map(({ block }) => block);
  const passphrase = file.keyPassword ?? file.password;
  const keys = blocks
    .filter(({ label }) => label.endsWith("PRIVATE KEY"))
    .map(({ block }) => ({ key: block, chain: certificates, passphrase }));
  return { certificates, keys };
}
