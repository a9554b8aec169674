/** The keys of one run: what it encrypts with, and what it decrypts with. */
import type { Clock } from "../../clock.ts";
import { AppError } from "../../errors.ts";
import { markIn, type Sealing, type Unseal } from "../../transfer/transfer.ts";
import { kindOf } from "../format/marks.ts";
import { type DataKey, keyBytes, markOf, type RandomBytes } from "../format/object-format.ts";
import { aesSealing } from "../format/seal.ts";
import { unsealed } from "../format/unseal.ts";
import { KeyFolder, type KeyPlace } from "./key-folder.ts";
import { readSecret, type Secret, type SecretSource } from "./secret.ts";
import { unwrapDataKey, type WrappedDataKey, wrapDataKey } from "./wrapping.ts";

/** How a backup encrypts. */
export interface BackupSealing {
  /** The repository had no data key yet. */
  readonly isNew: boolean;
  readonly sealing: Sealing;
  /** Of a KMS, where its key encrypts: manifests name it. */
  readonly kmsKeyId?: string | undefined;
  /** Decrypts what this sealing has stored. */
  readonly unseal: Unseal;
  /** Has in the repository what opens the objects; to be called before the first of them is stored. */
  commit(): Promise<void>;
  /** Keeps that as young as the objects, for lifecycle rules; to be called before the manifest is written. */
  renew(): Promise<void>;
}

export interface Keys {
  /** Whether the operator gave a key or passphrase. */
  readonly given: boolean;
  /** Writes nothing yet. Throws `unauthorized` where what was given does not open the newest data key. */
  forBackup(place: KeyPlace, signal: AbortSignal): Promise<BackupSealing>;
  /**
   * Opens all that objects under these marks need; `what` names them in messages. Throws `unauthorized` without the
   * right key, and `corrupt` where the repository has lost what it opens.
   */
  forReading(place: KeyPlace, marks: ReadonlySet<string>, what: string, signal: AbortSignal): Promise<Unseal>;
  /** The marks of all data keys, newest first. Throws `unauthorized` where what was given leaves one closed. */
  openAll(place: KeyPlace, signal: AbortSignal): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Encryption with keys that are not kept in the repository. */
export interface KmsKeys {
  /** How this run encrypts, where it was asked to. */
  readonly sealing: Sealing | undefined;
  readonly keyId: string | undefined;
  /** Is also given objects without a mark, which another tool may have encrypted. */
  readonly unseal: Unseal;
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

  async forBackup(place: KeyPlace, signal: AbortSignal): Promise<BackupSealing> {
    const { kms, clock, random } = this.#options;
    if (kms?.sealing !== undefined) {
      const nothing = () => Promise.resolve();
      const { sealing, keyId, unseal } = kms;
      return { isNew: false, sealing, kmsKeyId: keyId, unseal, commit: nothing, renew: nothing };
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
      sealing: aesSealing(dataKey, random),
      unseal: (stored, objectKey) => Promise.resolve(unsealed(stored, objectKey, dataKey)),
      commit: () => (newest === undefined ? folder.create(file) : Promise.resolve()),
      renew: () => folder.renew(file),
    };
  }

  async forReading(place: KeyPlace, marks: ReadonlySet<string>, what: string, signal: AbortSignal): Promise<Unseal> {
    const { kms } = this.#options;
    const folder = new KeyFolder(place, signal);
    const dataKeys = new Map<string, DataKey>();
    for (const mark of marks) {
      if (kindOf(mark) === "kms") {
        if (kms === undefined) throw closed(what, mark, "decrypt it where the KMS can be asked: from s3://");
        continue;
      }
      const secret = await this.#readSecret(what, mark);
      const id = mark.slice(-2 * idBytes);
      const file = await folder.read(id);
      if (file === undefined) throw lost(what, id, place);
      dataKeys.set(mark, await openedBy(file, secret));
    }
    return async (stored, objectKey) => {
      const mark = markIn(objectKey);
      const dataKey = dataKeys.get(mark ?? "");
      if (dataKey !== undefined) return unsealed(stored, objectKey, dataKey);
      if (kindOf(mark) === "aes") throw new AppError("internal", `the key of ${objectKey} was not opened`);
      return kms === undefined ? stored : kms.unseal(stored, objectKey);
    };
  }

  async openAll(place: KeyPlace, signal: AbortSignal): Promise<readonly string[]> {
    const secret = await this.#readSecret("this repository");
    const marks: string[] = [];
    for (const file of await new KeyFolder(place, signal).list()) {
      await openedBy(file, secret);
      marks.push(markOf(file.id));
    }
    return marks;
  }

  async close(): Promise<void> {
    await this.#options.kms?.close();
  }

  #readSecret(what: string, mark?: string): Promise<Secret> {
    const { secret } = this.#options;
    if (secret === undefined) throw closed(what, mark, giveKey);
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
  return new AppError("unauthorized", `the given ${given} does not open key ${markOf(id)} of this repository`, {
    hint: others
      ? `it opens with a ${wanted}`
      : "give the one that its first encrypted backup had, or that of the last esop rotate-key",
  });
}

function closed(what: string, mark: string | undefined, hint: string): AppError {
  const how = mark === undefined ? "needs a key" : `is encrypted with key ${mark} of this repository`;
  return new AppError("unauthorized", `${what} ${how}`, { hint });
}

function lost(what: string, id: string, { storage, prefix }: KeyPlace): AppError {
  return new AppError("corrupt", `${what} is encrypted, and its key ${prefix}${id}.json is not in the store`, {
    hint: `bring that file back to ${storage.description}, from a copy or from a former version in the bucket`,
  });
}
