import { AppError } from "../errors.ts";
import type { BackupName } from "./layout.ts";

/** A list of names for a message: at most five, the rest counted. */
function some(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

function notFound(wanted: string, names: readonly BackupName[], where: string): AppError {
  const tags = [...new Set(names.map((name) => name.tag))];
  const alike = tags.filter((tag) => tag.startsWith(wanted) || wanted.startsWith(tag));
  const hint =
    alike.length > 0
      ? `a name must be given whole; there is ${some(alike)}`
      : tags.length > 0
        ? `there is ${some(tags)}`
        : "there is no backup at all there; check --storage-location";
  return new AppError("not-found", `no backup '${wanted}' in ${where}`, { hint });
}

export interface FindOptions {
  /** For messages: where the names are from. */
  readonly where: string;
  /** Only backups of this schema version. */
  readonly schemaVersion?: string | undefined;
}

/**
 * All backups that `wanted` means: a full name, a tag with its schema version, or a tag. A mere beginning of a tag means
 * nothing: `snap1` is never `snap10`. Newest first, at least one; throws `not-found`.
 */
export function matchBackups(
  names: readonly BackupName[],
  wanted: string,
  options: FindOptions,
): readonly BackupName[] {
  const ofSchema =
    options.schemaVersion === undefined ? names : names.filter((name) => name.schemaVersion === options.schemaVersion);
  const full = ofSchema.find((name) => name.text === wanted);
  if (full !== undefined) return [full];
  const matching = ofSchema.filter((name) => name.tag === wanted || `${name.tag}-${name.schemaVersion}` === wanted);
  if (matching.length === 0) {
    const otherSchemas = names.filter((name) => name.tag === wanted && !ofSchema.includes(name));
    if (otherSchemas.length > 0) {
      throw new AppError("not-found", `no backup '${wanted}' of schema version ${options.schemaVersion}`, {
        hint: `there is ${some(otherSchemas.map((name) => name.text))}`,
      });
    }
    throw notFound(wanted, names, options.where);
  }
  return matching.toSorted((a, b) => b.createdMs - a.createdMs);
}

/** The one backup that `wanted` means; throws `not-found`, or `ambiguous` where several fit. */
export function findOneBackup(names: readonly BackupName[], wanted: string, options: FindOptions): BackupName {
  const [first, ...others] = matchBackups(names, wanted, options);
  if (first !== undefined && others.length === 0) return first;
  const all = [first, ...others].flatMap((name) => (name === undefined ? [] : [name.text]));
  throw new AppError("ambiguous", `'${wanted}' means ${all.length} backups`, {
    hint: `name one in full: ${some(all)}`,
  });
}

/**
 * The backup to restore: as {@link findOneBackup}, but of several runs under one tag and one schema version the newest,
 * with the others given so that the caller can say so.
 */
export function findNewestBackup(
  names: readonly BackupName[],
  wanted: string,
  options: FindOptions,
): { readonly backup: BackupName; readonly older: readonly BackupName[] } {
  const [backup, ...older] = matchBackups(names, wanted, options);
  if (backup === undefined) throw notFound(wanted, names, options.where);
  if (older.some((name) => name.schemaVersion !== backup.schemaVersion)) {
    throw new AppError("ambiguous", `'${wanted}' means backups of different schema versions`, {
      hint: `give --schema-version, or name one in full: ${some([backup, ...older].map((name) => name.text))}`,
    });
  }
  return { backup, older };
}
