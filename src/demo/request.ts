import {
  defineVerb,
  directory,
  generalOptions,
  optional,
  type RequestContext,
  toggle,
  type Values,
} from "../request/request.ts";

/** A round trip of backup and restore with a node of its own. */
export interface DemoRequest {
  /** Absent: a temporary directory. */
  readonly directory?: string | undefined;
  /** Leave the node running, and everything where it is. */
  readonly keep: boolean;
  /** Where the fetched Cassandra is kept for the next time. */
  readonly cacheDir: string;
}

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
  ...generalOptions,
};

function build(values: Values<typeof options>, context: RequestContext): DemoRequest {
  const home = context.homeDirectory.replace(/\/$/, "");
  return { directory: values.directory, keep: values.keep, cacheDir: values.cacheDir ?? `${home}/.cache/esop` };
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
  build,
});
