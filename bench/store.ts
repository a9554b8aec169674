/**
 * `npm run bench:store`: what transfers to and from a store that speaks S3 cost beside rclone, s5cmd and AWS's Common
 * Runtime, over HTTPS and over plain HTTP, in one run, with everything in memory: the files, what the store keeps, and
 * what comes back. Prints a table of wall time, processor time and peak memory. Everybody has two tries a round, the
 * faster of which counts, and of several rounds, in turns, the median. Then the tool and Esop's jar as a whole, once,
 * on a real node: with a table of 5,000 small files and one of large ones, and how many requests each makes.
 *
 *   --rounds N               number of rounds (3)
 *   --mib N                  amount of data in large files (2048)
 *   --schemes LIST           "https,http"
 *   --only LIST              contestants by their names, beside the tool itself
 *   --beside NAME=DIRECTORY  another checkout of the tool, measured in the same turns
 *   --no-jar                 leaves the second part out
 */
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeCertificates } from "../test/harness/certificates.ts";
import { startStore } from "../test/harness/object-stores.ts";
import { temporaryDirectory } from "../test/harness/temporary-directory.ts";
import { awscrt } from "./awscrt.ts";
import type { Contestant, Target } from "./contestant.ts";
import { esop } from "./esop.ts";
import { fastestOf, type Measurement, summaryOf } from "./measure.ts";
import { rclone } from "./rclone.ts";
import { measureRealTool, reportRequests } from "./real-tool.ts";
import { type Row, report } from "./report.ts";
import { s5cmd } from "./s5cmd.ts";

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "2048" },
    rounds: { type: "string", default: "3" },
    schemes: { type: "string", default: "https,http" },
    only: { type: "string" },
    beside: { type: "string", multiple: true, default: [] },
    "no-jar": { type: "boolean", default: false },
  },
});
const memory = "/dev/shm";
const [bucket, prefix] = ["bench", "bench"];
const us = "esop";
const mebibyte = 1024 * 1024;
const shapes = [
  { name: "64 large files", count: 64, bytes: (Number(values.mib) / 64) * mebibyte },
  { name: "5,000 x 4 KiB", count: 5000, bytes: 4096 },
] as const;
type Shape = (typeof shapes)[number];

async function writeFiles(directory: string, { count, bytes }: Shape): Promise<void> {
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

async function contestantsFor(target: Target): Promise<readonly Contestant[]> {
  const root = join(import.meta.dirname, "..");
  const beside = values.beside.map((text) => {
    const [name = "", directory = ""] = text.split("=");
    return esop(target, { name, dialect: "aws", root: directory });
  });
  const others = [
    esop(target, { name: "esop any server", dialect: "any", root }),
    ...(await rclone(target)),
    await s5cmd(target),
    await awscrt(target),
  ];
  const wanted = values.only?.split(",");
  return [
    esop(target, { name: us, dialect: "aws", root }),
    ...beside,
    ...others.filter(({ name }) => wanted === undefined || wanted.includes(name)),
  ];
}

/** In turns: who comes first pays for memory that nobody has touched yet. */
function inTurn<T>(all: readonly T[], round: number): readonly T[] {
  const first = round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

interface Bench {
  readonly directory: string;
  readonly scheme: string;
  /** Where the store has the objects, as plain files. */
  readonly stored: string;
  readonly contestants: readonly Contestant[];
}

async function compare({ directory, scheme, stored, contestants }: Bench, shape: Shape): Promise<readonly Row[]> {
  const [from, to] = [join(directory, "from"), join(directory, "to")];
  await writeFiles(from, shape);
  const ends = { up: { source: from, target: stored }, down: { source: to, target: to } } as const;
  const runs = { up: new Map<string, Measurement[]>(), down: new Map<string, Measurement[]>() };
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const way of ["up", "down"] as const) {
      const { source, target } = ends[way];
      const hooks = {
        before: () => rm(target, { recursive: true, force: true }),
        after: () => expectFiles(target, shape),
      };
      for (const { name, copy } of inTurn(contestants, round)) {
        const tries = await copy(way, source, hooks);
        const best = fastestOf(tries);
        const walls = tries.map(({ wallMs }) => (wallMs / 1000).toFixed(2));
        process.stderr.write(
          `${scheme}, ${shape.name} ${way}, round ${round + 1}: ${name} ${walls.join(" s, ")} s, cpu ${(best.cpuMs / 1000).toFixed(2)} s\n`,
        );
        runs[way].set(name, [...(runs[way].get(name) ?? []), best]);
      }
    }
    await rm(to, { recursive: true, force: true });
  }
  for (const place of [stored, from]) await rm(place, { recursive: true });
  return (["up", "down"] as const).map((way) => rowOf(`${scheme}, ${shape.name} ${way}`, runs[way], shape));
}

function rowOf(name: string, runs: ReadonlyMap<string, readonly Measurement[]>, { count, bytes }: Shape): Row {
  const { [us]: ours, ...others } = Object.fromEntries([...runs].map(([who, all]) => [who, summaryOf(all)]));
  if (ours === undefined) throw new Error("nothing was run");
  return { name, ours, others, movedBytes: count * bytes };
}

async function expectFiles(directory: string, { count, bytes }: Shape): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.startsWith("file-"));
  if (names.length !== count) throw new Error(`${names.length} of ${count} files came to ${directory}`);
  for (const name of names) {
    const { size } = await stat(join(directory, name));
    if (size !== bytes) throw new Error(`${name} has ${size} of ${bytes} bytes`);
  }
}

async function measureTransfers(scheme: string): Promise<void> {
  await using place = await temporaryDirectory(memory);
  const tls = scheme === "https" ? await makeCertificates(place.path) : undefined;
  const started = await startStore("versitygw", { parent: memory, ...(tls === undefined ? {} : { tls }) });
  if ("reason" in started) throw new Error(started.reason);
  await using store = started;
  await mkdir(join(store.directory, bucket));
  const list = join(place.path, "list.json");
  const contestants = await contestantsFor({ store, bucket, prefix, list, caFile: tls?.authorityFile });
  const stored = join(store.directory, bucket, prefix);
  const rows: Row[] = [];
  for (const shape of shapes) {
    rows.push(...(await compare({ directory: place.path, scheme, stored, contestants }, shape)));
  }
  process.stdout.write(report(rows) + contestants.map(({ name, checks }) => `${name}: ${checks}\n`).join(""));
}

async function run(): Promise<void> {
  for (const scheme of values.schemes.split(",")) await measureTransfers(scheme);
  if (values["no-jar"]) return;
  const { rows, requests } = await measureRealTool({ memory, largeMib: Number(values.mib), smallSSTables: 625 });
  process.stdout.write(report(rows) + reportRequests(requests));
}

await run();
