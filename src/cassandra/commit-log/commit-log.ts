import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { AppError, fileError, systemErrorCode, throwIfAborted } from "../../errors.ts";
import { type FileMode, openRegularFile } from "../../files/files.ts";

/**
 * The commit log of a stopped node: which tables' unflushed writes it holds, and how to take some tables' out of it
 * without touching the others'. A segment is
 *
 *   int version, long id, short n, n bytes JSON parameters, int crc
 *   sections: int end (offset of the next section), int crc of (low id, high id, own offset); 0, 0 ends the segment
 *   a section of a plain segment holds mutations: int size, int crc(size), size bytes, int crc(size, bytes); size 0 ends it
 *   a mutation begins: unsigned vint number of table updates, 16 bytes table id of the first
 *
 * Numbers are big-endian. Compressed and encrypted segments (their parameters say so) cannot be looked into.
 */
export interface CommitLogFindings {
  /** Segments with mutations of the tables asked for. */
  readonly segments: readonly string[];
  /** Some mutations of these tables, or that may be of these tables, cannot be told from others'. */
  readonly entangled: boolean;
}

const segmentPattern = /^CommitLog-\d+(?:-\d+)?\.log$/;

export async function listSegments(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => segmentPattern.test(name)).sort();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw fileError(error, `read ${directory}`);
  }
}

/** Table ids, each of 32 hex digits. */
export interface CommitLogTables {
  /** The tables whose mutations are looked for. */
  readonly wanted: ReadonlySet<string>;
  /** Tables of keyspaces that hold none of the wanted: a mutation is of one keyspace only. */
  readonly foreign: ReadonlySet<string>;
}

/** Looks for mutations of the wanted tables in every segment; a missing directory has none. */
export async function findInCommitLog(
  directory: string,
  tables: CommitLogTables,
  signal?: AbortSignal,
): Promise<CommitLogFindings> {
  const segments: string[] = [];
  let entangled = false;
  for (const name of await listSegments(directory)) {
    throwIfAborted(signal);
    const path = join(directory, name);
    const masked = maskTables((await readSegment(path)).content, tables);
    if (masked === "entangled") entangled = true;
    else if (masked > 0) segments.push(name);
  }
  return { segments, entangled };
}

export interface Segment {
  readonly content: Buffer;
  readonly mode: FileMode;
}

/** A link of that name is not followed: the account of Cassandra may have made it, and root would read what is behind it. */
export async function readSegment(path: string): Promise<Segment> {
  try {
    const file = await openRegularFile(path);
    if (file === undefined) throw notSegment(path, undefined);
    await using handle = file.handle;
    return { content: await handle.readFile(), mode: await handle.stat() };
  } catch (error) {
    throw systemErrorCode(error) === "ELOOP" ? notSegment(path, error) : fileError(error, `read ${path}`);
  }
}

function notSegment(path: string, cause: unknown): AppError {
  return new AppError("io", `commit log segment ${path} is no plain file`, {
    hint: "Cassandra makes plain files only: find out who made it, and move it away",
    cause,
  });
}

/** An id that no table has: Cassandra skips mutations of unknown tables when it replays a segment. */
const nobody = Buffer.from("e50be50be50b4e50be50e50be50be50b", "hex");

/**
 * Turns every mutation of the tables into one of a table that does not exist, in place: all positions in the segment
 * stay as they are, so that Cassandra still knows which of the others it has flushed. Gives their number, or
 * "entangled" where a mutation spans several tables of which one is meant, or where the segment cannot be read.
 */
export function maskTables(segment: Buffer, tables: CommitLogTables): number | "entangled" {
  if (segment.length < 18) return 0;
  const parametersEnd = 14 + segment.readUInt16BE(12);
  if (parametersEnd + 4 > segment.length) return "entangled";
  const plain = /^(?:\{\s*\})?$/.test(segment.toString("utf8", 14, parametersEnd));
  const [highId, lowId] = [segment.readInt32BE(4), segment.readInt32BE(8)];
  let masked = 0;
  for (let marker = parametersEnd + 4; marker + 8 <= segment.length; ) {
    const end = segment.readInt32BE(marker);
    const crc = segment.readUInt32BE(marker + 4);
    if (end === 0 && crc === 0) break;
    if (crc !== markerCrc(lowId, highId, marker) || end <= marker || end > segment.length) return "entangled";
    if (end - marker > 8) {
      const found = plain ? maskSection(segment.subarray(marker + 8, end), tables) : "entangled";
      if (found === "entangled") return found;
      masked += found;
    }
    marker = end;
  }
  return masked;
}

function markerCrc(lowId: number, highId: number, offset: number): number {
  const bytes = Buffer.alloc(12);
  bytes.writeInt32BE(lowId, 0);
  bytes.writeInt32BE(highId, 4);
  bytes.writeInt32BE(offset, 8);
  return crc32(bytes);
}

function maskSection(section: Buffer, { wanted, foreign }: CommitLogTables): number | "entangled" {
  let masked = 0;
  for (let offset = 0; offset + 12 <= section.length; ) {
    const size = section.readInt32BE(offset);
    if (size === 0) break;
    const sizeBytes = section.subarray(offset, offset + 4);
    const body = section.subarray(offset + 8, offset + 8 + size);
    const crcAt = offset + 8 + size;
    if (size < 17 || crcAt + 4 > section.length || crc32(sizeBytes) !== section.readUInt32BE(offset + 4)) {
      return "entangled";
    }
    const firstTable = body.toString("hex", 1, 17);
    if (body[0] === 1) {
      if (wanted.has(firstTable)) {
        // A damaged mutation must not become a sound one: Cassandra shall see the damage.
        if (crc32(body, crc32(sizeBytes)) !== section.readUInt32BE(crcAt)) return "entangled";
        nobody.copy(body, 1);
        section.writeUInt32BE(crc32(body, crc32(sizeBytes)), crcAt);
        masked += 1;
      }
    } else if (!foreign.has(firstTable) && [...wanted].some((id) => body.includes(Buffer.from(id, "hex")))) {
      // Where the second update starts is known only by decoding the first; and schema changes name tables as data.
      return "entangled";
    }
    offset += size + 12;
  }
  return masked;
}
