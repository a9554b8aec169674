import { AppError } from "../../errors.ts";
import { keyTagOf, type RandomBytes } from "../format/object-format.ts";
import { KeyFolder, type KeyLocation } from "./key-folder.ts";
import { type KeysOptions, newDataKey, wrongSecret } from "./keys.ts";
import { readSecret, type Secret, type SecretSource } from "./secret.ts";
import { maxWrappings, unwrapDataKey, type WrappedDataKey, wrapDataKey } from "./wrapping.ts";

export interface Rotation {
  /** Decrypts the data keys at present. */
  readonly present: SecretSource;
  /** Decrypts the data keys from now on; undefined to keep the present secret. */
  readonly next: SecretSource | undefined;
  /** Let what opens them today go on doing so. */
  readonly keepOld: boolean;
  /** Begin a data key for later backups. */
  readonly newDataKey: boolean;
}

export interface RotationReport {
  /** Key tags of the data keys that were wrapped again. */
  readonly rewrapped: readonly string[];
  /** Those that were so already. */
  readonly unchanged: readonly string[];
  /** The data key that was begun. */
  readonly begun: string | undefined;
}

/**
 * Wraps every data key of a node again. Each file is replaced whole, and one that opens with the new secret already is as
 * good as done: after a failure, the same call goes on. Nothing is written before every one has been opened.
 */
export async function rotateKeys(
  place: KeyLocation,
  rotation: Rotation,
  { clock, random, signal }: Pick<KeysOptions, "clock" | "random"> & { readonly signal: AbortSignal },
): Promise<RotationReport> {
  const folder = new KeyFolder(place, signal);
  const files = await folder.list();
  const [newest] = files;
  if (newest === undefined) {
    throw new AppError("not-found", `there is no data key below ${place.prefix} in ${place.storage.description}`, {
      hint: "check --storage-location; the first backup with --encrypt makes one",
    });
  }
  const present = await readSecret(rotation.present);
  const next = rotation.next === undefined ? undefined : await readSecret(rotation.next);
  const how = { present, next, keepOld: rotation.keepOld, random };
  const changed: WrappedDataKey[] = [];
  for (const file of files) {
    signal.throwIfAborted();
    const wrapped = await wrapAnew(file, how);
    if (wrapped !== undefined) changed.push(wrapped);
  }
  for (const file of changed) await folder.replace(file);
  const rewrapped = changed.map(({ id }) => keyTagOf(id));
  const unchanged = files.map(({ id }) => keyTagOf(id)).filter((keyTag) => !rewrapped.includes(keyTag));
  if (!rotation.newDataKey) return { rewrapped, unchanged, begun: undefined };
  const secrets = next === undefined ? [present] : rotation.keepOld ? [next, present] : [next];
  // Backups take the newest: a clock that is behind must not make this one older than another.
  const createdMs = Math.max(clock.now(), newest.createdMs + 1);
  const { file } = await newDataKey(secrets, createdMs, random);
  await folder.create(file);
  return { rewrapped, unchanged, begun: keyTagOf(file.id) };
}

interface How {
  readonly present: Secret;
  readonly next: Secret | undefined;
  readonly keepOld: boolean;
  readonly random: RandomBytes;
}

/** Undefined where the file is as it should be. */
async function wrapAnew(file: WrappedDataKey, { present, next, keepOld, random }: How) {
  const done = await unwrapDataKey(file, next ?? present);
  const opened = done ?? (await unwrapDataKey(file, present));
  if (opened === undefined) throw wrongSecret(file, present);
  if (next === undefined) return undefined;
  const ours = done?.wrapping ?? (await wrapDataKey(opened.dataKey, file.createdMs, next, random));
  const others = keepOld ? file.wrappings.filter((wrapping) => wrapping !== ours) : [];
  if (done !== undefined && others.length === file.wrappings.length - 1) return undefined;
  // Of more than a file may have, the oldest go.
  return { ...file, wrappings: [ours, ...others].slice(0, maxWrappings) };
}
