import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const components = ["Data.db", "Index.db", "Filter.db", "Statistics.db", "Summary.db", "TOC.txt", "Digest.crc32"];
const tables = 20;
const schemaVersion = "2473304f-e202-3575-b392-28ef6378e7aa";
const hash = "cb0e1dc801e303257b05c85045f813b5ea6237e7e0e75f6e4652e60315906d15";
const dayMs = 86_400_000;

/**
 * Manifests as Esop writes them, of backups that each share 95 % of their files with the one before, without the objects
 * they name. Gives their location.
 */
export async function writeSyntheticBackups(root: string, backups: number, filesEach: number): Promise<string> {
  const folder = join(root, "bucket/cluster/dc/node/manifests");
  await mkdir(folder, { recursive: true });
  const sstablesPerTable = Math.max(1, Math.round(filesEach / tables / components.length));
  for (let backup = 0; backup < backups; backup += 1) {
    const name = `snap${backup}-${schemaVersion}-${1_795_353_054_515 + backup * dayMs}`;
    const first = Math.floor(backup * sstablesPerTable * 0.05);
    const manifest = {
      snapshot: { name, keyspaces: { ks: { tables: tablesOf(first, sstablesPerTable) } } },
      tokens: ["0"],
      schemaVersion,
      size: filesEach * 1000,
    };
    await writeFile(join(folder, `${name}.json`), JSON.stringify(manifest, undefined, 4));
  }
  return `file://${root}/bucket/cluster/dc/node`;
}

function tablesOf(first: number, count: number) {
  return Object.fromEntries(
    Array.from({ length: tables }, (_, table) => {
      const id = `09a650a0e67611f19a07dbe54d2f2a${10 + table}`;
      const sstables = Array.from({ length: count }, (_, index) =>
        sstableOf(`data/ks/table${table}-${id}`, first + index),
      );
      return [
        `table${table}`,
        { sstables: Object.fromEntries(sstables), id, schemaContent: "CREATE TABLE ks.t (k int)" },
      ];
    }),
  );
}

function sstableOf(folder: string, generation: number) {
  const base = `nb-${generation}-big`;
  const entries = components.map((component) => ({
    objectKey: `${folder}/${generation}-${1_000_000 + generation}/${base}-${component}`,
    type: "FILE",
    size: 1000 + generation,
    hash,
  }));
  return [base, entries] as const;
}
