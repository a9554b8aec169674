import { readdir, readFile, readlink } from "node:fs/promises";
import { expect, test } from "vitest";
import { useCassandra } from "../harness/cassandra.ts";

test("a node keeps its rows over a stop and over a crash", async () => {
  const node = await useCassandra({ version: "5.0" });
  const keyspace = await node.keyspace();
  await node.cql.execute(`CREATE TABLE ${keyspace}.t (id int PRIMARY KEY, name text)`);
  await node.cql.execute(`INSERT INTO ${keyspace}.t (id, name) VALUES (?, ?)`, [1, "one"]);
  for (const how of ["TERM", "KILL"] as const) {
    const before = node.sandbox.pid;
    await node.restart(how);
    expect(node.sandbox.pid).not.toBe(before);
    const result = await node.cql.execute(`SELECT id, name FROM ${keyspace}.t`);
    expect(result.rows.map((row) => row.get("name"))).toEqual(["one"]);
  }
});

test.runIf(process.platform === "linux")("a node listens on the loopback interface only", async () => {
  const { sandbox } = await useCassandra({ version: "5.0" });
  const sockets = await listeningSockets(sandbox.pid ?? 0);
  expect(sockets.map((socket) => socket.port)).toEqual(expect.arrayContaining([sandbox.cqlPort, sandbox.jmxPort]));
  for (const { address } of sockets) expect(address).toMatch(/^127\./);
});

/** The TCP sockets on which a process listens, from the kernel's tables. */
async function listeningSockets(pid: number): Promise<{ readonly address: string; readonly port: number }[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
  const tables = await Promise.all(["tcp", "tcp6"].map((name) => readFile(`/proc/${pid}/net/${name}`, "utf8")));
  return tables
    .flatMap((table) => table.split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === "0A" && links.includes(`socket:[${inode}]`))
    .map(([, local = ""]) => {
      const [address = "", port = ""] = local.split(":");
      // The last four bytes, in the order of a little-endian machine; an IPv4 address within IPv6 ends the same way.
      const bytes = address.slice(-8).match(/../g) ?? [];
      return {
        address: bytes
          .reverse()
          .map((byte) => Number.parseInt(byte, 16))
          .join("."),
        port: Number.parseInt(port, 16),
      };
    });
}
