/** Encryption before objects leave: what its keys are made of, and the parts of requests that become of it. */
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
  encryptionKeyFile: optional("encryption-key-file", file, {
    group: "encryption",
    help: "file with the encryption key: 32 bytes, raw or base64",
  }),
  encryptionPassphraseFile: optional("encryption-passphrase-file", file, {
    group: "encryption",
    help: "file with the encryption passphrase on one line",
  }),
  encryptionPassphrase: optional("encryption-passphrase", named(text, "PASSPHRASE"), {
    group: "encryption",
    secret: true,
    commandLine: false,
    help: "encryption passphrase; not accepted on the command line, which other users can read",
  }),
};

export const encryptOption = {
  encrypt: maybe("encrypt", {
    group: "encryption",
    help: "encrypt files before upload; needs --encryption-key-file or --encryption-passphrase-file",
  }),
};

export const newKeyOptions = {
  newKeyFile: optional("new-key-file", file, {
    group: "encryption",
    help: "file with the new encryption key",
  }),
  newPassphraseFile: optional("new-passphrase-file", file, {
    group: "encryption",
    help: "file with the new encryption passphrase",
  }),
};

/** Undefined where none is given. Throws `usage` for more than one. */
export function buildEncryptionKey(values: Values<typeof encryptionKeyOptions>): EncryptionKey | undefined {
  const { encryptionKeyFile, encryptionPassphraseFile, encryptionPassphrase: passphrase } = values;
  return onlyOne([
    ...keyFile(encryptionKeyFile),
    ...passphraseFile(encryptionPassphraseFile),
    ...(passphrase === undefined ? [] : [{ kind: "passphrase", passphrase } as const]),
  ]);
}

/** As {@link buildEncryptionKey}. */
export function buildNewKey(values: Values<typeof newKeyOptions>): EncryptionKey | undefined {
  return onlyOne([...keyFile(values.newKeyFile), ...passphraseFile(values.newPassphraseFile)]);
}

function keyFile(path: string | undefined): readonly EncryptionKey[] {
  return path === undefined ? [] : [{ kind: "key-file", path }];
}

function passphraseFile(path: string | undefined): readonly EncryptionKey[] {
  return path === undefined ? [] : [{ kind: "passphrase-file", path }];
}

function onlyOne([first, ...others]: readonly EncryptionKey[]): EncryptionKey | undefined {
  if (others.length === 0) return first;
  throw new AppError("usage", "more than one encryption key or passphrase is given", {
    hint: "keep one of the key file, the passphrase file and ESOP_ENCRYPTION_PASSPHRASE",
  });
}

interface Encrypting {
  /** Undefined where nobody says. */
  readonly encrypt: boolean | undefined;
  readonly encryptionKey: EncryptionKey | undefined;
}

/** What a backup is told. A key alone might be there for restores: whether to encrypt must be said. Throws `usage`. */
export function buildEncrypting(
  values: Values<typeof encryptionKeyOptions & typeof encryptOption>,
  kmsKeyId: string | undefined,
): Encrypting {
  const { encrypt } = values;
  const encryptionKey = buildEncryptionKey(values);
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
  return { encrypt, encryptionKey };
}
