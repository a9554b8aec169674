import { parseComponentName } from "../cassandra/cassandra.ts";
import { AppError } from "../errors.ts";
import { keyTagIn } from "../transfer/transfer.ts";

/**
 * Which bytes go where in a bucket. The grammar, shared with Esop (Java):
 *
 *   <cluster>/<dc>/<node>/data/<ks>/<table>-<id>/[.<index>/]<generation>-<digest>[-<content>][-<key-tag>]/<component file>
 *   <cluster>/<dc>/<node>/manifests/<tag>-<schema version>-<millis>.json
 *   <cluster>/<dc>/<node>/removals/<tag>-<schema version>-<millis>.json    a removal that is under way
 *   <cluster>/<dc>/<node>/keys/<8 hex digits>.json                          a wrapped data key
 *   topology/<tag>-<schema version>-<millis>.json
 *
 * <content> stands only where Cassandra rewrote a component in place, or where Esop has encrypted the object of the key
 * without it: the first 16 hex digits of the SHA-256, so that an object once written never changes. <key-tag> stands only
 * where the object is encrypted, and says with which key: "aes" or "kms" and 8 hex digits. Object keys in a manifest are
 * relative to the node's prefix.
 */

/** The node a repository belongs to; each part is one key segment. */
export interface NodePath {
  readonly cluster: string;
  readonly datacenter: string;
  readonly node: string;
}

export const dataPrefix = "data/";
export const manifestPrefix = "manifests/";
export const removalPrefix = "removals/";
export const keyPrefix = "keys/";
export const topologyPrefix = "topology/";

/** "cluster/dc/node/". */
export function nodePrefix(path: NodePath): string {
  return `${path.cluster}/${path.datacenter}/${path.node}/`;
}

/** Where one file of an SSTable belongs: on a node's disk and in the bucket. */
export interface ComponentPath {
  readonly keyspace: string;
  readonly table: string;
  /** 32 hex digits. */
  readonly tableId: string;
  /** ".city_idx" for an SSTable of a legacy secondary index. */
  readonly index: string | undefined;
  /** "<generation>-<digest>", with a content hash where the component was rewritten in place. */
  readonly version: string;
  /** Of the key that the object is encrypted with: "aes1a2b3c4d". */
  readonly keyTag?: string | undefined;
  /** "nb-1-big-Data.db". */
  readonly file: string;
}

/** Each part is a name that names.ts accepts, and short enough for a file system: the pattern alone checks all of them. */
const keyPattern =
  /^data\/(\w{1,222})\/(\w{1,222})-([0-9a-f]{32})\/(?:(\.\w[\w.-]{0,253})\/)?(\w[\w.-]{0,254})\/([\w.+-]{1,255})$/;

/** The path of a manifest's object key, or undefined when it is not one (and so is never followed anywhere). */
export function parseObjectKey(objectKey: string): ComponentPath | undefined {
  const match = keyPattern.exec(objectKey);
  if (match === null) return undefined;
  const [, keyspace = "", table = "", tableId = "", index, version = "", file = ""] = match;
  if (parseComponentName(file) === undefined) return undefined;
  const base = { keyspace, table, tableId, index, file };
  const keyTag = keyTagIn(objectKey);
  return keyTag === undefined
    ? { ...base, version }
    : { ...base, version: version.slice(0, -1 - keyTag.length), keyTag };
}

export function objectKey(path: ComponentPath): string {
  const index = path.index === undefined ? "" : `${path.index}/`;
  const version = path.keyTag === undefined ? path.version : `${path.version}-${path.keyTag}`;
  return `${dataPrefix}${path.keyspace}/${path.table}-${path.tableId}/${index}${version}/${path.file}`;
}

/** "data/ks/table-id/": every object of one table. */
export function tablePrefix(keyspace: string, table: string, tableId: string): string {
  return `${dataPrefix}${keyspace}/${table}-${tableId}/`;
}

/** A backup's full name and its parts. */
export interface BackupName {
  readonly text: string;
  readonly tag: string;
  readonly schemaVersion: string;
  readonly createdMs: number;
}

/** A tag holds no slash, so that a name is one key segment, and nothing that would move a terminal's cursor. */
const namePattern = /^([^/\p{Cc}]+)-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-(\d{1,15})$/u;

export function parseBackupName(text: string): BackupName | undefined {
  const match = namePattern.exec(text);
  if (match === null) return undefined;
  const [, tag = "", schemaVersion = "", millis = ""] = match;
  return { text, tag, schemaVersion, createdMs: Number(millis) };
}

export function backupName(tag: string, schemaVersion: string, createdMs: number): BackupName {
  const name = parseBackupName(`${tag}-${schemaVersion}-${createdMs}`);
  if (name === undefined) {
    throw new AppError("internal", `cannot name a backup of tag '${tag}' and schema version '${schemaVersion}'`);
  }
  return name;
}
