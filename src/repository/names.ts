import { parseComponentName } from "../cassandra/cassandra.ts";
import { isFileName } from "../files/files.ts";

/**
 * Names as they come from a bucket or a node. Each is checked here before it becomes part of a key, a local path, a
 * statement or a line in `cassandra.yaml`.
 */

/** "-" and the table's ID follow in the name of its directory, which has 255 bytes at most. */
const maxTableName = 222;

/** The names that Cassandra itself accepts for keyspaces. */
export function isKeyspaceName(text: string): boolean {
  return /^\w+$/.test(text) && text.length <= maxTableName;
}

/** The names that Cassandra itself accepts for tables. */
export function isTableName(text: string): boolean {
  return isKeyspaceName(text);
}

/** 32 hex digits. */
export function isTableId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** "nb-1-big" and, of former versions, "ks-t-ka-1". */
export function isSSTableName(text: string): boolean {
  return /^[\w-]+$/.test(text) && isFileName(`${text}-Statistics.db`);
}

/** "nb-1-big-Data.db": the file of an SSTable, never another file or directory that Cassandra has beside it. */
export function isComponentFile(text: string): boolean {
  return parseComponentName(text) !== undefined && isFileName(text);
}

/** A number, or with an ordered partitioner a text in hex. */
export function isToken(text: string): boolean {
  return /^-?[\w]{1,1024}$/.test(text);
}

/** One segment of a node's prefix: a cluster, a datacenter, a host ID. */
export function isNodeSegment(text: string): boolean {
  return isFileName(text) && !/[\s\\?#]/u.test(text);
}
