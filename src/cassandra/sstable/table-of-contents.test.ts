import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { missingComponent } from "./table-of-contents.ts";

const essential = ["Data.db", "Statistics.db", "CRC.db", "Index.db"];

it.each([
  ["all that is listed", "Data.db\nFilter.db\nTOC.txt\n", ["Data.db", "Filter.db"], undefined],
  ["more than is listed", "Data.db", ["Data.db", "Filter.db"], undefined],
  ["no bloom filter", "Data.db\r\nFilter.db\r\n", ["Data.db"], "Filter.db"],
  ["no data", "Data.db\nFilter.db", ["Filter.db"], "Data.db"],
  ["an SAI component less", "Data.db\nSAI+aa+Meta.db", ["Data.db"], "SAI+aa+Meta.db"],
  ["no more SASI index", "Data.db\nSI_i.db", ["Data.db"], undefined],
  ["a TOC of a SASI index alone", "SI_i.db", essential, undefined],
  ["such a TOC and no statistics", "SI_i.db", essential.slice(0, 1), "Statistics.db"],
  ["an empty TOC and no index", "", essential.slice(0, 3), "Index.db"],
])("an SSTable with %s", async (_what, toc, present, missing) => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "nb-1-big-TOC.txt");
  await writeFile(path, toc);
  expect(await missingComponent(new Set([...present, "TOC.txt"]), "big", path)).toBe(missing);
});

it("an SSTable without a TOC, and one of format bti without its trie", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "da-1-bti-TOC.txt");
  expect(await missingComponent(new Set(["Data.db"]), "bti", path)).toBe("TOC.txt");
  await writeFile(path, "");
  expect(await missingComponent(new Set([...essential, "TOC.txt"]), "bti", path)).toBe("Partitions.db");
});
