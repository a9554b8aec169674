import { isImmutable, type LocalFile, parseComponentName } from "../cassandra/cassandra.ts";
import { plainBytes } from "../encryption/encryption.ts";
import { throwIfAborted } from "../errors.ts";
import { type ComponentPath, hashAlgorithmOf, objectKey } from "../repository/repository.ts";
import type { Encryptor, HashAlgorithm } from "../transfer/transfer.ts";
import type { KnownObject } from "./known-hashes.ts";
import type { LocalTable } from "./local-table.ts";

/** What becomes of one local file. */
export interface PlannedFile {
  readonly local: LocalFile;
  readonly baseName: string;
  /** Relative to the node's prefix. */
  readonly objectKey: string;
  /** Of the stored object: more than the file's where it is encrypted. */
  readonly storedBytes: number;
  readonly action: "send" | "keep";
  /** The manifest's hash; undefined where it is learned while the file is sent. */
  readonly hash: string | null | undefined;
  /** The SHA-256 that the object key promises, where it holds one. */
  readonly contentSha256: string | undefined;
  /** Milliseconds since 1970 of the stored object; undefined for what is to be sent. */
  readonly storedModifiedMs: number | undefined;
}

export interface PlannedTable {
  readonly table: LocalTable;
  readonly files: readonly PlannedFile[];
}

/** Bytes are those of the stored objects. */
export interface BackupPlan {
  readonly tables: readonly PlannedTable[];
  readonly send: { readonly files: number; readonly bytes: number };
  readonly keep: { readonly files: number; readonly bytes: number };
}

/** What the planner may ask; each answer is looked up or computed once. */
export interface PlanInputs {
  readonly algorithm: HashAlgorithm;
  /** How objects are encrypted; undefined to leave them as they are. */
  readonly encryptor?: Pick<Encryptor, "keyTag" | "storedBytes"> | undefined;
  /** What the listing shows under a relative key. */
  stored(key: string): { readonly sizeBytes: number; readonly modifiedMs: number } | undefined;
  /** What earlier manifests say of the stored objects among `keys`. */
  known(keys: ReadonlySet<string>): Promise<ReadonlyMap<string, KnownObject>>;
  /** The hash of a local file, from the record where that is possible. */
  hashLocal(file: LocalFile, algorithm: "SHA-256" | "CRC"): Promise<string>;
  /** The hash of a stored object's plaintext, by reading it; undefined where it does not decrypt. */
  hashStored(key: string, algorithm: "SHA-256" | "CRC"): Promise<string | undefined>;
  readonly signal?: AbortSignal;
}

const contentPrefixLength = 16;

interface Candidate {
  readonly local: LocalFile;
  readonly baseName: string;
  readonly path: ComponentPath;
  readonly key: string;
  readonly storedBytes: number;
}

/**
 * Decides for each local file whether it must be sent, by one rule: an object is never trusted to hold what this backup
 * needs unless the listing shows it with the right size and, for components that Cassandra rewrites in place, its hash
 * is known to be the local one. A rewritten component goes under a key of its own, since earlier backups still name the
 * former content. A component that never changes and is stored with another size is damaged: it is sent again.
 *
 * What is encrypted stands under keys with the key tag of its data key. So a backup names objects of one key tag only, and
 * what was stored in the clear, or under another data key, is neither taken for the same nor overwritten. Where Esop for
 * Java has encrypted an object without a key tag, the plain one goes under the key of its content.
 */
export async function planBackup(tables: readonly LocalTable[], inputs: PlanInputs): Promise<BackupPlan> {
  const candidates = tables.map((table) => ({ table, files: [...candidatesOf(table, inputs.encryptor)] }));
  const present = new Set<string>();
  for (const { files } of candidates) {
    for (const { key, storedBytes } of files) if (inputs.stored(key)?.sizeBytes === storedBytes) present.add(key);
  }
  const known = await inputs.known(present);
  const planned: PlannedTable[] = [];
  const totals = { send: { files: 0, bytes: 0 }, keep: { files: 0, bytes: 0 } };
  for (const { table, files } of candidates) {
    throwIfAborted(inputs.signal);
    const plannedFiles: PlannedFile[] = [];
    for (const candidate of files) {
      const file = await planFile(candidate, known.get(candidate.key), inputs);
      plannedFiles.push(file);
      totals[file.action].files += 1;
      totals[file.action].bytes += file.storedBytes;
    }
    planned.push({ table, files: plannedFiles });
  }
  return { tables: planned, ...totals };
}

function* candidatesOf(
  { keyspace, table, tableId, sstables }: LocalTable,
  encryptor: PlanInputs["encryptor"],
): Generator<Candidate> {
  for (const { baseName, generation, digest, index, files } of sstables) {
    for (const local of files) {
      const version = `${generation}-${digest}`;
      const path = { keyspace, table, tableId, index, version, keyTag: encryptor?.keyTag, file: local.name };
      const storedBytes = encryptor?.storedBytes(local.sizeBytes) ?? local.sizeBytes;
      yield { local, baseName, path, key: objectKey(path), storedBytes };
    }
  }
}

async function planFile(
  candidate: Candidate,
  known: KnownObject | undefined,
  inputs: PlanInputs,
): Promise<PlannedFile> {
  const { local, key, storedBytes } = candidate;
  const stored = inputs.stored(key);
  if (stored === undefined) return send(candidate, key);
  const immutable = isImmutable(parseComponentName(local.name)?.component ?? "");
  const whole = stored.sizeBytes === storedBytes;
  if (immutable && !whole && !isOtherwiseEncrypted(stored, candidate)) return send(candidate, key);
  if (whole && (immutable || (await holdsContentOf(local, key, known, inputs)))) {
    return keep(candidate, key, stored.modifiedMs, await manifestHash(local, known?.hash, inputs));
  }
  const sha256 = await inputs.hashLocal(local, "SHA-256");
  const version = `${candidate.path.version}-${sha256.slice(0, contentPrefixLength)}`;
  const contentKey = objectKey({ ...candidate.path, version });
  const storedContent = inputs.stored(contentKey);
  if (storedContent?.sizeBytes !== storedBytes) return send(candidate, contentKey, sha256);
  return keep(candidate, contentKey, storedContent.modifiedMs, await manifestHash(local, sha256, inputs), sha256);
}

/** Esop for Java stores what it encrypts with a KMS key under the keys of plain objects; a listing tells by the size. */
function isOtherwiseEncrypted(stored: { readonly sizeBytes: number }, { local, path }: Candidate): boolean {
  return path.keyTag === undefined && plainBytes("kms", stored.sizeBytes) === local.sizeBytes;
}

/** Whether the stored object of a rewritable component holds the local file's content. */
async function holdsContentOf(local: LocalFile, key: string, known: KnownObject | undefined, inputs: PlanInputs) {
  if (known === undefined) {
    // No manifest names the object: a run that was cut short has left it, and nothing else would ever use it.
    return (await inputs.hashStored(key, "SHA-256")) === (await inputs.hashLocal(local, "SHA-256"));
  }
  const algorithm = hashAlgorithmOf(known.hash);
  if (algorithm === "NONE") return false;
  if ((await inputs.hashLocal(local, algorithm)) !== known.hash) return false;
  return known.trusted || (await inputs.hashStored(key, algorithm)) === known.hash;
}

/** The hash to put into the manifest: a known one if it was made with the algorithm asked for, else the local file's. */
async function manifestHash(local: LocalFile, known: string | null | undefined, { algorithm, hashLocal }: PlanInputs) {
  if (algorithm === "NONE") return null;
  return typeof known === "string" && hashAlgorithmOf(known) === algorithm ? known : hashLocal(local, algorithm);
}

function send({ local, baseName, storedBytes }: Candidate, key: string, contentSha256?: string): PlannedFile {
  const base = { local, baseName, objectKey: key, storedBytes, action: "send", hash: undefined } as const;
  return { ...base, contentSha256, storedModifiedMs: undefined };
}

function keep(
  { local, baseName, storedBytes }: Candidate,
  key: string,
  storedModifiedMs: number,
  hash: string | null,
  contentSha256?: string,
): PlannedFile {
  return { local, baseName, objectKey: key, storedBytes, action: "keep", hash, contentSha256, storedModifiedMs };
}
