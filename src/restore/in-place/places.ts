import { join } from "node:path";
import { listSSTables } from "../../cassandra/cassandra.ts";
import { AppError } from "../../errors.ts";
import { deviceOf, freeBytes, stagingRoot } from "../../files/files.ts";
import type { RestoreRun } from "../context.ts";
import { checkSpace, type Owner, restoreDirectory } from "../directories.ts";
import { bytesOf, type WantedFile } from "../fetch.ts";
import { checkOwnDirectory, openOwnDirectory } from "../own-directory.ts";
import type { StoppedNode } from "./stopped-node.ts";
import type { StoppedTable } from "./target-directories.ts";

/** One data directory with the places, on its file system, for what will go in and what comes out. */
export interface Place {
  readonly dataDirectory: string;
  /** Holds all that a restore writes beside the data directory; places on one file system share it. */
  readonly root: string;
  readonly staged: string;
  readonly replaced: string;
}

/** A place for each data directory, on its file system, outside it where that is possible. */
export async function findPlaces(dataDirectories: readonly string[], backup: string): Promise<readonly Place[]> {
  const places: Place[] = [];
  for (const [index, dataDirectory] of dataDirectories.entries()) {
    const root = join(await stagingRoot(dataDirectory), restoreDirectory, backup);
    places.push({
      dataDirectory,
      root,
      staged: join(root, `staged-${index}`),
      replaced: join(root, `replaced-${index}`),
    });
  }
  return places;
}

export function rootsOf(places: readonly Place[]): readonly string[] {
  return [...new Set(places.map(({ root }) => root))];
}

/** Throws `already-exists` where something in the places is not a restore's own; touches nothing but permissions. */
export async function checkPlaces(places: readonly Place[]): Promise<void> {
  for (const { root, dataDirectory } of places) await checkOwnDirectory(root, dataDirectory);
}

export async function openPlaces(places: readonly Place[], owner: Owner | undefined): Promise<void> {
  for (const { root, dataDirectory } of places) await openOwnDirectory(root, dataDirectory, owner);
}

/** Room on each file system for what will be downloaded to it, however many of the places are on it. */
export async function checkRoom(places: readonly Place[], missing: readonly WantedFile[]): Promise<void> {
  const roots = new Map<number, string>();
  const bytes = new Map<number, number>();
  for (const { root, staged } of places) {
    const device = await deviceOf(root);
    const below = missing.filter(({ path }) => path.startsWith(`${staged}/`));
    roots.set(device, roots.get(device) ?? root);
    bytes.set(device, (bytes.get(device) ?? 0) + bytesOf(below));
  }
  for (const [device, root] of roots) await checkSpace(root, bytes.get(device) ?? 0);
}

/**
 * Where each file will be staged. All components of one SSTable go to one data directory: where the node has that
 * SSTable already (its files are linked if they are right), else where most room is left. Local system tables go where
 * Cassandra looks for them, and nothing else goes to a directory that is for them alone.
 */
export async function assignPlaces(
  run: RestoreRun,
  stopped: StoppedNode,
  places: readonly Place[],
  targets: readonly StoppedTable[],
): Promise<ReadonlyMap<string, WantedFile[]>> {
  const ordinary = places.filter(({ dataDirectory }) => stopped.dataDirectories.includes(dataDirectory));
  const room = new Map<Place, number>();
  for (const place of ordinary) room.set(place, await freeBytes(place.root));
  const wanted = new Map<string, WantedFile[]>();
  for (const table of targets) {
    const directory = join(table.keyspace, `${table.table}-${table.tableId}`);
    const present = new Map<string, Place>();
    for (const place of ordinary) {
      for (const { baseName } of (await listSSTables(join(place.dataDirectory, directory), run.signal)) ?? []) {
        present.set(baseName, place);
      }
    }
    const files = [...run.files((keyspace, name) => keyspace === table.keyspace && name === table.table)];
    for (const [baseName, components] of Map.groupBy(files, (file) => file.baseName)) {
      const local = localKeyspaces.has(table.keyspace);
      const place = local ? systemPlace(places, stopped) : (present.get(baseName) ?? roomiest(room));
      const bytes = components.reduce((sum, { entry }) => sum + (entry.size ?? 0), 0);
      room.set(place, (room.get(place) ?? 0) - bytes);
      const assigned = components.map(({ entry, path }): WantedFile => {
        const relative = join(directory, path.index ?? "", path.file);
        return { entry, path: join(place.staged, relative), candidate: join(place.dataDirectory, relative) };
      });
      wanted.set(`${directory}/${baseName}`, assigned);
    }
  }
  return wanted;
}

/** Cassandra keeps these in one directory, whatever the number of its data directories. */
const localKeyspaces: ReadonlySet<string> = new Set(["system", "system_schema"]);

function systemPlace(places: readonly Place[], { systemDirectory }: StoppedNode): Place {
  const place = places.find(({ dataDirectory }) => dataDirectory === systemDirectory);
  if (place !== undefined) return place;
  const directories = places.map(({ dataDirectory }) => dataDirectory).join(", ");
  throw new AppError("usage", `which of ${directories} is for the local system keyspaces cannot be told`, {
    hint: "give --config-directory, the directory of this node's cassandra.yaml",
  });
}

function roomiest(room: ReadonlyMap<Place, number>): Place {
  const [best] = [...room].sort(([, a], [, b]) => b - a);
  if (best === undefined) throw new AppError("internal", "no data directory to restore into");
  return best[0];
}
