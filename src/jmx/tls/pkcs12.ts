import forge from "node-forge";
import { type StoreContent, type StoredKey, type StoreFile, toPem, wrongPassword } from "./store.ts";

type Bag = forge.pkcs12.Bag;

const bagType = {
  key: "1.2.840.113549.1.12.10.1.1",
  encryptedKey: "1.2.840.113549.1.12.10.1.2",
  certificate: "1.2.840.113549.1.12.10.1.3",
} as const;

/**
 * PKCS12 as Java writes it, old ciphers and stores without a key included, which Node's own reader refuses. Throws
 * `unauthorized` for a wrong password.
 */
export function parsePkcs12(bytes: Buffer, file: StoreFile): StoreContent {
  const store = open(bytes, file);
  const certificates = bagsOf(store, bagType.certificate);
  const keyBags = [...bagsOf(store, bagType.encryptedKey), ...bagsOf(store, bagType.key)];
  const chain = certificates.map(certificatePem);
  const keys = keyBags.map((bag): StoredKey => {
    const own = certificates.findIndex((other) => sameLocalKey(bag, other));
    return {
      key: keyPem(bag, file),
      chain: own > 0 ? ownFirst(chain, own) : chain,
    };
  });
  return { certificates: chain, keys };
}

function ownFirst(chain: readonly string[], own: number): string[] {
  return [...chain.slice(own, own + 1), ...chain.toSpliced(own, 1)];
}

function open(bytes: Buffer, { path, password }: StoreFile): forge.pkcs12.Pkcs12Pfx {
  try {
    const asn1 = forge.asn1.fromDer(bytes.toString("latin1"));
    return forge.pkcs12.pkcs12FromAsn1(asn1, false, password ?? "");
  } catch (error) {
    throw wrongPassword(path, error);
  }
}

function bagsOf(store: forge.pkcs12.Pkcs12Pfx, type: string): Bag[] {
  return store.getBags({ bagType: type })[type] ?? [];
}

/** Certificates and keys of algorithms the library does not know (elliptic curves) are handed through as they are. */
function certificatePem(bag: Bag): string {
  const asn1 = bag.cert == null ? bag.asn1 : forge.pki.certificateToAsn1(bag.cert);
  return toPem(der(asn1), "CERTIFICATE");
}

function keyPem(bag: Bag, { path }: StoreFile): string {
  if (bag.key != null)
    return toPem(der(forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(bag.key))), "PRIVATE KEY");
  if (bag.asn1 == null) throw wrongPassword(path);
  return toPem(der(bag.asn1), "PRIVATE KEY");
}

function der(asn1: forge.asn1.Asn1): Buffer {
  return Buffer.from(forge.asn1.toDer(asn1).getBytes(), "latin1");
}

function sameLocalKey(a: Bag, b: Bag): boolean {
  const id = localKeyId(a);
  return id !== undefined && id === localKeyId(b);
}

function localKeyId(bag: Bag): string | undefined {
  const attributes: unknown = bag.attributes;
  if (typeof attributes !== "object" || attributes === null || !("localKeyId" in attributes)) return undefined;
  const { localKeyId } = attributes;
  return Array.isArray(localKeyId) ? String(localKeyId[0]) : undefined;
}
