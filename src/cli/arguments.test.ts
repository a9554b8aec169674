import { describe, expect, it } from "vitest";
import type { VerbName } from "../request/request.ts";
import { parseCommandLine } from "./arguments.ts";
import { commands } from "./commands.ts";

const parse = (...argv: string[]) => parseCommandLine(argv, commands);

/** What was read for a verb, by key of its table. */
function read(...argv: string[]): Record<string, readonly string[]> {
  const line = parse(...argv);
  if (line.kind !== "command") throw new Error(`read as ${line.kind}`);
  return Object.fromEntries([...line.source].map(([key, { texts }]) => [key, texts]));
}

/** Every spelling that Esop has for these verbs; "=" marks those that take a value. */
const common =
  "--sl= --storage-location= --cc= --concurrent-connections= --insecure-http --skip-bucket-verification --use-proxy " +
  "--proxy-host= --proxy-port= --proxy-username= --proxy-password= --proxy-protocol= --retry-enabled " +
  "--retry-interval= --retry-strategy= --retry-max-attempts= --kmsKeyId= --jmx-service= --jmx-user= --jmx-password= " +
  "--jmx-credentials= --jmx-truststore= --jmx-truststore-password= --jmx-keystore= --jmx-keystore-password= " +
  "--jmx-client-auth";
const own: readonly (readonly [VerbName, string])[] = [
  [
    "backup",
    "-s= --st= --snapshot-tag= --entities= --data-dir= -d= --duration= -b= --bandwidth= --create-missing-bucket --md= " +
      "--metadata-directive= --skip-refreshing --uploadClusterTopology --globalRequest --datacenter= --timeout= " +
      "--hash-algorithm=",
  ],
  [
    "restore",
    "-s= --st= --snapshot-tag= --entities= --restoration-strategy-type= --restoration-phase-type= --data-dir= --dd= " +
      "--data-directory= --cassandra-dir= --cd= --config-directory= --rs --restore-system-keyspace --ra " +
      "--restore-system-auth --restore-into-new-cluster --update-cassandra-yaml --resolve-host-id-from-topology " +
      "--schema-version= --exact-schema-version --rename= --import-source-dir= --import-keep-level " +
      "--import-keep-repaired --import-no-verify --import-no-verify-tokens --import-no-invalidate-caches " +
      "--import-quick --import-extended-verify --restoration-no-download-data --restoration-no-delete-downloads " +
      "--restoration-no-delete-truncates --globalRequest --datacenter= --timeout=",
  ],
  [
    "list",
    "--json --resolve-nodes --human-units --to-file= --simple-format --from-timestamp= --last-n= --skip-download " +
      "--cache-dir=",
  ],
  [
    "remove-backup",
    "-n= --name= --backup-name= -d --dry --resolve-nodes -o --oldest --older-than= --dcs= --global-request " +
      "--cache-dir= -r= --rate=",
  ],
];
const spellings = own.flatMap(([verb, flags]) => `${common} ${flags}`.split(" ").map((flag) => [verb, flag] as const));

describe("flags", () => {
  it.each(spellings)("of Esop's %s are taken: %s", (verb, spelling) => {
    const flag = spelling.replace("=", "");
    if (spelling.endsWith("=")) {
      const values = [read(verb, flag, "some value"), read(verb, `${flag}=some value`)].map(Object.values);
      expect(values).toEqual([[["some value"]], [["some value"]]]);
    } else {
      expect(Object.values(read(verb, flag))).toEqual([["true"]]);
      if (flag.startsWith("--")) expect(Object.values(read(verb, `${flag}=false`))).toEqual([["false"]]);
    }
  });

  it("mean the same under each of their names", () => {
    expect(read("backup", "-s", "x")).toEqual({ snapshotTag: ["x"] });
    expect(read("backup", "--st=x")).toEqual({ snapshotTag: ["x"] });
    expect(read("backup", "-sx")).toEqual({ snapshotTag: ["x"] });
    expect(read("backup", "-d", "1h")).toEqual({ durationMs: ["1h"] });
    expect(read("remove-backup", "-d", "-o")).toEqual({ dry: ["true"], oldest: ["true"] });
    expect(read("remove-backup", "-do")).toEqual({ dry: ["true"], oldest: ["true"] });
    expect(read("restore", "--dd", "/x")).toEqual({ cassandraDir: ["/x"] });
  });

  it("collect repetitions under all their names", () => {
    expect(read("restore", "--data-dir", "/a", "--data-dir=/b")).toEqual({ dataDirs: ["/a", "/b"] });
    expect(read("backup", "--sl", "a", "--storage-location", "b")).toEqual({ storageLocation: ["a", "b"] });
  });

  it("may leave out their name where a command is for one thing", () => {
    expect(read("validate-storage", "s3://b", "--json")).toEqual({ storageLocation: ["s3://b"], json: ["true"] });
    expect(read("validate-storage", "--sl", "s3://a", "s3://b")).toEqual({ storageLocation: ["s3://a", "s3://b"] });
  });

  it("may hold what looks like an option when it is written with =", () => {
    expect(read("backup", "--proxy-password=-x=y")).toEqual({ "proxy.password": ["-x=y"] });
    expect(read("backup", "--duration=")).toEqual({ durationMs: [""] });
  });

  it("may stand before the command when every command has them", () => {
    expect(read("--debug", "--config-file", "f", "list", "--json")).toEqual({
      debug: ["true"],
      configFile: ["f"],
      json: ["true"],
    });
  });

  it.each([
    [["backup", "--bandwith", "1"], "unknown option --bandwith", "did you mean --bandwidth"],
    [["backup", "--older-than", "1d"], "unknown option --older-than", "esop help COMMAND"],
    [["list", "-x"], "unknown option -x", "esop help COMMAND"],
    [["backup", "--s", "x"], "unknown option --s", "esop help COMMAND"],
    [["backup", "--duration"], "--duration needs a value", "--duration=VALUE"],
    [["backup", "-s", "--json"], "-s needs a value", "-s=VALUE"],
    [["--sl", "s3://b", "backup"], "--sl is given before the command", "esop backup --storage-location"],
    [["--debgu", "backup"], "unknown option --debgu", "did you mean --debug"],
    [["backup", "now"], "unexpected argument 'now'", "quote values"],
    [["validate-storage", "s3://a", "s3://b"], "unexpected argument 's3://b'", "quote values"],
    [["backup", "--", "--json"], "unexpected argument '--json'", "quote values"],
    [["help", "backup", "list"], "unexpected argument 'list'", "quote values"],
    [["bakcup"], "unknown command 'bakcup'", "did you mean backup"],
    [["purge"], "unknown command 'purge'", "did you mean remove-backup"],
    [["delete"], "unknown command 'delete'", "did you mean remove-backup"],
    [["rm"], "unknown command 'rm'", "did you mean remove-backup"],
    [["remove"], "unknown command 'remove'", "did you mean remove-backup"],
    [["prune"], "unknown command 'prune'", "did you mean remove-backup"],
    [["status"], "unknown command 'status'", "did you mean check"],
    [["ls"], "unknown command 'ls'", "did you mean list"],
    [["Backup"], "unknown command 'Backup'", "did you mean backup"],
    [["remove_backup"], "unknown command 'remove_backup'", "did you mean remove-backup"],
    [["help", "constructor"], "unknown command 'constructor'", "esop help lists"],
  ])("refuse %j", (argv, message, hint) => {
    const complaint = expect.objectContaining({ code: "usage", message, hint: expect.stringContaining(hint) });
    expect(() => parse(...argv)).toThrow(complaint);
  });

  it("never show the value that is refused", () => {
    expect(() => parse("backup", "--jmx-password", "-tiger")).toThrow(
      expect.objectContaining({ message: "--jmx-password needs a value", hint: expect.not.stringContaining("tiger") }),
    );
  });
});

describe("commands", () => {
  it.each([
    [[], { kind: "nothing" }],
    [["--json"], { kind: "nothing" }],
    [["help"], { kind: "help" }],
    [["-h"], { kind: "help" }],
    [["--help"], { kind: "help" }],
    [["help", "help"], { kind: "help" }],
    [["version", "-h"], { kind: "help" }],
    [["help", "restore"], { kind: "help", command: "restore" }],
    [["restore", "help"], { kind: "help", command: "restore" }],
    [["restore", "--help"], { kind: "help", command: "restore" }],
    [["restore", "--sl", "x", "-h"], { kind: "help", command: "restore" }],
    [["--help", "restore"], { kind: "help", command: "restore" }],
  ])("%j", (argv, line) => {
    expect(parse(...argv)).toEqual(line);
  });

  it.each([["-V"], ["--version"], ["version"], ["backup", "-V"]])("%s asks for the version", (...argv) => {
    expect(parse(...argv).kind).toBe("version");
  });
});
