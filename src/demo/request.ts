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
    defaultText: "a temporary one",
    help: "empty directory to work in",
  }),
  keep: toggle("keep", {
    group: "what",
    help: "leave the node running and the directory in place, and say how to go on",
  }),
  cacheDir: optional("cache-dir", directory, {
    group: "behaviour",
    defaultText: "~/.cache/esop",
    help: "where the fetched Cassandra is kept for the next time",
  }),
};

function derive({ cacheDir }: Values<typeof options>, { homeDirectory }: RequestContext): Derived {
  return { cacheDir: cacheDir ?? `${homeDirectory.replace(/\/$/, "")}/.cache/esop` };
}

export const demoVerb = defineVerb({
  summary: "show a backup, a disaster and a restore on a real node of its own",
  description: [
    "Starts a real Cassandra on free loopback ports in a temporary directory, fills a few tables, backs them up, damages " +
      "them, restores them and compares every row; then stops the node and deletes everything. Needs Java 17 and, the " +
      "first time, Maven to fetch Cassandra.",
  ],
  examples: [
    { says: "look and forget", line: "demo" },
    { says: "leave the node running, to go on by hand", line: "demo --directory /tmp/esop-demo --keep" },
  ],
  options,
  derive,
});
