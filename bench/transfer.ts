/**
 * Moves files as a backup and a restore do, and nothing else of them: hashed with SHA-256 on the way, large ones beside
 * the main thread, the largest first, ten at once; downloads are verified and synced. `transfer.ts up|down DIRECTORY LIST`, where LIST is what was sent, as
 * JSON: written by "up", read by "down". The store is named by the environment; it is spoken to as AWS is, or with the
 * dialect "any" as a server of which nothing is known: each chunk of a body is signed then, and so hashed twice.
 */
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../src/clock.ts";
import { forEachConcurrently } from "../src/concurrency/concurrency.ts";
import { silentLogger } from "../src/log.ts";
import { openStorage, type Storage } from "../src/storage/storage.ts";
import { download, fileSource, HashThreads, ReadAhead, syncDirectory, upload } from "../src/transfer/transfer.ts";

interface Sent {
  readonly name: string;
  readonly sizeBytes: number;
  readonly hash: string | undefined;
}

const {
  BENCH_ENDPOINT: endpoint,
  BENCH_BUCKET: bucket = "",
  BENCH_PREFIX: prefix = "",
  BENCH_CA_FILE: caFile,
  BENCH_DIALECT: dialect,
} = process.env;
const connections = 10;
const algorithm = "SHA-256";

async function sendAll(storage: Storage, directory: string): Promise<readonly Sent[]> {
  const names = await readdir(directory);
  const files = await Promise.all(
    names.map(async (name) => ({ name, sizeBytes: (await stat(join(directory, name))).size })),
  );
  const sent: Sent[] = [];
  await using threads = new HashThreads();
  await forEachConcurrently(
    files.toSorted((a, b) => b.sizeBytes - a.sizeBytes),
    connections,
    async ({ name, sizeBytes }, signal) => {
      const source = await fileSource(join(directory, name), sizeBytes);
      const { hash } = await upload(storage, `${prefix}/${name}`, source, { algorithm, threads, signal });
      sent.push({ name, sizeBytes, hash });
    },
  );
  return sent;
}

async function fetchAll(storage: Storage, directory: string, sent: readonly Sent[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  const ahead = new ReadAhead(connections);
  await using threads = new HashThreads();
  await forEachConcurrently(
    sent.toSorted((a, b) => b.sizeBytes - a.sizeBytes),
    2 * connections,
    async ({ name, sizeBytes, hash }, signal) => {
      const expected = { sizeBytes, hash, algorithm } as const;
      const how = { expected, ahead, storedBytes: sizeBytes, threads, signal };
      await download(storage, `${prefix}/${name}`, join(directory, name), how);
    },
  );
  await syncDirectory(directory);
}

const [direction, directory = "", list = ""] = process.argv.slice(2);
const way = { endpoint, caFile, pathStyle: true, region: "us-east-1" } as const;
const settings = { ...way, maxUploads: connections, environment: process.env };
const where = { protocol: dialect === "any" ? "s3" : "minio", bucket } as const;
const storage = await openStorage(where, { clock: systemClock, random: Math.random, log: silentLogger, settings });
if (direction === "up") await writeFile(list, JSON.stringify(await sendAll(storage, directory)));
else await fetchAll(storage, directory, JSON.parse(await readFile(list, "utf8")));
await storage.close();
