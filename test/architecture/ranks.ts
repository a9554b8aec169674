/**
 * Which folder may import which, said once. A folder imports folders of lower ranks only, and enters them by their door
 * (the file with the folder's name, which does nothing but export); the parts of a folder likewise, in the order given.
 * The test beside this file checks the sources and ARCHITECTURE.md against it.
 */
export interface Folder {
  readonly rank: number;
  /** Below src/; ends with a slash where it is a folder. */
  readonly path: string;
  readonly is: string;
  /** From low to high; folders of one line do not see each other. Files that are not named come last. */
  readonly parts?: readonly (readonly string[])[];
}

export const folders: readonly Folder[] = [
  { rank: 0, path: "errors.ts", is: "the closed table of errors, each with its exit status" },
  { rank: 1, path: "clock.ts", is: "time, passed to whoever needs it" },
  { rank: 1, path: "log.ts", is: "messages for the operator" },
  { rank: 1, path: "progress.ts", is: "how far an operation has come" },
  { rank: 1, path: "units.ts", is: "bytes, durations and counts as text" },
  { rank: 2, path: "concurrency/", is: "pools, rate limits, deadlines, abortable streams" },
  { rank: 2, path: "files/", is: "local files: read in parts, replaced atomically, synced" },
  {
    rank: 3,
    path: "http/",
    is: "HTTP/1.1 client: connections, proxies, a bound on every wait, the kinds of service errors",
  },
  { rank: 3, path: "retry/", is: "attempts of a call, and the budget of a run" },
  { rank: 4, path: "aws/", is: "AWS for S3 and the KMS: credentials, regions and endpoints, signed requests, errors" },
  {
    rank: 4,
    path: "request/",
    is: "what may be asked: flags, environment, files, JSON and its schema, help and the request's type derive from one table a command. No I/O",
    parts: [["options/"], ["values/"], ["commands/"]],
  },
  {
    rank: 4,
    path: "jmx/",
    is: "a JMX client: RMI, Java's serialization, TLS. Knows nothing of Cassandra",
    parts: [["errors.ts", "values.ts", "service-url.ts"], ["serialization/"], ["rmi/"]],
  },
  {
    rank: 5,
    path: "storage/",
    is: "object stores: the contract, the drivers, and what is wrapped around them",
    parts: [
      ["contract.ts", "keys.ts", "object-stream.ts"],
      ["remote/", "wrappers/"],
      ["s3/", "azure/", "gcs/", "file/", "testing/"],
    ],
  },
  { rank: 6, path: "transfer/", is: "files to objects and back: hashed and encrypted on the way, in constant memory" },
  { rank: 6, path: "operation/", is: "one operation of a kind at a time on a machine" },
  {
    rank: 6,
    path: "cassandra/",
    is: "the node beside us: its MBeans, directories, SSTables, commit log and configuration",
    parts: [["sstable/", "commit-log/"]],
  },
  {
    rank: 7,
    path: "encryption/",
    is: "files encrypted before they leave: formats, keys, the KMS",
    parts: [["format/"], ["keys/"], ["kms/"]],
  },
  { rank: 8, path: "repository/", is: "what lies in a bucket for a node: layout, manifests, topology, removals" },
  { rank: 9, path: "backup/", is: "backing up a node; the recipe is run.ts" },
  {
    rank: 9,
    path: "restore/",
    is: "restoring a node; the recipe is run.ts",
    parts: [
      ["context.ts", "directories.ts", "fetch.ts", "journal.ts", "own-directory.ts", "select-tables.ts"],
      ["live/", "in-place/"],
    ],
  },
  { rank: 9, path: "catalog/", is: "listing and removing backups" },
  { rank: 9, path: "preflight/", is: "whether this machine and a store can do what will be asked of them" },
  { rank: 10, path: "app/", is: "the composition root: opens what a verb needs, runs it, closes it" },
  { rank: 11, path: "cli/", is: "the command line: parses, calls app/, renders" },
  { rank: 11, path: "sandbox/", is: "real Cassandra nodes on loopback, for the demo and the tests; not installed" },
  { rank: 12, path: "demo/", is: "a backup, a disaster and a restore on a node of its own; not installed" },
  {
    rank: 12,
    path: "main.ts",
    is: "the process: the only reader of arguments and environment, the only caller of exit",
  },
  { rank: 13, path: "esop.ts", is: "what is installed" },
  { rank: 13, path: "development.ts", is: "what `./esop` runs from a checkout: the same, and the demo; not installed" },
];
