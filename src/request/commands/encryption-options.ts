/** Encryption before objects leave: what its keys are made of, and which of them may stand together. */
import { AppError } from "../../errors.ts";
import { maybe, optional, type Values } from "../options/option.ts";
import { file, named, text } from "../values/values.ts";

/** What the operator keeps, and the repository never has. */
export type EncryptionKey =
  /** A file of 32 bytes, or of their base64 text. */
  | { readonly kind: "key-file"; readonly path: string }
  /** A file whose first line is the passphrase. */
  | { readonly kind: "passphrase-file"; readonly path: string }
  | { readonly kind: "passphrase"; readonly passphrase: string };

/** For verbs that read what backups have stored. */
export const encryptionKeyOptions = {
  encryptionKey: {
    keyFile: optional("encryption-key-file", file, {
      json: "encryptionKeyFile",
      group: "encryption",
      help: "file with the encryption key: 32 bytes, raw or base64",
    }),
    passphraseFile: optional("encryption-passphrase-file", file, {
      json: "encryptionPassphraseFile",
      group: "encryption",
      help: "file with the encryption passphrase on one line",
    }),
    passphrase: optional("encryption-passphrase", named(text, "PASSPHRASE"), {
      json: "encryptionPassphrase",
      group: "encryption",
      secret: true,
      commandLine: false,
      help: "encryption passphrase; not accepted on the command line, which other users can read",
    }),
  },
};

export const encryptOption = {
  /** Undefined where nobody says: not to, unless the newest backup is encrypted. */
  encrypt: maybe("encrypt", {
    group: "encryption",
    help: "encrypt files before upload; needs --encryption-key-file or --encryption-passphrase-file",
  }),
};

export const newKeyOptions = {
  newKey: {
    keyFile: optional("new-key-file", file, {
      json: "newKeyFile",
      group: "encryption",
      help: "file with the new encryption key",
    }),
    passphraseFile: optional("new-passphrase-file", file, {
      json: "newPassphraseFile",
      group: "encryption",
      help: "file with the new encryption passphrase",
    }),
  },
};

interface KeySources {
  readonly keyFile: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly passphrase?: string | undefined;
}

/** Undefined where none is given. Throws `usage` for more than one. */
export function onlyKey({ keyFile, passphraseFile, passphrase }: KeySources): EncryptionKey | undefined {
  const given: readonly EncryptionKey[] = [
    ...(keyFile === undefined ? [] : [{ kind: "key-file", path: keyFile } as const]),
    ...(passphraseFile === undefined ? [] : [{ kind: "passphrase-file", path: passphraseFile } as const]),
    ...(passphrase === undefined ? [] : [{ kind: "passphrase", passphrase } as const]),
  ];
  if (given.length <= 1) return given[0];
  throw new AppError("usage", "more than one encryption key or passphrase is given", {
    hint: "keep one of the key file, the passphrase file and ESOP_ENCRYPTION_PASSPHRASE",
  });
}

/** The key of a backup. A key alone might be there for restores: whether to encrypt must be said. Throws `usage`. */
export function encryptingKey(
  values: Values<typeof encryptionKeyOptions & typeof encryptOption>,
  kmsKeyId: string | undefined,
): EncryptionKey | undefined {
  const { encrypt } = values;
  const encryptionKey = onlyKey(values.encryptionKey);
  if (encrypt !== undefined && kmsKeyId !== undefined) {
    throw new AppError("usage", "--encrypt and --kms-key-id exclude each other", {
      hint: "leave out --encrypt, or --kms-key-id and AWS_KMS_KEY_ID",
    });
  }
  if (encrypt === true && encryptionKey === undefined) {
    throw new AppError("usage", "--encrypt is given without a key", {
      hint: "add --encryption-key-file or --encryption-passphrase-file",
    });
  }
  if (encrypt === undefined && kmsKeyId === undefined && encryptionKey !== undefined) {
    throw new AppError("usage", "an encryption key is given without --encrypt", {
      hint: "add --encrypt, or --encrypt=false to upload unencrypted files",
    });
  }
  return encryptionKey;
}
