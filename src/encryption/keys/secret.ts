/** The secret that the operator keeps and the repository never has: a key or a passphrase. */
import { readFile } from "node:fs/promises";
import { AppError, fileError } from "../../errors.ts";
import { readCustomerKey } from "../../storage/storage.ts";

export type SecretSource =
  /** A file of 32 bytes, or of their base64 text. */
  | { readonly kind: "key-file"; readonly path: string }
  /** A file whose first line is the passphrase. */
  | { readonly kind: "passphrase-file"; readonly path: string }
  | { readonly kind: "passphrase"; readonly passphrase: string };

export interface Secret {
  readonly kind: "key" | "passphrase";
  readonly bytes: Uint8Array;
}

/** Anyone who can read the bucket can try passphrases offline. */
const minPassphraseLength = 12;

/** Throws `usage` for what cannot be a key or passphrase, `io`, and `not-found`. */
export async function readSecret(source: SecretSource): Promise<Secret> {
  switch (source.kind) {
    case "key-file":
      return { kind: "key", bytes: await readCustomerKey(source.path) };
    case "passphrase-file": {
      const text = await readFile(source.path, "utf8").catch((error: unknown) => {
        throw fileError(error, `read ${source.path}`);
      });
      return passphraseOf(text.replace(/\r?\n$/, ""), source.path);
    }
    case "passphrase":
      return passphraseOf(source.passphrase, "ESOP_ENCRYPTION_PASSPHRASE");
  }
}

function passphraseOf(text: string, where: string): Secret {
  if (/[\r\n]/.test(text)) {
    throw new AppError("usage", `${where} holds more than one line`, { hint: "a passphrase is one line" });
  }
  if (text.trim().length < minPassphraseLength) {
    throw new AppError("usage", `${where} holds no passphrase of at least ${minPassphraseLength} characters`, {
      hint: "take a long one that nobody guesses: openssl rand -base64 24",
    });
  }
  return { kind: "passphrase", bytes: Buffer.from(text) };
}
