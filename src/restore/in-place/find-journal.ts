import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { readJournal } from "../journal.ts";
import { checkPlaces, findPlaces, type Place, rootsOf } from "./places.ts";
import { parseSwapJournal, type SwapJournal } from "./swap-journal.ts";

export const journalFile = "journal.json";

export interface FoundJournal {
  readonly places: readonly Place[];
  /** Where the journal is, or will be. */
  readonly path: string;
  readonly journal: SwapJournal | undefined;
}

/**
 * The places of a restore and its journal, in whichever of them it is: data directories may be given in another order
 * than they were, and the places are then in the order of the journal.
 */
export async function findJournal(dataDirectories: readonly string[], backup: string): Promise<FoundJournal> {
  const places = await findPlaces(dataDirectories, backup);
  const [first] = places;
  if (first === undefined) throw new AppError("internal", "no data directory to restore into");
  await checkPlaces(places);
  for (const root of rootsOf(places)) {
    const path = join(root, journalFile);
    const journal = await readJournal(path, parseSwapJournal);
    if (journal === undefined) continue;
    const order = journal.directories.data;
    const same = order.length === places.length && dataDirectories.every((directory) => order.includes(directory));
    return { places: same ? await findPlaces(order, backup) : places, path, journal };
  }
  return { places, path: join(first.root, journalFile), journal: undefined };
}
