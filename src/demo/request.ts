import {
  defineVerb,
  directory,
  optional,
  type RequestContext,
  toggle,
  type Values,
  type WithDerived,
} from "../request/request.ts";

interface Derived {
  readonly cacheDir: string;
}

/** A round trip of backup and restore with a node of its own. */
export type DemoRequest = WithDerived<typeof options, Derived>;

const options = {
  directory: optional("directory", directory, {
    group: "what",
    defaultText: "a temporary directory",
    help: "empty directory for the node and its backups",
  }),
  keep: toggle("keep", {
    group: "what",
    help: "keep the node and its directory, and print commands to try",
  }),
  cacheDir: optional("cache-dir", directory, {
    group: "behaviour",
    defaultText: "~/.cache/esop",
    help: "directory for the downloaded Cassandra",
  }),
};

function derive({ cacheDir }: Values<typeof options>, { homeDirectory }: RequestContext): Derived {
  return { cacheDir: cacheDir ?? `${homeDirectory.replace(/\/$/, "")}/.cache/esop` };
}

export const demoVerb = defineVerb({
  summary: "demonstrate backup and restore on a temporary node",
  description: [
    "Starts Cassandra on free loopback ports in a temporary directory, fills a few tables, backs them up, damages them, " +
      "restores them and compares every row. Then stops the node and deletes everything. Needs Java 17 and, for the " +
      "first run, Maven to download Cassandra.",
  ],
  examples: [
    { says: "run the demo", line: "demo" },
    { says: "keep the node running to try more commands", line: "demo --directory /tmp/esop-demo --keep" },
  ],
  options,
  derive,
});
