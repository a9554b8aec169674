import { toggle, type WithDerived } from "../options/option.ts";
import * as shared from "./shared-options.ts";
import { defineVerb } from "./verb.ts";

const options = {
  thorough: toggle("thorough", {
    group: "what",
    help: "also write, list and delete 1,001 small objects, more than a store lists on one page",
  }),
  ...shared.storageOptions,
};

/** Whether a store does all that is asked of it; no node is. */
export type ValidateStorageRequest = WithDerived<typeof options, shared.DerivedStorage>;

export const validateStorageVerb = defineVerb({
  summary: "prove that a store works, and name the permissions that are missing",
  description: [
    "Writes, shows, lists, reads, replaces, renews and deletes objects of its own: a small one and one of 33 MiB, which " +
      "S3 is sent in parts. They lie in the bucket, or in the node's part of it where the location names a node, under " +
      "names that begin with .esop-check-; no other object is touched, and none is left.",
    "Prints a line for each step with its time. Every step that can run does, whatever the others found; at the end all " +
      "permissions that the credentials lack are named. Ends with the status of the first step that failed.",
  ],
  examples: [
    { says: "a bucket, before anything else", line: "validate-storage s3://backups" },
    { says: "where the policy allows one node's part only", line: "validate-storage s3://backups/prod/dc1/node1" },
  ],
  options,
  positional: "storageLocation",
  derive: shared.deriveStorage,
});
