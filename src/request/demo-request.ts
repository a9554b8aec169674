import { optional, toggle, type Values } from "./option.ts";
import { generalOptions } from "./shared-options.ts";
import { directory } from "./values.ts";
import { defineVerb } from "./verb.ts";

/** A round trip of backup and restore without a node or a store of one's own. */
export interface DemoRequest {
  /** Absent: a temporary directory. */
  readonly directory?: string | undefined;
  /** Leave the directory as it is at the end. */
  readonly keep: boolean;
}

const options = {
  directory: optional("directory", directory, {
    group: "what",
    defaultText: "a temporary one",
    help: "empty directory to work in",
  }),
  keep: toggle("keep", { group: "what", help: "keep the directory afterwards" }),
  ...generalOptions,
};

function build(values: Values<typeof options>): DemoRequest {
  return { directory: values.directory, keep: values.keep };
}

export const demoVerb = defineVerb({
  summary: "show a backup and a restore, without a node or a store",
  description: [
    "Makes a small pretended node in a directory, backs it up to a file store there, damages it, restores it and " +
      "compares. Needs nothing but a little disk.",
  ],
  examples: [
    { says: "look and forget", line: "demo" },
    { says: "keep what was made, to look at the bucket", line: "demo --directory /tmp/esop-demo --keep" },
  ],
  options,
  build,
});
