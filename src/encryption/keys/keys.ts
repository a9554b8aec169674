/** The keys of one run: what it encrypts with, and what it decrypts with. */
import type { Clock } from "../../clock.ts";
import { AppError } from "../../errors.ts";
import { type Decrypt, type Encryptor, keyTagIn } from "../../transfer/transfer.ts";
import { decrypted } from "../format/decrypt.ts";
import { aesEncryptor } from "../format/encrypt.ts";
import { kindOf } from "../format/key-tags.ts";
import { type DataKey, keyBytes, keyTagOf, type RandomBytes } from "../format/object-format.ts";
import { KeyFolder, type KeyLocation } from "./key-folder.ts";
import { readSecret, type Secret, type SecretSource } from "./secret.ts";
import { unwrapDataKey, type WrappedDataKey, wrapDataKey } from "./wrapping.ts";

/** How a backup encrypts. */
export interface BackupEncryptor {
  /** The repository had no data key yet. */
  readonly isNew: boolean;
  readonly encryptor: Encryptor;
  /** Of a KMS, where its key encrypts: manifests name it. */
  readonly kmsKeyId?: string | undefined;
  /** Decrypts what this encryptor has stored. */
  readonly decrypt: Decrypt;
  /** Has in the repository what opens the objects; to be called before the first of them is stored. */
  commit(): Promise<void>;
  /** Keeps that as young as the objects, for lifecycle rules; to be called before the manifest is written. */
  renew(): Promise<void>;
}

export interface Keys {
  /** Whether the operator gave a key or passphrase. */
  readonly given: boolean;
  /** Writes nothing yet. Throws `unauthorized` where what was given does not open the newest data key. */
  forBackup(place: KeyLocation, signal: AbortSignal): Promise<BackupEncryptor>;
  /**
   * Opens all that objects under these key tags need; `what` names them in messages. Throws `unauthorized` without the
   * right key, and `corrupt` where the repository has lost what it opens.
   */
  forReading(place: KeyLocation, keyTags: ReadonlySet<string>, what: string, signal: AbortSignal): Promise<Decrypt>;
  /** The key tags of all data keys, newest first. Throws `unauthorized` where what was given leaves one closed. */
  openAll(place: KeyLocation, signal: AbortSignal): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Encryption with keys that are not kept in the repository. */
export interface KmsKeys {
  /** How this run encrypts, where it was asked to. */
  readonly encryptor: Encryptor | undefined;
  readonly keyId: string | undefined;
  /** Is also given objects without a key tag, which another tool may have encrypted. */
  readonly decrypt: Decrypt;
  close(): Promise<void>;
}

export interface KeysOptions {
  readonly secret: SecretSource | undefined;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly kms?: KmsKeys | undefined;
}

const idBytes = 4;

/** The operator's key is read when it is first needed, and once. */
export function openKeys(options: KeysOptions): Keys {
  return new OpenKeys(options);
}

class OpenKeys implements Keys {
  readonly given: boolean;
  readonly #options: KeysOptions;
  #secret: Promise<Secret> | undefined;

  constructor(options: KeysOptions) {
    this.#options = options;
    this.given = options.secret !== undefined;
  }

  async forBackup(place: KeyLocation, signal: AbortSignal): Promise<BackupEncryptor> {
    const { kms, clock, random } = this.#options;
    if (kms?.encryptor !== undefined) {
      const nothing = () => Promise.resolve();
      const { encryptor, keyId, decrypt } = kms;
      return { isNew: false, encryptor, kmsKeyId: keyId, decrypt, commit: nothing, renew: nothing };
    }
    const secret = await this.#readSecret("a backup with --encrypt");
    const folder = new KeyFolder(place, signal);
    const [newest] = await folder.list();
    const { dataKey, file } =
      newest === undefined
        ? await newDataKey([secret], clock.now(), random)
        : { dataKey: await openedBy(newest, secret), file: newest };
    return {
      isNew: newest === undefined,
      encryptor: aesEncryptor(dataKey, random),
      decrypt: (stored, objectKey) => Promise.resolve(decrypted(stored, objectKey, dataKey)),
      commit: () => (newest === undefined ? folder.create(file) : Promise.resolve()),
      renew: () => folder.renew(file),
    };
  }

  async forReading(
    place: KeyLocation,
    keyTags: ReadonlySet<string>,
    what: string,
    signal: AbortSignal,
  ): Promise<Decrypt> {
    const { kms } = this.#options;
    const folder = new KeyFolder(place, signal);
    const dataKeys = new Map<string, DataKey>();
    for (const keyTag of keyTags) {
      if (kindOf(keyTag) === "kms") {
        if (kms === undefined) throw closed(what, keyTag, "decrypt it where the KMS can be asked: from s3://");
        continue;
      }
      const secret = await this.#readSecret(what, keyTag);
      const id = keyTag.slice(-2 * idBytes);
      const file = await folder.read(id);
      if (file === undefined) throw lost(what, id, place);
      dataKeys.set(keyTag, await openedBy(file, secret));
    }
    return async (stored, objectKey) => {
      const keyTag = keyTagIn(objectKey);
      const dataKey = dataKeys.get(keyTag ?? "");
      if (dataKey !== undefined) return decrypted(stored, objectKey, dataKey);
      if (kindOf(keyTag) === "aes") throw new AppError("internal", `the key of ${objectKey} was not opened`);
      return kms === undefined ? stored : kms.decrypt(stored, objectKey);
    };
  }

  async openAll(place: KeyLocation, signal: AbortSignal): Promise<readonly string[]> {
    const secret = await this.#readSecret("this repository");
    const keyTags: string[] = [];
    for (const file of await new KeyFolder(place, signal).list()) {
      await openedBy(file, secret);
      keyTags.push(keyTagOf(file.id));
    }
    return keyTags;
  }

  async close(): Promise<void> {
    await this.#options.kms?.close();
  }

  #readSecret(what: string, keyTag?: string): Promise<Secret> {
    const { secret } = this.#options;
    if (secret === undefined) throw closed(what, keyTag, giveKey);
    this.#secret ??= readSecret(secret);
    return this.#secret;
  }
}

/** A data key that no repository has yet, wrapped for all of these secrets. */
export async function newDataKey(
  secrets: readonly Secret[],
  createdMs: number,
  random: RandomBytes,
): Promise<{ readonly dataKey: DataKey; readonly file: WrappedDataKey }> {
  const dataKey = { id: Buffer.from(random(idBytes)).toString("hex"), key: random(keyBytes) };
  const wrappings = await Promise.all(secrets.map((secret) => wrapDataKey(dataKey, createdMs, secret, random)));
  return { dataKey, file: { id: dataKey.id, createdMs, wrappings } };
}

async function openedBy(file: WrappedDataKey, secret: Secret): Promise<DataKey> {
  const opened = await unwrapDataKey(file, secret);
  if (opened !== undefined) return opened.dataKey;
  throw wrongSecret(file, secret);
}

const giveKey = "add --encryption-key-file or --encryption-passphrase-file";

export function wrongSecret({ id, wrappings }: WrappedDataKey, { kind }: Secret): AppError {
  const others = wrappings.every(({ by }) => by !== kind);
  const [given, wanted] = kind === "key" ? ["key file", "passphrase"] : ["passphrase", "key file"];
  return new AppError("unauthorized", `the given ${given} does not open key ${keyTagOf(id)} of this repository`, {
    hint: others
      ? `it opens with a ${wanted}`
      : "give the one that its first encrypted backup had, or that of the last esop rotate-key",
  });
}

function closed(what: string, keyTag: string | undefined, hint: string): AppError {
  const how = keyTag === undefined ? "needs a key" : `is encrypted with key ${keyTag} of this repository`;
  return new AppError("unauthorized", `${what} ${how}`, { hint });
}

function lost(what: string, id: string, { storage, prefix }: KeyLocation): AppError {
  return new AppError("corrupt", `${what} is encrypted, and its key ${prefix}${id}.json is not in the store`, {
    hint: `bring that file back to ${storage.description}, from a copy or from a former version in the bucket`,
  });
}
