import { AppError } from "../../errors.ts";

/** A file with certificates, or with a certificate and its key: PEM, PKCS12 or JKS, told apart by their content. */
export interface StoreFile {
  readonly path: string;
  /** Of the store, or of an encrypted PEM key. */
  readonly password?: string | undefined;
  /** Of the key within the store, when it is another. */
  readonly keyPassword?: string | undefined;
}

/** All as PEM text. */
export interface StoreContent {
  readonly certificates: readonly string[];
  readonly keys: readonly StoredKey[];
}

export interface StoredKey {
  readonly key: string;
  /** Its own certificate first. */
  readonly chain: readonly string[];
  /** Set when `key` is still encrypted. */
  readonly passphrase?: string | undefined;
}

export function wrongPassword(path: string, cause?: unknown): AppError {
  return new AppError("unauthorized", `the password of ${path} is wrong, or the file is damaged`, {
    hint: "check the passwords of the jmx truststore and keystore",
    cause,
  });
}

/** DER as PEM; `label` as in "BEGIN CERTIFICATE". */
export function toPem(der: Buffer, label: "CERTIFICATE" | "PRIVATE KEY"): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
