import { parseComponentName, withGeneration } from "../cassandra/cassandra.ts";
import { AppError } from "../errors.ts";
import type { LocalTable } from "./local-table.ts";

type SSTable = LocalTable["sstables"][number];

const nameOf = ({ index, baseName }: SSTable) => `${index ?? ""}/${baseName}`;

/**
 * The table with a distinct name for each SSTable. Two data directories may hold SSTables of one name (after files were
 * copied between them), while in a backup and in a restored table a name means one SSTable. All but the first go under
 * the lowest free generation. As Cassandra counts upwards, it seldom uses that later, so that the next backup gives the
 * same name and finds the objects stored. Throws `unsupported` for names with a unique ID.
 */
export function withDistinctNames(table: LocalTable): LocalTable {
  const names = new Set<string>();
  const doubled = new Set<SSTable>();
  for (const sstable of table.sstables) {
    const name = nameOf(sstable);
    if (names.has(name)) doubled.add(sstable);
    names.add(name);
  }
  if (doubled.size === 0) return table;
  const used = new Set(table.sstables.map(({ index, generation }) => `${index ?? ""}/${generation}`));
  const sstables = table.sstables.map((sstable) => (doubled.has(sstable) ? renamed(sstable, table, used) : sstable));
  return { ...table, sstables };
}

function renamed(sstable: SSTable, { keyspace, table }: LocalTable, used: Set<string>): SSTable {
  const { index = "", baseName, generation } = sstable;
  if (!/^\d+$/.test(generation)) {
    throw new AppError("unsupported", `${keyspace}.${table} has two SSTables ${baseName} in different directories`, {
      hint: `run \`nodetool upgradesstables -a ${keyspace} ${table}\`, which gives each a name of its own`,
    });
  }
  let free = 1;
  while (used.has(`${index}/${free}`)) free += 1;
  used.add(`${index}/${free}`);
  const files = sstable.files.map((file) => ({ ...file, name: withGeneration(file.name, String(free)) }));
  const newName = parseComponentName(files[0]?.name ?? "")?.baseName ?? baseName;
  return { ...sstable, baseName: newName, generation: String(free), files };
}
