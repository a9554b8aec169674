import { AppError } from "../errors.ts";
import { type ComponentPath, parseObjectKey } from "./layout.ts";
import { isKeyspaceName, isSSTableName, isTableId, isTableName, isToken } from "./names.ts";

/**
 * The manifest: the one file that makes a backup exist. These types are the JSON itself (Esop's field names), so that
 * reading one with hundreds of thousands of entries copies nothing. Readers ignore fields they do not know.
 */
export interface Manifest {
  readonly snapshot: {
    readonly name: string;
    readonly keyspaces: Readonly<Record<string, { readonly tables: Readonly<Record<string, ManifestTable>> }>>;
  };
  readonly tokens: readonly string[];
  readonly schemaVersion: string;
  /** Bytes of all entries. */
  readonly size: number;
}

export interface ManifestTable {
  /** Base name ("nb-1-big") to components; the SSTables of its legacy indexes stand under the same base names. */
  readonly sstables: Readonly<Record<string, readonly ManifestEntry[]>>;
  /** 32 hex digits. */
  readonly id: string;
  /** The snapshot's schema.cql. */
  readonly schemaContent?: string | undefined;
}

export interface ManifestEntry {
  /** Relative to the node's prefix; see layout.ts. */
  readonly objectKey: string;
  readonly type: "FILE";
  /** Bytes of the stored object; other tools may leave it out. */
  readonly size?: number;
  /** SHA-256 in hex, or CRC-32 in decimal, or null when the backup was made without hashes. */
  readonly hash?: string | null;
  /** The object is encrypted with this KMS key, as the AWS S3 Encryption Client does it. */
  readonly kmsKeyId?: string | undefined;
}

/** One entry with all that its key says. */
export interface ManifestFile {
  readonly entry: ManifestEntry;
  readonly path: ComponentPath;
  readonly baseName: string;
}

/**
 * Every entry of a manifest (or of the tables that `wanted` accepts), in the manifest's order. Throws `unsupported` for
 * a table with two different objects for one file, which could not both be restored.
 */
export function* manifestFiles(
  manifest: Manifest,
  wanted?: (keyspace: string, table: string) => boolean,
): Generator<ManifestFile> {
  for (const [keyspace, { tables }] of Object.entries(manifest.snapshot.keyspaces)) {
    for (const [table, { sstables }] of Object.entries(tables)) {
      if (wanted !== undefined && !wanted(keyspace, table)) continue;
      const keys = new Map<string, string>();
      for (const [baseName, entries] of Object.entries(sstables)) {
        for (const entry of entries) {
          const path = parseObjectKey(entry.objectKey);
          if (path === undefined) throw foreignKey(entry.objectKey);
          const file = `${path.index ?? ""}/${path.file}`;
          if ((keys.get(file) ?? entry.objectKey) !== entry.objectKey)
            throw doubledFile(`${keyspace}.${table}`, baseName);
          keys.set(file, entry.objectKey);
          yield { entry, path, baseName };
        }
      }
    }
  }
}

/** Every object a manifest names, with its size; cheaper than manifestFiles. */
export function* manifestEntries(manifest: Manifest): Generator<ManifestEntry> {
  for (const { tables } of Object.values(manifest.snapshot.keyspaces)) {
    for (const { sstables } of Object.values(tables)) {
      for (const entries of Object.values(sstables)) yield* entries;
    }
  }
}

function doubledFile(table: string, baseName: string): AppError {
  return new AppError("unsupported", `the backup has two SSTables ${baseName} of ${table}, and one path for both`, {
    hint: "restore another backup, or name the other tables with --entities",
  });
}

function foreignKey(key: unknown): AppError {
  return new AppError("corrupt", `names an object that is no part of an SSTable: ${JSON.stringify(key)}`);
}

function foreignName(kind: string, name: string): AppError {
  return new AppError("corrupt", `gives ${JSON.stringify(name)} as the name of ${kind}`);
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function requireObject(value: unknown, what: string): Json {
  if (!isObject(value)) throw new AppError("corrupt", `has no ${what}`);
  return value;
}

/** Some tools write null for what they do not know: the same as leaving it out. */
function dropNull(object: Json, field: string): void {
  if (object[field] === null) delete object[field];
}

function checkEntry(value: unknown, keyspace: string, table: string): value is ManifestEntry {
  const entry = requireObject(value, "object behind an entry");
  dropNull(entry, "size");
  if (typeof entry["kmsKeyId"] !== "string" || entry["kmsKeyId"] === "") delete entry["kmsKeyId"];
  const { objectKey, size, hash } = entry;
  const path = typeof objectKey === "string" ? parseObjectKey(objectKey) : undefined;
  if (path === undefined || path.keyspace !== keyspace || path.table !== table) throw foreignKey(objectKey);
  if (size !== undefined && !(Number.isSafeInteger(size) && Number(size) >= 0)) {
    throw new AppError("corrupt", `gives ${JSON.stringify(size)} as the size of ${String(objectKey)}`);
  }
  if (hash !== undefined && hash !== null && typeof hash !== "string") {
    throw new AppError("corrupt", `gives ${JSON.stringify(hash)} as the hash of ${String(objectKey)}`);
  }
  if (typeof hash === "string" && hash !== hash.toLowerCase()) entry["hash"] = hash.toLowerCase();
  return true;
}

/** An entry of a table as {@link parseManifest} takes it. Throws `corrupt` with a message that lacks the manifest. */
export function checkedEntry(value: unknown, keyspace: string, table: string): ManifestEntry {
  if (checkEntry(value, keyspace, table)) return value;
  throw foreignKey(value);
}

function checkTable(value: unknown, keyspace: string, table: string): void {
  const content = requireObject(value, `table ${keyspace}.${table}`);
  dropNull(content, "schemaContent");
  const { sstables, id, schemaContent } = content;
  if (typeof id !== "string" || !isTableId(id)) {
    throw new AppError("corrupt", `has no valid id for table ${keyspace}.${table}`);
  }
  if (schemaContent !== undefined && typeof schemaContent !== "string") {
    throw new AppError("corrupt", `has no readable schema of ${keyspace}.${table}`);
  }
  for (const [name, entries] of Object.entries(requireObject(sstables, `SSTables of ${keyspace}.${table}`))) {
    if (!isSSTableName(name)) throw foreignName("an SSTable", name);
    if (!Array.isArray(entries))
      throw new AppError("corrupt", `has no components for an SSTable of ${keyspace}.${table}`);
    for (const entry of entries) checkEntry(entry, keyspace, table);
  }
}

function isManifest(value: unknown): value is Manifest {
  const { snapshot, tokens } = requireObject(value, "content");
  const { keyspaces } = requireObject(snapshot, "snapshot");
  for (const [keyspace, content] of Object.entries(requireObject(keyspaces, "keyspaces"))) {
    if (!isKeyspaceName(keyspace)) throw foreignName("a keyspace", keyspace);
    const { tables } = requireObject(content, `keyspace ${keyspace}`);
    for (const [table, content] of Object.entries(requireObject(tables, `tables of ${keyspace}`))) {
      if (!isTableName(table)) throw foreignName("a table", table);
      checkTable(content, keyspace, table);
    }
  }
  if (!Array.isArray(tokens) || tokens.some((token) => typeof token !== "string" || !isToken(token))) {
    throw new AppError("corrupt", "has no tokens");
  }
  return true;
}

/**
 * The manifest in a file's text. Every object key is checked to lie where its table says, so that what a manifest
 * names can never leave the repository or a data directory. Throws `corrupt`; `name` is the manifest's for the message.
 */
export function parseManifest(text: string, name: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(name, "is not JSON", error);
  }
  return manifestOf(value, name);
}

/** As {@link parseManifest}, of parsed JSON. */
export function manifestOf(value: unknown, name: string): Manifest {
  try {
    if (isManifest(value)) return value;
  } catch (error) {
    if (error instanceof AppError) throw unreadable(name, error.message, error);
    throw error;
  }
  throw unreadable(name, "is not one");
}

/** `why` continues "manifest 'x' …"; an error that names the manifest already is given back. */
export function unreadable(name: string, why: string, cause?: unknown): AppError {
  if (cause instanceof AppError && why.startsWith("manifest '")) return cause;
  return new AppError("corrupt", `manifest '${name}' ${why}`, {
    hint: "the backup cannot be used as it is; `esop list` shows the others",
    cause,
  });
}

/** What a hash in a manifest was made with, told by its form. */
export function hashAlgorithmOf(hash: string | null | undefined): "SHA-256" | "CRC" | "NONE" {
  if (hash === null || hash === undefined || hash === "") return "NONE";
  return /^[0-9a-f]{64}$/.test(hash) ? "SHA-256" : "CRC";
}
