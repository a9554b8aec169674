/** Writes the table of folders into ARCHITECTURE.md, from test/architecture/ranks.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { folderTable } from "../test/architecture/imports.ts";
import { folders } from "../test/architecture/ranks.ts";

const file = new URL("../ARCHITECTURE.md", import.meta.url);
const text = readFileSync(file, "utf8");
const table = /^\| rank \|[\s\S]*?\n(?=\n)/m;
if (!table.test(text)) throw new Error("ARCHITECTURE.md has no table of folders");
writeFileSync(
  file,
  text.replace(table, () => `${folderTable(folders)}\n`),
);
