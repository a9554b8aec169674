import { AppError } from "../errors.ts";
import { KeyFolder, type KeyPlace } from "./key-folder.ts";
import { type KeysOptions, newDataKey, wrongSecret } from "./keys.ts";
import { markOf } from "./object-format.ts";
import { readSecret, type Secret, type SecretSource } from "./secret.ts";
import { maxWrappings, unwrapDataKey, type WrappedDataKey, wrapDataKey } from "./wrapping.ts";

export interface Rotation {
  /** What opens the data keys today. */
  readonly present: SecretSource;
  /** What is to open them; undefined to leave that as it is. */
  readonly next: SecretSource | undefined;
  /** Let what opens them today go on doing so. */
  readonly keepOld: boolean;
  /** Begin a data key for later backups. */
  readonly newDataKey: boolean;
}

export interface RotationReport {
  /** Marks of the data keys that were wrapped anew. */
  readonly rewrapped: readonly string[];
  /** Those that were so already. */
  readonly unchanged: readonly string[];
  /** The data key that was begun. */
  readonly begun: string | undefined;
}

/**
 * Wraps every data key of a node anew. Each file is replaced whole, and one that opens with the new secret already is as
 * good as done: after a failure, the same call goes on. Nothing is written before every one has been opened.
 */
export async function rotateKeys(
  place: KeyPlace,
  rotation: Rotation,
  { clock, random, signal }: Pick<KeysOptions, "clock" | "random"> & { readonly signal: AbortSignal },
): Promise<RotationReport> {
  const folder = new KeyFolder(place, signal);
  const files = await folder.list();
  if (files.length === 0) {
    throw new AppError("not-found", `there is no data key below ${place.prefix} in ${place.storage.description}`, {
      hint: "check --storage-location; the first backup with --encrypt makes one",
    });
  }
  const present = await readSecret(rotation.present);
  const next = rotation.next === undefined ? present : await readSecret(rotation.next);
  const secrets = { present, next, keepOld: rotation.keepOld };
  const wrapped: { readonly before: WrappedDataKey; readonly after: WrappedDataKey }[] = [];
  for (const before of files) {
    signal.throwIfAborted();
    wrapped.push({
      before,
      after: rotation.next === undefined ? await checked(before, present) : await rewrap(before),
    });
  }
  const changed = wrapped.filter(({ before, after }) => before !== after);
  for (const { after } of changed) await folder.replace(after);
  const begun = rotation.newDataKey ? await begin() : undefined;
  return {
    rewrapped: changed.map(({ after }) => markOf(after.id)),
    unchanged: wrapped.filter(({ before, after }) => before === after).map(({ after }) => markOf(after.id)),
    begun,
  };

  /** The same file where it is as it should be. */
  async function rewrap(file: WrappedDataKey): Promise<WrappedDataKey> {
    const done = await unwrapDataKey(file, secrets.next);
    const opened = done ?? (await unwrapDataKey(file, secrets.present));
    if (opened === undefined) throw wrongSecret(file, secrets.present);
    const ours = done?.wrapping ?? (await wrapDataKey(opened.dataKey, file.createdMs, secrets.next, random));
    const others = secrets.keepOld ? file.wrappings.filter((wrapping) => wrapping !== ours) : [];
    if (done !== undefined && others.length === file.wrappings.length - 1) return file;
    return { ...file, wrappings: [ours, ...others].slice(0, maxWrappings) };
  }

  async function begin(): Promise<string> {
    const both = secrets.keepOld && secrets.next !== secrets.present ? [secrets.next, secrets.present] : [secrets.next];
    const { file } = await newDataKey(both, { clock, random });
    await folder.create(file);
    return markOf(file.id);
  }
}

async function checked(file: WrappedDataKey, secret: Secret): Promise<WrappedDataKey> {
  if ((await unwrapDataKey(file, secret)) === undefined) throw wrongSecret(file, secret);
  return file;
}
