import { readFile } from "node:fs/promises";
import { fileError } from "../../errors.ts";

export const tocComponent = "TOC.txt";

/** A SASI index that is dropped takes its component away, and Cassandra leaves it in the TOC. */
const isSasi = (component: string) => component.startsWith("SI_");

/** Components without which Cassandra does not open an SSTable; alternatives stand together. */
function requiredComponents(format: string): readonly (readonly string[])[] {
  const index = format === "bti" ? [["Partitions.db"], ["Rows.db"]] : [["Index.db"]];
  return [["Data.db"], ["Statistics.db"], ["CompressionInfo.db", "CRC.db"], ...index];
}

/**
 * A component that belongs to an SSTable and is not among the `present` ones; undefined for a complete SSTable.
 * `tocPath` is its TOC component. A TOC that does not even list Data.db is incomplete, as Cassandra 4.0 writes it for
 * a table with a SASI index: then the SSTable needs the components that its format cannot do without.
 */
export async function missingComponent(
  present: ReadonlySet<string>,
  format: string,
  tocPath: string,
): Promise<string | undefined> {
  if (!present.has(tocComponent)) return tocComponent;
  let text: string;
  try {
    text = await readFile(tocPath, "utf8");
  } catch (error) {
    throw fileError(error, `read ${tocPath}`);
  }
  const listed = text.split(/\s+/).filter((component) => component !== "" && !isSasi(component));
  const needed = listed.includes("Data.db") ? listed.map((component) => [component]) : requiredComponents(format);
  return needed.find((alternatives) => !alternatives.some((component) => present.has(component)))?.[0];
}
