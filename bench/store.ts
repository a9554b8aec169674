/**
 * `npm run bench:store`: what transfers to and from a store that speaks S3 cost beside rclone, in one run, with everything in
 * memory: the files, what the store keeps, and what comes back. Prints a table of wall time, processor time and peak
 * memory. Everybody has two tries a round, the faster of which counts, and of several rounds, in turns, the median. Then the tool and Esop's jar as a whole, once, on a real node:
 * with a table of 5,000 small files and one of large ones, and how many requests each makes. `--rounds N` sets the
 * number of rounds (3), `--mib N` the amount of data in large files (2048), `--no-jar` leaves the second part out.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type ObjectStore, startStore } from "../test/harness/object-stores.ts";
import { temporaryDirectory } from "../test/harness/temporary-directory.ts";
import { type Measurement, measure } from "./measure.ts";
import { prepareRclone, type Rclone } from "./rclone.ts";
import { measureRealTool, reportRequests } from "./real-tool.ts";
import { type Row, report } from "./report.ts";

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "2048" },
    rounds: { type: "string", default: "3" },
    "no-jar": { type: "boolean", default: false },
  },
});
const memory = "/dev/shm";
const bucket = "bench";
const us = "esop";
const usAnywhere = "esop, any server";
const mebibyte = 1024 * 1024;
const shapes = [
  { name: "64 large files", count: 64, bytes: (Number(values.mib) / 64) * mebibyte },
  { name: "5,000 x 4 KiB", count: 5000, bytes: 4096 },
] as const;

async function writeFiles(directory: string, { count, bytes }: (typeof shapes)[number]): Promise<void> {
  await mkdir(directory);
  const block = Buffer.alloc(Math.min(bytes, mebibyte));
  for (let file = 0; file < count; file += 1) {
    const blocks = Array.from({ length: Math.ceil(bytes / block.length) }, () =>
      Buffer.from(crypto.getRandomValues(block.subarray(0, Math.min(block.length, 65_536)))),
    );
    const text = blocks.map((random) => Buffer.alloc(block.length, random));
    await writeFile(join(directory, `file-${file}`), text);
  }
}

function median(runs: readonly Measurement[]): Measurement {
  const middle = runs.toSorted((a, b) => a.wallMs - b.wallMs)[Math.floor(runs.length / 2)];
  if (middle === undefined) throw new Error("nothing was run");
  return middle;
}

/** Everybody has two tries. */
function faster(runs: readonly Measurement[]): Measurement {
  const [first] = runs.toSorted((a, b) => a.wallMs - b.wallMs);
  if (first === undefined) throw new Error("nothing was run");
  return first;
}

interface Bench {
  readonly directory: string;
  readonly store: ObjectStore;
  readonly rclone: Rclone;
}

async function compare({ directory, store, rclone }: Bench, shape: (typeof shapes)[number]): Promise<readonly Row[]> {
  const [from, to, list] = [join(directory, "from"), join(directory, "to"), join(directory, "list.json")];
  await writeFiles(from, shape);
  // Compiled sources are kept between starts, as by `./esop`.
  const compiled = { NODE_COMPILE_CACHE: join(import.meta.dirname, "../node_modules/.cache/node-compile") };
  const environment = { ...store.credentials, ...compiled, BENCH_ENDPOINT: store.endpoint, BENCH_BUCKET: bucket };
  const transfer = (dialect: string, ...parameters: readonly string[]) => {
    const command = [process.execPath, join(import.meta.dirname, "transfer.ts"), ...parameters];
    return measure(command, { environment: { ...environment, BENCH_DIALECT: dialect } });
  };
  const clear = {
    up: async () => {
      await rm(join(store.directory, bucket, "bench"), { recursive: true, force: true });
    },
    down: () => rm(to, { recursive: true, force: true }),
  };
  const runs = { up: new Map<string, Measurement[]>(), down: new Map<string, Measurement[]>() };
  const add = (way: "up" | "down", who: string, run: Measurement) => {
    runs[way].set(who, [...(runs[way].get(who) ?? []), run]);
  };
  const ours = (dialect: string) => async (way: "up" | "down", place: string) => {
    const tries: Measurement[] = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await clear[way]();
      tries.push(await transfer(dialect, way, place, list));
    }
    return faster(tries);
  };
  const theirs = (checked: boolean) => (way: "up" | "down", place: string) =>
    rclone.copy(way, place, { checked, before: clear[way] });
  const contestants = [
    { who: us, run: ours("aws") },
    { who: usAnywhere, run: ours("any") },
    { who: "rclone", run: theirs(true) },
    { who: "rclone, unchecked", run: theirs(false) },
  ];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    // Who comes first pays for memory that nobody has touched yet.
    const order = [
      ...contestants.slice(round % contestants.length),
      ...contestants.slice(0, round % contestants.length),
    ];
    for (const way of ["up", "down"] as const) {
      for (const { who, run } of order) {
        add(way, who, await run(way, way === "up" ? from : to));
        if (way === "down") await expectFiles(to, shape.count);
      }
    }
    await clear.down();
  }
  await clear.up();
  await rm(from, { recursive: true });
  return (["up", "down"] as const).map((way) => {
    const { [us]: measured, ...others } = Object.fromEntries([...runs[way]].map(([who, all]) => [who, median(all)]));
    if (measured === undefined) throw new Error("nothing was run");
    return { name: `${shape.name} ${way}`, ours: measured, others };
  });
}

async function expectFiles(directory: string, count: number): Promise<void> {
  const names = await readdir(directory);
  if (names.length !== count) throw new Error(`${names.length} of ${count} files came back`);
}

async function measureTransfers(): Promise<void> {
  const started = await startStore("versitygw", { parent: memory });
  if ("reason" in started) throw new Error(started.reason);
  await using store = started;
  await using place = await temporaryDirectory(memory);
  await mkdir(join(store.directory, bucket));
  const bench = { directory: place.path, store, rclone: await prepareRclone(store, bucket) };
  const rows: Row[] = [];
  for (const shape of shapes) rows.push(...(await compare(bench, shape)));
  process.stdout.write(report(rows));
}

async function run(): Promise<void> {
  await measureTransfers();
  if (values["no-jar"]) return;
  const { rows, requests } = await measureRealTool({ memory, largeMib: Number(values.mib), smallSSTables: 625 });
  process.stdout.write(report(rows) + reportRequests(requests));
}

await run();
