import { appendFileSync } from "node:fs";
import { rm, mkdir } from "node:fs/promises";
import { it, expect } from "vitest";
import { useCassandra, freshNode } from "../harness/cassandra.ts";
import { esop, esopOk } from "../harness/esop.ts";
import { esopJar } from "../harness/esop-jar.ts";
import { createSampleTables } from "../harness/sample-tables.ts";
import { storedFiles, storedManifest } from "../harness/stored-files.ts";
import { connectJmx, jmx, parseServiceUrl } from "../../src/jmx/jmx.ts";

const log = (...a: unknown[]) => appendFileSync("/tmp/x/explore.log", a.map((x) => typeof x === "string" ? x : JSON.stringify(x)).join(" ") + "\n");
const jar = async (...p: string[]) => { const s = Date.now(); const r = await esopJar(...p); log("JAR", p.join(" "), "->", String(r.status), String(Date.now() - s), "ms\n", r.output.split("\n").slice(0,400).join("\n")); return r; };

it("explore", { timeout: 560_000 }, async () => {
  const kind = { version: "5.0", clusterName: "compat" } as const;
  const node = await useCassandra(kind);
  const tables = await createSampleTables(node, { sai: false });
  const { rows } = await node.cql.execute("SELECT host_id, cluster_name FROM system.local");
  await rm("/tmp/x/store", { recursive: true, force: true });
  await mkdir("/tmp/x/store/bucket", { recursive: true });
  const dir = `/tmp/x/store/bucket/compat/dc1/${rows[0]?.["host_id"]}`;
  const sl = `--storage-location=file://${dir}`;
  const J = `--jmx-service=127.0.0.1:${node.sandbox.jmxPort}`;
  const dd = node.sandbox.dataDirectories.map((d) => `--data-dir=${d}`);
  log("ours first", await esopOk("backup", sl, "--snapshot-tag=first", J));
  const c = await connectJmx({ target: parseServiceUrl(node.sandbox.jmxServiceUrl) });
  log("mutate", await c.invoke("org.apache.cassandra.db:type=StorageService", "mutateSSTableRepairedState", [true, false, tables.keyspace, jmx.list(["simple","people","indexed"])], ["boolean","boolean","java.lang.String","java.util.List"]));
  await tables.write(2);
  log("ours second", await esopOk("backup", sl, "--snapshot-tag=second", J));
  log("list", await esopOk("list", sl));
  const m = await storedManifest(dir, "second");
  log("content keys", JSON.stringify(m).match(/data\/\w+\/[^"]*\/\d+-\d+-[0-9a-f]{16}\/[^"]+/g));
  await jar("list", sl, "--json", "--cache-dir=/tmp/x/jcache");
  await tables.destroy();
  for (const phase of ["download", "truncate", "import", "cleanup"]) {
    await jar("restore", sl, "--snapshot-tag=second", `--entities=${tables.keyspace}`, "--restoration-strategy-type=IMPORT", `--restoration-phase-type=${phase}`, J, ...dd, `--dd=${node.sandbox.directory}`, "--import-source-dir=/tmp/x/import");
  }
  try { await tables.expectRows(2); log("IMPORT rows ok"); } catch (e) { log("IMPORT rows BAD", String(e).slice(0, 500)); }
  await node.stop();
  {
    await using rep = await freshNode(kind);
    await jar("restore", sl, "--snapshot-tag=second", "--restoration-strategy-type=IN_PLACE", "--rs", ...rep.sandbox.dataDirectories.map((d) => `--data-dir=${d}`), `--dd=${rep.sandbox.directory}`, `--cd=${rep.sandbox.configDirectory}`);
    try { await rep.start(); await tables.expectRows(2, rep.cql); log("IN_PLACE rows ok"); } catch (e) { log("IN_PLACE BAD", String(e).slice(0, 1500)); }
  }
  await node.start();
  // dedup
  const L2 = `/tmp/x/store/bucket2/compat/dc1/${rows[0]?.["host_id"]}`;
  await mkdir("/tmp/x/store/bucket2", { recursive: true });
  const sl2 = `--storage-location=file://${L2}`;
  const ent = `--entities=${tables.keyspace}`;
  await tables.write(1);
  await jar("backup", sl2, "--snapshot-tag=esop1", J, ...dd, ent);
  const a = await storedFiles(L2);
  log("ours over esop", await esopOk("backup", sl2, "--snapshot-tag=ours2", J, ent));
  const b = await storedFiles(L2);
  log("untouched", JSON.stringify([...a]) === JSON.stringify([...b]));
  await tables.write(2);
  log("ours new", await esopOk("backup", sl2, "--snapshot-tag=ours3", J, ent));
  const d = await storedFiles(L2);
  await jar("backup", sl2, "--snapshot-tag=esop4", J, ...dd, ent);
  const e = await storedFiles(L2);
  log("esop over ours", d.size, e.size, "changed inode", [...d].filter(([k, v]) => e.get(k)?.inode !== v.inode).length, "sha", [...d].filter(([k, v]) => e.get(k)?.sha256 !== v.sha256).length, "mtime", [...d].filter(([k, v]) => e.get(k)?.modifiedMs !== v.modifiedMs).length, "new", [...e].filter(([k]) => !d.has(k)).map(([k]) => k));
  log("mutate", await c.invoke("org.apache.cassandra.db:type=StorageService", "mutateSSTableRepairedState", [true, false, tables.keyspace, jmx.list(["simple"])], ["boolean","boolean","java.lang.String","java.util.List"]));
  await jar("backup", sl2, "--snapshot-tag=esop5", J, ...dd, ent);
  await jar("restore", sl2, "--snapshot-tag=esop5", ent, "--restoration-strategy-type=IMPORT", `--restoration-phase-type=download`, J, ...dd, `--dd=${node.sandbox.directory}`, "--import-source-dir=/tmp/x/import");
  log("ours of trap", await esop(["restore", sl2, "--snapshot-tag=esop5", J, ent, "--json"]));
  log("ours after trap", await esopOk("backup", sl2, "--snapshot-tag=ours6", J, ent));
  log("ours list", await esopOk("list", sl2));
  await jar("list", sl2, "--cache-dir=/tmp/x/jcache2");
  await c.close();
  expect(1).toBe(1);
});
